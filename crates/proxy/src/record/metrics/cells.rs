//! The cells themselves: who owns which, and how they carry over to the next shape.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::cached::{CacheCells, StoreCells, store_names};
use super::compressed::CompressCells;
use super::histogram::Histogram;
use super::shape::{Labels, Words, firsts};
use super::table::{COUNTERS, Counter, GAUGES, Gauge};

/// One number with a single writer and any number of readers.
#[derive(Debug, Default)]
pub(super) struct Cell(AtomicU64);

impl Cell {
    /// Load and store rather than `fetch_add`: the only writer is this thread, and a locked
    /// instruction would cost more than everything else here.
    pub(super) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }

    pub(super) fn sub(&self, amount: u64) {
        self.add(amount.wrapping_neg());
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All cells of one worker. Its own allocation, aligned so that no cache line is shared.
#[repr(align(128))]
pub(super) struct Block {
    pub(super) fixed: Arc<Fixed>,
    pub(super) routes: Vec<Arc<Slot<RouteCells>>>,
    pub(super) servers: Vec<Arc<Slot<ServerCells>>>,
    pub(super) upstreams: Vec<Arc<UpstreamCells>>,
    pub(super) stores: Vec<Arc<StoreCells>>,
}

impl Block {
    /// Cells for these labels; those that `before` has under the same label are shared with it.
    pub(super) fn new(labels: &Labels, words: &Words, before: Option<(&Labels, &Self)>) -> Self {
        let fixed = before
            .map_or_else(|| Arc::new(Fixed::new(words)), |(_, block)| Arc::clone(&block.fixed));
        let routes = before.map(|(old, block)| (old.routes.as_slice(), block.routes.as_slice()));
        let servers = before.map(|(old, block)| (old.servers.as_slice(), block.servers.as_slice()));
        let upstreams =
            before.map(|(old, block)| (old.upstreams.as_slice(), block.upstreams.as_slice()));
        let names = before.map(|(old, _)| store_names(old)).unwrap_or_default();
        let stores = before.map(|(_, block)| (names.as_slice(), block.stores.as_slice()));
        Self {
            fixed,
            routes: carry(&labels.routes, routes),
            servers: carry(&labels.servers, servers),
            upstreams: carry(&labels.upstreams, upstreams),
            stores: carry(&store_names(labels), stores),
        }
    }

    /// The cells of a route; those of no route for an index beyond the shape.
    pub(super) fn route(&self, index: u32) -> &RouteCells {
        static NOWHERE: OnceLock<RouteCells> = OnceLock::new();
        match self.routes.get(index as usize).or_else(|| self.routes.last()) {
            Some(slot) => slot.cells(),
            None => NOWHERE.get_or_init(RouteCells::default),
        }
    }
}

/// One shared cell set a label: taken from `before` where the label was there, else new.
pub(super) fn carry<K: Hash + Eq, T: Default>(
    labels: &[K],
    before: Option<(&[K], &[Arc<T>])>,
) -> Vec<Arc<T>> {
    let (old_labels, old_cells) = before.unwrap_or_default();
    let old = firsts(old_labels);
    let new = firsts(labels);
    let mut cells: Vec<Arc<T>> = Vec::with_capacity(labels.len());
    for label in labels {
        let same = new.get(label).and_then(|first| cells.get(*first));
        let carried = || old.get(label).and_then(|first| old_cells.get(*first));
        cells.push(same.or_else(carried).map_or_else(Arc::default, Arc::clone));
    }
    cells
}

/// Cells that take no memory until their worker first counts something there.
#[derive(Debug)]
pub(super) struct Slot<T> {
    cells: OnceLock<Box<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { cells: OnceLock::new() }
    }
}

impl<T: Default> Slot<T> {
    pub(super) fn cells(&self) -> &T {
        self.cells.get_or_init(Box::default)
    }

    pub(super) fn used(&self) -> Option<&T> {
        self.cells.get().map(Box::as_ref)
    }
}

/// The cells that no configuration changes.
pub(super) struct Fixed {
    counters: [Cell; COUNTERS.len()],
    gauges: [Cell; GAUGES.len()],
    /// Exact status codes 100 to 599; the cell before them takes everything else.
    statuses: [Cell; 501],
    pub(super) refusals: Coded,
    pub(super) faults: Coded,
    pub(super) limits: Coded,
    pub(super) timeouts: Coded,
}

impl Fixed {
    fn new(words: &Words) -> Self {
        Self {
            counters: std::array::from_fn(|_| Cell::default()),
            gauges: std::array::from_fn(|_| Cell::default()),
            statuses: std::array::from_fn(|_| Cell::default()),
            refusals: Coded::new(&words.refusals),
            faults: Coded::new(&words.faults),
            limits: Coded::new(&words.limits),
            timeouts: Coded::new(&words.timeouts),
        }
    }

    pub(super) fn counter(&self, counter: Counter) -> &Cell {
        &self.counters[counter as usize]
    }

    pub(super) fn gauge(&self, gauge: Gauge) -> &Cell {
        &self.gauges[gauge as usize]
    }

    pub(super) fn status(&self, status: u16) -> &Cell {
        let at = if (100..600).contains(&status) { usize::from(status) - 99 } else { 0 };
        &self.statuses[at]
    }
}

/// One cell for each word of a list and a last one for words that are not in it.
#[derive(Debug)]
pub(super) struct Coded(Box<[Cell]>);

impl Coded {
    pub(super) fn new(words: &[&str]) -> Self {
        Self((0..=words.len()).map(|_| Cell::default()).collect())
    }

    pub(super) fn of(&self, words: &[&str], word: &str) -> &Cell {
        let at = words.iter().position(|known| *known == word).unwrap_or(self.0.len() - 1);
        self.at(at)
    }

    pub(super) fn at(&self, index: usize) -> &Cell {
        &self.0[index.min(self.0.len() - 1)]
    }
}

/// Requests by the first digit of their status; the first cell is for those without an answer.
#[derive(Debug, Default)]
pub(super) struct Classes([Cell; 6]);

/// The label values of [`Classes`], in order.
pub(super) const CLASS_LABELS: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

impl Classes {
    pub(super) fn of(&self, status: u16) -> &Cell {
        self.0.get(usize::from(status / 100)).unwrap_or(&self.0[0])
    }

    pub(super) fn at(&self, class: usize) -> &Cell {
        self.0.get(class).unwrap_or(&self.0[0])
    }
}

/// What is counted for a route.
#[derive(Debug, Default)]
pub(super) struct RouteCells {
    pub(super) classes: Classes,
    pub(super) duration: Histogram,
    pub(super) cache: Slot<CacheCells>,
    pub(super) compress: Slot<CompressCells>,
}

/// What is counted for a server.
#[derive(Debug, Default)]
pub(super) struct ServerCells {
    pub(super) classes: Classes,
    pub(super) faults: Cell,
    pub(super) connect: Histogram,
    pub(super) first_byte: Histogram,
}

/// What is counted for an upstream beyond its servers.
#[derive(Debug, Default)]
pub(super) struct UpstreamCells {
    pub(super) retries: Cell,
    pub(super) failovers: Cell,
    /// Heard, left.
    pub(super) hedges: [Cell; 2],
    /// Sent, dropped, failed.
    pub(super) mirrored: [Cell; 3],
    pub(super) pool_hits: Cell,
    pub(super) pool_misses: Cell,
    pub(super) pool_idle: Cell,
}

/// Counts of the access log, kept by whole buffers and so with ordinary atomic additions.
#[derive(Debug, Default)]
pub struct LogCounts {
    written: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
}

impl LogCounts {
    /// Counts lines that reached the log.
    pub fn add_written(&self, lines: u64) {
        self.written.fetch_add(lines, Ordering::Relaxed);
    }

    /// Counts lines that were lost because the log could not take them in time.
    pub fn add_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Counts a failed write or open.
    pub fn add_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines that reached the log.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lines that were lost.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Failed writes and opens.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
}
