//! Whether the disk does what it is asked to, and the numbers of the store.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use super::error::DiskError;

/// Numbers of a store for metrics. All but the first five only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskNumbers {
    /// Objects that can be found.
    pub objects: u64,
    /// Bytes of all files, unfinished bodies included.
    pub bytes: u64,
    /// Files of records.
    pub segments: u64,
    /// Bytes of memory of the index.
    pub index_bytes: u64,
    /// Objects that are being written.
    pub writers: u64,
    /// Objects that were written, heads that were renewed included.
    pub writes: u64,
    /// Objects that were found and read.
    pub reads: u64,
    /// Objects that had to go for room.
    pub evicted: u64,
    /// Objects that were written again instead, since they had been asked for.
    pub reinserted: u64,
    /// Records and blocks that were not what had been written.
    pub corrupt: u64,
    /// Operations that the system refused.
    pub errors: u64,
}

/// What only grows.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) writes: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) reinserted: AtomicU64,
    pub(super) corrupt: AtomicU64,
    pub(super) errors: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Reading and writing fail on their own: a full disk can still be read, and would keep a store
/// alive that can remove nothing.
#[derive(Debug)]
pub(super) struct Health {
    errors_max: u32,
    reads: AtomicU32,
    writes: AtomicU32,
    failed: AtomicBool,
    pub(super) counters: Counters,
}

impl Health {
    pub(super) fn new(errors_max: u32) -> Self {
        Self {
            errors_max,
            reads: AtomicU32::default(),
            writes: AtomicU32::default(),
            failed: AtomicBool::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Nothing is tried on a store that has failed.
    pub(super) fn check(&self) -> Result<(), DiskError> {
        if self.is_failed() { Err(DiskError::Failed) } else { Ok(()) }
    }

    pub(super) fn written<T>(&self, outcome: io::Result<T>) -> Result<T, DiskError> {
        self.note(&self.writes, outcome)
    }

    /// As `written` for what also succeeds on a full disk, so that it mends nothing.
    pub(super) fn tried<T>(&self, outcome: io::Result<T>) -> Result<T, DiskError> {
        match outcome {
            Ok(done) => Ok(done),
            failed => self.written(failed),
        }
    }

    pub(super) fn read<T>(&self, outcome: io::Result<T>) -> Result<T, DiskError> {
        match outcome {
            // A file that is shorter than it was is damaged; the disk does its work.
            Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => Err(DiskError::Corrupt),
            Err(cause) if cause.kind() == ErrorKind::WouldBlock => Err(DiskError::WouldWait),
            outcome => self.note(&self.reads, outcome),
        }
    }

    fn note<T>(&self, in_a_row: &AtomicU32, outcome: io::Result<T>) -> Result<T, DiskError> {
        if outcome.is_ok() {
            in_a_row.store(0, Ordering::Relaxed);
        } else {
            count(&self.counters.errors);
            if in_a_row.fetch_add(1, Ordering::Relaxed) + 1 >= self.errors_max {
                self.failed.store(true, Ordering::Relaxed);
            }
        }
        Ok(outcome?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_turn_a_store_off_and_successes_break_the_row() {
        let refused = || Err::<(), _>(io::Error::from(ErrorKind::StorageFull));
        let health = Health::new(3);
        for _ in 0..5 {
            assert!(health.written(refused()).is_err() && health.written(refused()).is_err());
            assert!(health.written(Ok(())).is_ok() && !health.is_failed());
        }
        for _ in 0..3 {
            assert!(health.check().is_ok() && health.written(refused()).is_err());
            assert!(health.read(Ok(())).is_ok(), "reading mends no writing");
        }
        assert!(matches!(health.check(), Err(DiskError::Failed)));
    }
}
