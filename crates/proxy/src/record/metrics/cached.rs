//! What the cache did, by route: what became of requests and why, what was kept and why not, how
//! long it took to come. And the sums of each store, which are shown elsewhere.

use std::time::Duration;

use cache::status::Forward;
use cache::storable::NotStored;

use super::cells::{Cell, Coded, RouteCells, Slot};
use super::exposition::FamilyWriter;
use super::histogram::{Histogram, Summed};
use super::shape::{Labels, distinct};
use super::{LabelledMetrics, Metrics, Registry};

/// What became of a request of a route with a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// Answered with a fresh response.
    Hit,
    /// Answered with a stale one, where that is allowed.
    Stale,
    /// Answered with a stored one that the origin said is still right.
    Revalidated,
    /// Answered with what another request has fetched at the same time.
    Collapsed,
    /// Answered by the origin.
    Miss,
    /// It went past the cache.
    Bypass,
    /// Nobody had an answer.
    Failed,
}

impl CacheOutcome {
    const LABELS: [&str; 7] =
        ["hit", "stale", "revalidated", "collapsed", "miss", "bypass", "failed"];

    /// The word for it in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS.get(self as usize).copied().unwrap_or_default()
    }

    /// Whether the content came out of the cache.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Revalidated | Self::Collapsed)
    }
}

/// What the cache did with a request: the outcome, and which store it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached {
    /// What became of it.
    pub outcome: CacheOutcome,
    /// Index of the store.
    pub store: u32,
}

/// What became of a validation beside an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// What is stored is still right.
    Validated,
    /// There was a new response.
    Fetched,
    /// The origin did not answer, or with an error.
    Failed,
}

impl Refreshed {
    const LABELS: [&str; 3] = ["validated", "fetched", "failed"];
}

/// Why requests went on to the origin, by the number of the reason.
const FORWARDS: [&str; Forward::ALL.len()] = {
    let mut labels = [""; Forward::ALL.len()];
    let mut at = 0;
    while at < labels.len() {
        labels[at] = Forward::ALL[at].label();
        at += 1;
    }
    labels
};

/// Reasons beside those of RFC 9111 why a response is not kept.
const OWN_REASONS: [&str; 6] =
    ["too-large", "no-room", "disk", "partial", "invalidated", "incomplete"];

const RULES: usize = NotStored::ALL.len();

/// Why responses are not kept.
const NOT_KEPT: [&str; RULES + OWN_REASONS.len()] = {
    let mut labels = [""; RULES + OWN_REASONS.len()];
    let mut at = 0;
    while at < labels.len() {
        labels[at] = if at < RULES { NotStored::ALL[at].label() } else { OWN_REASONS[at - RULES] };
        at += 1;
    }
    labels
};

/// What is counted for a route with a cache.
#[derive(Debug)]
pub(super) struct CacheCells {
    outcomes: [Cell; CacheOutcome::LABELS.len()],
    sent_bytes: Cell,
    forwards: Coded,
    stores: Cell,
    not_kept: Coded,
    refreshes: [Cell; Refreshed::LABELS.len()],
    fill: Histogram,
}

impl Default for CacheCells {
    fn default() -> Self {
        Self {
            outcomes: Default::default(),
            sent_bytes: Cell::default(),
            forwards: Coded::new(&FORWARDS),
            stores: Cell::default(),
            not_kept: Coded::new(&NOT_KEPT),
            refreshes: Default::default(),
            fill: Histogram::default(),
        }
    }
}

/// The sums of a store, in a cache line of their own: those of other workers may lie beside them.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct StoreCells {
    hits: Cell,
    misses: Cell,
    sent_bytes: Cell,
}

/// What a store has done for its routes since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreTotals {
    /// Requests answered out of it, validated and collapsed ones included.
    pub hits: u64,
    /// Requests that it could not answer; those that went past it are not among them.
    pub misses: u64,
    /// Bytes of content sent out of it.
    pub sent_bytes: u64,
}

impl StoreTotals {
    /// The part of requests that was answered out of it; `None` before the first one.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}

impl LabelledMetrics {
    /// Counts what the cache did with a finished exchange; `sent_bytes` of content
    /// went to the client.
    pub fn cached(&self, route: u32, cached: Cached, sent_bytes: u64) {
        let cells = self.caching(route);
        if let Some(cell) = cells.outcomes.get(cached.outcome as usize) {
            cell.add(1);
        }
        let store = self.block().stores.get(cached.store as usize);
        if cached.outcome.is_hit() {
            cells.sent_bytes.add(sent_bytes);
            if let Some(store) = store {
                store.hits.add(1);
                store.sent_bytes.add(sent_bytes);
            }
        } else if let (Some(store), CacheOutcome::Miss | CacheOutcome::Failed) =
            (store, cached.outcome)
        {
            store.misses.add(1);
        }
    }

    /// Counts a request that the cache did not answer at once.
    pub fn cache_forward(&self, route: u32, forward: Forward) {
        self.caching(route).forwards.of(&FORWARDS, forward.label()).add(1);
    }

    /// Counts a response that was put into the cache.
    pub fn cache_stored(&self, route: u32) {
        self.caching(route).stores.add(1);
    }

    /// Counts a response that was not kept, or not to the end, by the reason that `Cache-Status`
    /// gives.
    pub fn cache_not_kept(&self, route: u32, reason: &str) {
        self.caching(route).not_kept.of(&NOT_KEPT, reason).add(1);
    }

    /// Counts a validation beside an answer.
    pub fn cache_refreshed(&self, route: u32, refreshed: Refreshed) {
        if let Some(cell) = self.caching(route).refreshes.get(refreshed as usize) {
            cell.add(1);
        }
    }

    /// Counts content that has come in whole, and how long that took from the request on.
    pub fn cache_filled(&self, route: u32, took: Duration) {
        self.caching(route).fill.record(took);
    }

    fn caching(&self, route: u32) -> &CacheCells {
        self.block().route(route).cache.cells()
    }
}

impl Metrics {
    /// What the store with this index has done.
    #[must_use]
    pub fn store_totals(&self, store: usize) -> StoreTotals {
        let mut totals = StoreTotals::default();
        for cells in self.registry.blocks.iter().filter_map(|block| block.stores.get(store)) {
            totals.hits += cells.hits.value();
            totals.misses += cells.misses.value();
            totals.sent_bytes += cells.sent_bytes.value();
        }
        totals
    }

    /// What the cache has done at each route that uses it, by the route's pattern.
    #[must_use]
    pub fn route_totals(&self) -> Vec<(String, StoreTotals)> {
        let mut routes = Vec::new();
        each(&self.registry, |label, used| {
            let mut totals = StoreTotals::default();
            for cells in used {
                let [hit, stale, revalidated, collapsed, miss, _, failed] = &cells.outcomes;
                totals.hits +=
                    [hit, stale, revalidated, collapsed].map(Cell::value).iter().sum::<u64>();
                totals.misses += miss.value() + failed.value();
                totals.sent_bytes += cells.sent_bytes.value();
            }
            routes.push((label.to_owned(), totals));
        });
        routes
    }
}

/// The names of the stores, by which their sums are carried over a reload.
pub(super) fn store_names(labels: &Labels) -> Vec<String> {
    labels.shelves.iter().map(|shelf| shelf.name.clone()).collect()
}

pub(super) fn requests(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |route, used| {
        for (at, label) in CacheOutcome::LABELS.into_iter().enumerate() {
            let cells = used.iter().filter_map(|cells| cells.outcomes.get(at));
            out.sample_unless_zero(&[route, label], cells.map(Cell::value).sum());
        }
    });
}

pub(super) fn refreshes(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |route, used| {
        for (at, label) in Refreshed::LABELS.into_iter().enumerate() {
            let cells = used.iter().filter_map(|cells| cells.refreshes.get(at));
            out.sample_unless_zero(&[route, label], cells.map(Cell::value).sum());
        }
    });
}

pub(super) fn sent_bytes(registry: &Registry, out: &mut FamilyWriter<'_>) {
    plain(registry, out, |cells| &cells.sent_bytes);
}

pub(super) fn stores(registry: &Registry, out: &mut FamilyWriter<'_>) {
    plain(registry, out, |cells| &cells.stores);
}

pub(super) fn forwards(registry: &Registry, out: &mut FamilyWriter<'_>) {
    coded(registry, (out, &FORWARDS), |cells| &cells.forwards);
}

pub(super) fn not_kept(registry: &Registry, out: &mut FamilyWriter<'_>) {
    coded(registry, (out, &NOT_KEPT), |cells| &cells.not_kept);
}

pub(super) fn fills(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |route, used| {
        let mut summed = Summed::default();
        used.iter().for_each(|cells| summed.add(&cells.fill));
        out.histogram_unless_empty(&[route], &summed);
    });
}

fn each(registry: &Registry, show: impl FnMut(&str, &[&CacheCells])) {
    each_route(registry, |cells| &cells.cache, show);
}

/// Calls `show` for each route that has counted something there, with the cells of the workers.
pub(super) fn each_route<T: Default>(
    registry: &Registry,
    of: impl Fn(&RouteCells) -> &Slot<T>,
    mut show: impl FnMut(&str, &[&T]),
) {
    for at in distinct(&registry.labels.routes) {
        let Some(label) = registry.labels.routes.get(at) else { continue };
        let used: Vec<_> = registry.routes_used(at).filter_map(|cells| of(cells).used()).collect();
        if !used.is_empty() {
            show(label, &used);
        }
    }
}

fn plain(
    registry: &Registry,
    out: &mut FamilyWriter<'_>,
    of: impl for<'a> Fn(&'a CacheCells) -> &'a Cell,
) {
    each(registry, |route, used| {
        out.sample_unless_zero(&[route], used.iter().map(|cells| of(cells).value()).sum());
    });
}

fn coded(
    registry: &Registry,
    (out, words): (&mut FamilyWriter<'_>, &[&str]),
    of: impl for<'a> Fn(&'a CacheCells) -> &'a Coded,
) {
    each(registry, |route, used| {
        for (at, word) in words.iter().copied().chain(["other"]).enumerate() {
            let number = used.iter().map(|cells| of(cells).at(at).value()).sum();
            out.sample_unless_zero(&[route, word], number);
        }
    });
}
