//! Counters and latency histograms: one block of cells a worker, summed when somebody reads.
//!
//! A cell has a single writer, its worker, so that counting is a load and a store without a lock
//! or a bus-locking instruction. Label sets come from the configuration ([`Shape`]) and from
//! fixed lists ([`Words`]), never from traffic. A reload builds the next shape beside this one
//! with [`Metrics::next`]; what keeps its label keeps its count.

mod cached;
pub mod cells;
mod clusters;
mod compressed;
mod discovery;
pub mod exposition;
pub mod histogram;
mod probes;
mod process;
pub mod shape;
mod stores;
#[cfg(test)]
mod strict;
pub mod table;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

pub use self::cached::{CacheOutcome, Cached, Refreshed, StoreTotals};
pub use self::cells::LogCounts;
use self::cells::{Block, Fixed};
pub use self::compressed::NotCompressed;
use self::discovery::Discoveries;
use self::probes::Probes;
use self::shape::Labels;
pub use self::shape::{NO_ROUTE, ServerAt, Shape, UpstreamNames, Words};
pub use self::table::{Counter, Gauge};
pub use self::worker::{LabelledMetrics, WorkerMetrics};

/// The metrics of one generation of the configuration. Cheap to clone; read from any thread.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
}

struct Registry {
    labels: Labels,
    blocks: Vec<Arc<Block>>,
    probes: Probes,
    workers: usize,
    shared: Arc<Shared>,
}

/// What outlives every generation and belongs to no worker.
struct Shared {
    words: Words,
    log: Arc<LogCounts>,
    generation: AtomicU64,
    started_unix_s: u64,
    /// The file of each configured certificate, and when it ends.
    certificates: Mutex<Vec<(String, u64)>>,
    certificate_faults: AtomicU64,
    discoveries: Discoveries,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Metrics {
    /// Lays out the cells of a first configuration, all zero.
    #[must_use]
    pub fn new(mut shape: Shape) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shared = Arc::new(Shared {
            words: std::mem::take(&mut shape.words),
            log: Arc::new(LogCounts::default()),
            generation: AtomicU64::new(1),
            started_unix_s: since.as_secs(),
            certificates: Mutex::default(),
            certificate_faults: AtomicU64::new(0),
            discoveries: Discoveries::default(),
        });
        Self::build(shape, shared, None)
    }

    /// Lays out the cells of the next configuration. Routes, upstreams and servers that keep
    /// their names share their cells with this one, so handles of both count into the same
    /// place; the others begin at zero. The word lists of the first shape stay.
    #[must_use]
    pub fn next(&self, shape: Shape) -> Self {
        let next = self.with_servers(shape);
        next.registry.shared.generation.fetch_add(1, Ordering::Relaxed);
        next
    }

    /// The same for a shape that differs in servers alone, which is no new configuration.
    #[must_use]
    pub fn with_servers(&self, shape: Shape) -> Self {
        let old = self.registry.as_ref();
        Self::build(shape, Arc::clone(&old.shared), Some(old))
    }

    fn build(shape: Shape, shared: Arc<Shared>, old: Option<&Registry>) -> Self {
        let mut labels = Labels::new(shape.routes, shape.upstreams);
        labels.shelves = shape.shelves;
        let known = old.map_or(0, |old| old.blocks.len());
        let blocks = (0..shape.workers.max(known))
            .map(|at| {
                let before = old.and_then(|old| Some((&old.labels, old.blocks.get(at)?.as_ref())));
                Arc::new(Block::new(&labels, &shared.words, before))
            })
            .collect();
        let probes = Probes::new(&labels, old.map(|old| (&old.labels, &old.probes)));
        let registry = Registry { labels, blocks, probes, workers: shape.workers, shared };
        Self { registry: Arc::new(registry) }
    }

    /// The writing handle of a worker, to be taken on that worker's thread and by it alone:
    /// two writers of one block would lose counts. An index beyond the shape shares the last
    /// block.
    #[must_use]
    pub fn worker(&self, index: usize) -> LabelledMetrics {
        let blocks = &self.registry.blocks;
        let block = blocks.get(index).or_else(|| blocks.last()).map_or_else(
            || Arc::new(Block::new(&self.registry.labels, &self.registry.shared.words, None)),
            Arc::clone,
        );
        LabelledMetrics::new(block, Arc::clone(&self.registry))
    }

    /// The counts of the access log, which its writer thread keeps.
    #[must_use]
    pub fn log_counts(&self) -> Arc<LogCounts> {
        Arc::clone(&self.registry.shared.log)
    }

    /// How many configurations have been in force, the first one being 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.registry.shared.generation.load(Ordering::Relaxed)
    }

    /// Worker threads of this generation.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.registry.workers
    }

    /// When the process began, in seconds since 1970.
    #[must_use]
    pub fn started_unix_s(&self) -> u64 {
        self.registry.shared.started_unix_s
    }

    /// Says when the configured certificates end, in seconds since 1970.
    pub fn set_certificates(&self, certificates: Vec<(String, u64)>) {
        if let Ok(mut known) = self.registry.shared.certificates.lock() {
            *known = certificates;
        }
    }

    /// When the configured certificates end.
    #[must_use]
    pub fn certificates(&self) -> Vec<(String, u64)> {
        let known = self.registry.shared.certificates.lock();
        known.map(|known| known.clone()).unwrap_or_default()
    }

    /// Counts a changed certificate that could not be used.
    pub fn certificate_fault(&self) {
        self.registry.shared.certificate_faults.fetch_add(1, Ordering::Relaxed);
    }

    /// Changed certificates that could not be used.
    #[must_use]
    pub fn certificate_faults(&self) -> u64 {
        self.registry.shared.certificate_faults.load(Ordering::Relaxed)
    }

    /// The sum of a counter over the workers.
    #[must_use]
    pub fn total(&self, counter: Counter) -> u64 {
        self.sum(|fixed| fixed.counter(counter).value())
    }

    /// The sum of a gauge over the workers.
    #[must_use]
    pub fn level(&self, gauge: Gauge) -> u64 {
        self.sum(|fixed| fixed.gauge(gauge).value())
    }

    /// Requests answered with this status code, over all routes.
    #[must_use]
    pub fn responses(&self, status: u16) -> u64 {
        self.sum(|fixed| fixed.status(status).value())
    }

    fn sum(&self, read: impl Fn(&Fixed) -> u64) -> u64 {
        let values = self.registry.blocks.iter().map(|block| read(&block.fixed));
        values.fold(0, u64::wrapping_add)
    }
}

#[cfg(test)]
mod tests;
