//! The handles by which one worker counts.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::cells::{Block, Fixed, ServerCells, UpstreamCells};
use super::shape::{ServerAt, Words};
use super::{Counter, Gauge, Registry, Shared};
use crate::mirror::Mirrored;

/// Counts what no configuration changes, for the whole life of a worker. Not `Send`: it stays on
/// the thread that took it.
#[derive(Clone)]
pub struct WorkerMetrics {
    fixed: Arc<Fixed>,
    shared: Arc<Shared>,
    thread: PhantomData<*const ()>,
}

/// Counts by route, upstream and server as well, in the numbers of one snapshot.
#[derive(Clone)]
pub struct LabelledMetrics {
    block: Arc<Block>,
    registry: Arc<Registry>,
    plain: WorkerMetrics,
}

impl std::fmt::Debug for LabelledMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LabelledMetrics").finish_non_exhaustive()
    }
}

impl Deref for LabelledMetrics {
    type Target = WorkerMetrics;

    fn deref(&self) -> &WorkerMetrics {
        &self.plain
    }
}

impl WorkerMetrics {
    /// Adds to a counter.
    pub fn add(&self, counter: Counter, amount: u64) {
        self.fixed.counter(counter).add(amount);
    }

    /// Raises a gauge by one.
    pub fn rise(&self, gauge: Gauge) {
        self.fixed.gauge(gauge).add(1);
    }

    /// Lowers a gauge by one.
    pub fn fall(&self, gauge: Gauge) {
        self.fixed.gauge(gauge).sub(1);
    }

    /// Sets this worker's share of a gauge.
    pub fn set(&self, gauge: Gauge, level: u64) {
        self.fixed.gauge(gauge).set(level);
    }

    /// Counts a message refused by http1, by its reason code.
    pub fn refusal(&self, code: &str) {
        self.fixed.refusals.of(&self.words().refusals, code).add(1);
    }

    /// Counts an exchange that failed, by the kind of its fault.
    pub fn fault(&self, kind: &str) {
        self.fixed.faults.of(&self.words().faults, kind).add(1);
    }

    /// Counts a limit that was hit, by its name in the configuration.
    pub fn limit(&self, name: &str) {
        self.fixed.limits.of(&self.words().limits, name).add(1);
    }

    /// Counts a timeout that ran out, by its name in the configuration.
    pub fn timeout(&self, name: &str) {
        self.fixed.timeouts.of(&self.words().timeouts, name).add(1);
    }

    fn words(&self) -> &Words {
        &self.shared.words
    }
}

impl LabelledMetrics {
    pub(super) fn new(block: Arc<Block>, registry: Arc<Registry>) -> Self {
        let (fixed, shared) = (Arc::clone(&block.fixed), Arc::clone(&registry.shared));
        Self { block, registry, plain: WorkerMetrics { fixed, shared, thread: PhantomData } }
    }

    /// The counts that belong to no snapshot.
    #[must_use]
    pub fn plain(&self) -> WorkerMetrics {
        self.plain.clone()
    }

    /// Counts a finished exchange. `route` is an index into the shape or
    /// [`NO_ROUTE`](super::NO_ROUTE); `status` is 0 when the client left before an answer;
    /// `duration` runs from the first byte of the request to the last of the response.
    pub fn request(&self, route: u32, status: u16, duration: Duration) {
        self.block.fixed.status(status).add(1);
        let cells = self.block.route(route);
        cells.classes.of(status).add(1);
        cells.duration.record(duration);
    }

    /// Counts a response head from a server, and the time from the request's first byte to it.
    pub fn upstream_response(&self, at: ServerAt, status: u16, first_byte: Duration) {
        if let Some(cells) = self.server(at) {
            cells.classes.of(status).add(1);
            cells.first_byte.record(first_byte);
        }
    }

    /// Counts an attempt at a server that ended without a whole response.
    pub fn upstream_fault(&self, at: ServerAt) {
        if let Some(cells) = self.server(at) {
            cells.faults.add(1);
        }
    }

    /// Counts a connection made to a server, and how long it took (TLS included).
    pub fn upstream_connect(&self, at: ServerAt, took: Duration) {
        if let Some(cells) = self.server(at) {
            cells.connect.record(took);
        }
    }

    /// Counts a request sent again after a fault.
    pub fn retry(&self, upstream: u32) {
        self.upstream(upstream, |cells| cells.retries.add(1));
    }

    /// Counts a request of this upstream that went on to another one.
    pub fn failover(&self, upstream: u32) {
        self.upstream(upstream, |cells| cells.failovers.add(1));
    }

    /// Counts a second server that was asked because the first was late.
    pub fn hedged(&self, upstream: u32, is_heard: bool) {
        self.upstream(upstream, |cells| {
            let [heard, left] = &cells.hedges;
            let cell = if is_heard { heard } else { left };
            cell.add(1);
        });
    }

    /// Counts a copy of a request for this upstream.
    pub fn mirrored(&self, upstream: u32, outcome: Mirrored) {
        self.upstream(upstream, |cells| {
            let [sent, dropped, failed] = &cells.mirrored;
            let cell = match outcome {
                Mirrored::Sent => sent,
                Mirrored::Dropped => dropped,
                Mirrored::Failed => failed,
            };
            cell.add(1);
        });
    }

    /// Counts a request that found an idle connection.
    pub fn pool_hit(&self, upstream: u32) {
        self.upstream(upstream, |cells| cells.pool_hits.add(1));
    }

    /// Counts a request that had to connect.
    pub fn pool_miss(&self, upstream: u32) {
        self.upstream(upstream, |cells| cells.pool_misses.add(1));
    }

    /// Says how many idle connections this worker keeps to an upstream.
    pub fn pool_idle(&self, upstream: u32, connections: u64) {
        self.upstream(upstream, |cells| cells.pool_idle.set(connections));
    }

    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    fn server(&self, at: ServerAt) -> Option<&ServerCells> {
        let index = self.registry.labels.server_index(at)?;
        self.block.servers.get(index).map(|slot| slot.cells())
    }

    fn upstream(&self, index: u32, count: impl FnOnce(&UpstreamCells)) {
        if let Some(cells) = self.block.upstreams.get(index as usize) {
            count(cells);
        }
    }
}
