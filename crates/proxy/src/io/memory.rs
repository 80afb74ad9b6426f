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

/// Bytes out of the half of the budget that what is not needed may take: a client that would get
/// the same without it never has to go for it. They are given back when this is dropped.
#[derive(Debug)]
pub struct Spare(usize);

impl Spare {
    /// Takes `bytes`, if that half has them.
    #[must_use]
    pub fn take(bytes: usize) -> Option<Self> {
        let mut spare = Self(0);
        spare.grow(bytes).then_some(spare)
    }

    /// Makes it `bytes` at the least; tells whether it is.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.0);
        let has_room = used().saturating_add(more) <= MAX_BYTES.load(Relaxed) / 2;
        let is_grown = more == 0 || (has_room && take(more).is_ok());
        if is_grown {
            self.0 += more;
        }
        is_grown
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        give(self.0);
    }
}
