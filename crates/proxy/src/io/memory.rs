//! The global budget of buffer memory: `limits { memory-max }`.
//!
//! It is counted where memory enters and leaves the pools, not per request, so that the shared
//! counter is touched rarely. Over budget a buffer is refused and its exchange is shed.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static USED_BYTES: AtomicUsize = AtomicUsize::new(0);
static MAX_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Sets the budget; buffers already out stay out.
pub fn set_max(bytes: usize) {
    MAX_BYTES.store(bytes, Relaxed);
}

/// Buffer memory held now, in bytes, over all workers, pools included.
#[must_use]
pub fn used() -> usize {
    USED_BYTES.load(Relaxed)
}

/// Takes `bytes` out of the budget.
///
/// # Errors
/// `OutOfMemory` when that would exceed it; nothing is taken then.
pub fn take(bytes: usize) -> io::Result<()> {
    let before = USED_BYTES.fetch_add(bytes, Relaxed);
    if before.saturating_add(bytes) > MAX_BYTES.load(Relaxed) {
        USED_BYTES.fetch_sub(bytes, Relaxed);
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    Ok(())
}

/// Gives `bytes` back to the budget.
pub fn give(bytes: usize) {
    USED_BYTES.fetch_sub(bytes, Relaxed);
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Share(usize);

impl Share {
    /// Takes `bytes` out of the budget.
    ///
    /// # Errors
    /// As [`take`].
    pub fn take(bytes: usize) -> io::Result<Self> {
        take(bytes).map(|()| Self(bytes))
    }

    /// Gives back what is beyond `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        give(self.0.saturating_sub(bytes));
        self.0 = self.0.min(bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        give(self.0);
    }
}
