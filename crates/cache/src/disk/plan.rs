//! What a disk store is asked to be, and the sizes that follow from it.

use std::path::PathBuf;

use super::error::DiskError;
use super::format::UNIT_BYTES;

/// A body up to this size lies in a segment beside others; a longer one has a file of its own.
const INLINE_BYTES_MAX: u64 = 256 * 1024;
/// Each segment is an open file, so a large store has longer segments instead of more of them.
const SEGMENTS_MAX: u64 = 1024;
const SEGMENT_BYTES_MAX: u64 = 16 << 30;
const SEGMENT_BYTES_MIN: u64 = 16 * 1024;
/// Parts of the store that one segment, one object, and all unfinished bodies may take.
const SHARE: u64 = 4;
const OBJECT_BYTES_MAX: u64 = 64 << 30;

/// What a disk store is asked to be.
#[derive(Clone, Debug)]
pub struct DiskPlan {
    /// Where the files are; the store owns all of it. It is created if it is missing.
    pub directory: PathBuf,
    /// What all files together may take.
    pub bytes_max: u64,
    /// What is evicted at once.
    pub segment_bytes: u64,
    /// The longest body; never more than a quarter of the store.
    pub object_bytes_max: u64,
    /// How many objects may be written at a time. Each holds up to 256 KiB of memory.
    pub writers_max: usize,
    /// How many keys the admission filter remembers, at two bytes each.
    pub admission_keys: usize,
    /// What the log of purges may take.
    pub purge_bytes_max: u64,
    /// After so many failures in a row the store turns itself off.
    pub errors_max: u32,
}

impl DiskPlan {
    /// A store of this size with the usual values of everything else.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, bytes_max: u64) -> Self {
        Self {
            directory: directory.into(),
            bytes_max,
            segment_bytes: 64 << 20,
            object_bytes_max: 64 << 20,
            writers_max: 256,
            admission_keys: 1 << 20,
            purge_bytes_max: 16 << 20,
            errors_max: 8,
        }
    }

    /// The plan with sizes that fit each other.
    pub(super) fn fitted(mut self) -> Result<Self, DiskError> {
        let share = self.bytes_max / SHARE;
        if share < SEGMENT_BYTES_MIN {
            return Err(DiskError::TooSmall);
        }
        let segment = self.segment_bytes.max(self.bytes_max / SEGMENTS_MAX);
        self.segment_bytes = segment.clamp(SEGMENT_BYTES_MIN, share.min(SEGMENT_BYTES_MAX))
            / UNIT_BYTES
            * UNIT_BYTES;
        self.object_bytes_max = self.object_bytes_max.min(share).min(OBJECT_BYTES_MAX);
        Ok(self)
    }

    /// The longest body that lies in a segment.
    pub(super) fn inline_bytes_max(&self) -> u64 {
        INLINE_BYTES_MAX.min(self.segment_bytes / SHARE)
    }

    /// How much of an evicted segment may be written again.
    pub(super) fn reinsert_bytes_max(&self) -> u64 {
        self.segment_bytes / SHARE
    }

    /// How many bytes of bodies may be under way into files of their own.
    pub(super) fn filling_bytes_max(&self) -> u64 {
        self.bytes_max / SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_each_other() {
        let plan = |bytes_max| DiskPlan::new("d", bytes_max).fitted();
        assert!(matches!(plan(10_000), Err(DiskError::TooSmall)));
        let small = plan(1 << 20).unwrap();
        assert_eq!((small.segment_bytes, small.object_bytes_max), (1 << 18, 1 << 18));
        let usual = plan(20 << 30).unwrap();
        assert_eq!((usual.segment_bytes, usual.inline_bytes_max()), (64 << 20, 256 * 1024));
        assert_eq!(plan(2 << 40).unwrap().segment_bytes, 2 << 30);
    }
}
