//! How a route uses the cache, compiled.

use std::sync::Arc;
use std::time::Duration;

use cache::disk::DiskPlan;
use cache::search_rules::SearchRules;
use cache::steering;
use cache::storable::Policy;
use cache::store::{Store, StoreLimits};
use cache::tier::TierPlan;
use cache::top::Top;
use ipnet::IpNet;

use super::disk_reads::DiskReads;
use super::flight::Flights;
use super::key::KeyPlan;
use crate::exchange::Exchange;
use crate::route::{Predicate, Query};
use crate::tls::Facts;

/// A store, and what is on its way into it. All workers share it, and it outlives a reload that
/// leaves it as it is.
#[derive(Debug)]
pub struct Shelf {
    /// Its name; empty for the one without.
    pub name: String,
    /// What is kept.
    pub store: Store,
    /// What is asked for most.
    pub top: Top,
    /// The disk below it as it is wanted.
    disk: Option<config::CacheDisk>,
    disk_object_bytes_max: u64,
    /// What is being fetched.
    pub(super) flights: Arc<Flights>,
    /// The reads of its disk that requests wait for.
    pub(super) disk_reads: DiskReads,
    /// Which URLs have one response, by what responses say.
    pub(super) search: SearchRules,
}

/// With a disk below it, memory takes objects up to one part in this many of its size; longer
/// ones are on the disk alone.
const MEMORY_OBJECT_PART: u64 = 16;

/// A body up to this size comes back to memory; a longer one is read where it is.
const PROMOTE_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of the log of purges; all notes that there may be fit into it.
const PURGE_LOG_BYTES_MAX: u64 = 64 << 20;

impl Shelf {
    /// The shelf that a configuration asks for; the one of before, if it is the same.
    #[must_use]
    pub fn compile(config: &config::CacheStore, before: &[Arc<Self>]) -> Arc<Self> {
        let memory_bytes_max = usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX);
        let object_bytes_max = match &config.disk {
            Some(_) => config.object_bytes_max.min(config.memory_bytes_max / MEMORY_OBJECT_PART),
            None => config.object_bytes_max,
        };
        let limits = StoreLimits { memory_bytes_max, object_bytes_max };
        let search_bytes_max =
            usize::try_from(config.no_vary_search_bytes_max).unwrap_or(usize::MAX);
        let same = |shelf: &&Arc<Self>| {
            shelf.name == config.name
                && shelf.store.limits() == limits
                && shelf.search.bytes_max() == search_bytes_max
                && shelf.disk == config.disk
                && shelf.disk_object_bytes_max == config.object_bytes_max
        };
        before.iter().find(same).cloned().unwrap_or_else(|| {
            Arc::new(Self {
                name: config.name.clone(),
                store: Store::new(limits),
                top: Top::default(),
                disk: config.disk.clone(),
                disk_object_bytes_max: config.object_bytes_max,
                flights: Arc::default(),
                disk_reads: DiskReads::default(),
                search: SearchRules::new(search_bytes_max),
            })
        })
    }

    /// Its name in metrics.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.name.is_empty() { "default" } else { &self.name }
    }

    /// Whether the store is to have a disk.
    #[must_use]
    pub fn wants_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Opens the disk below the store, if there is to be one, with what an earlier process left
    /// there.
    ///
    /// # Errors
    /// A sentence for the operator. The store works in memory alone then.
    pub fn open_disk(&self) -> Result<(), String> {
        let Some(wanted) = self.disk.as_ref().filter(|_| self.store.tier().is_none()) else {
            return Ok(());
        };
        let memory_bytes_max = self.store.limits().memory_bytes_max;
        let mut disk = DiskPlan::new(&wanted.directory, wanted.bytes_max);
        disk.object_bytes_max = self.disk_object_bytes_max;
        disk.purge_bytes_max = PURGE_LOG_BYTES_MAX;
        let plan = TierPlan {
            disk,
            queue_bytes_max: usize::try_from(wanted.queue_bytes_max).unwrap_or(usize::MAX),
            promote_bytes_max: PROMOTE_BYTES_MAX.min(memory_bytes_max as u64 / MEMORY_OBJECT_PART),
        };
        self.store.open_disk(plan).map_err(|error| {
            format!("the cache works without its disk {}: {error}", wanted.directory.display())
        })
    }
}

/// How a route uses the cache.
#[derive(Debug)]
pub struct CachePlan {
    pub(super) shelf: Arc<Shelf>,
    /// Index of the shelf.
    pub(super) shelf_index: u32,
    pub(super) policy: Policy,
    /// `Cache-Status` is sent.
    pub(super) tells: bool,
    /// It tells the key.
    pub(super) shows_key: bool,
    /// Directives of requests count.
    pub(super) honors_requests: bool,
    pub(super) key: KeyPlan,
    /// Bytes of a POST's body by which its response is known.
    pub(super) post_body_bytes_max: Option<u64>,
    bypass: Box<[Box<[Predicate]>]>,
    pub(super) purge_from: Vec<IpNet>,
}

impl CachePlan {
    /// The store that it uses.
    #[must_use]
    pub fn store(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Compiles the cache of a route. `shelves` has all stores of the configuration.
    #[must_use]
    pub fn compile(route: &config::Route, shelves: &[Arc<Shelf>]) -> Option<Self> {
        let plan = route.cache.as_ref()?;
        let seconds = |time: Option<Duration>| {
            time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
        };
        let one = |conditions: &Vec<_>| conditions.iter().map(Predicate::from).collect();
        let shelf_index = shelves.iter().position(|shelf| shelf.name == plan.store)?;
        Some(Self {
            shelf: Arc::clone(shelves.get(shelf_index)?),
            shelf_index: u32::try_from(shelf_index).unwrap_or(u32::MAX),
            policy: Policy {
                ttl_s: seconds(plan.ttl),
                override_ttl_s: seconds(plan.override_ttl),
                error_ttl_s: seconds(plan.error_ttl),
                stale_while_revalidate_s: seconds(plan.stale_while_revalidate),
                stale_if_error_s: seconds(plan.stale_if_error),
                ..Policy::default()
            },
            tells: plan.status,
            shows_key: plan.shows_key,
            honors_requests: plan.client_directives,
            key: KeyPlan::compile(route, &plan.key),
            post_body_bytes_max: plan.post_body_bytes_max,
            bypass: plan.bypass.iter().map(one).collect(),
            purge_from: plan.purge_from.clone(),
        })
    }

    /// What is wanted of the response to one request.
    pub(super) fn policy_for(&self, exchange: &Exchange, is_post_keyed: bool) -> Policy {
        let shows = |facts: &Facts| facts.identity.is_some() && facts.client_cert.is_some();
        let shows_identity = exchange.tls.as_deref().is_some_and(shows);
        Policy { is_post_keyed, shows_identity, ..self.policy }
    }

    /// Whether a request goes past the cache.
    pub(super) fn bypasses(&self, exchange: &Exchange) -> bool {
        self.bypassed_by(exchange).is_some()
    }

    /// The first `bypass` whose conditions all hold, by its number.
    pub(super) fn bypassed_by(&self, exchange: &Exchange) -> Option<usize> {
        let client = exchange.client.address;
        let query = Query { head: &exchange.request, path: exchange.path(), client };
        self.bypass.iter().position(|all| all.iter().all(|condition| condition.holds(&query)))
    }

    /// The fields of a request that may have made it another one for the origin. A trusted proxy
    /// writes them itself, and what is part of the key is told apart.
    pub(super) fn steering<'a>(&'a self, exchange: &'a Exchange) -> impl Iterator<Item = &'a [u8]> {
        let is_trusted = exchange.client.trusted;
        let all = steering::steering(&exchange.request.headers).map(|field| field.name);
        all.filter(move |name| !is_trusted && !self.key.has_header(name))
    }
}
