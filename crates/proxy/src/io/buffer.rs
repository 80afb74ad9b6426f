//! Read buffers: a window over pooled memory, given back as soon as it is empty.

use std::cell::RefCell;
use std::io;

use super::memory;

/// Size of a pooled buffer in bytes.
pub const BUFFER_BYTES: usize = 32 * 1024;

/// A waiting connection keeps at most this much memory for a partial message if it fits.
const SMALL_BYTES: usize = 2 * 1024;

/// Pooled buffers a worker keeps for reuse; more are given back to the system.
const POOLED_MAX: usize = 256;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes read and not yet consumed. Holds no memory while empty.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// The unconsumed bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The unconsumed bytes, to be rearranged in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }

    /// Number of unconsumed bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops `count` bytes from the front; an emptied buffer gives its memory back.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        if self.is_empty() {
            self.release();
        }
    }

    /// Makes free room at the end and lends the memory to read into.
    ///
    /// # Errors
    /// `OutOfMemory` when the memory budget is spent.
    pub fn make_room(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.bytes.capacity() == 0 {
            self.bytes = take()?;
        }
        if self.bytes.len() == self.bytes.capacity() {
            if self.start > 0 {
                self.bytes.drain(..self.start);
                self.start = 0;
            } else {
                self.grow()?;
            }
        }
        Ok(&mut self.bytes)
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `OutOfMemory` when the memory budget is spent.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = self.make_room()?;
        if room.capacity() - room.len() < bytes.len() {
            let missing = bytes.len().saturating_sub(self.bytes.capacity() - self.len());
            self.bytes.drain(..self.start);
            self.start = 0;
            if missing > 0 {
                self.grow_by(missing)?;
            }
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn grow(&mut self) -> io::Result<()> {
        self.grow_by(self.bytes.capacity().max(SMALL_BYTES))
    }

    fn grow_by(&mut self, more: usize) -> io::Result<()> {
        memory::take(more)?;
        self.bytes.reserve_exact(self.bytes.capacity() + more - self.bytes.len());
        Ok(())
    }

    /// Moves a small remainder to small memory, so that a peer that trickles holds little.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            return self.release();
        }
        if self.bytes.capacity() <= SMALL_BYTES || self.len() > SMALL_BYTES / 2 {
            return;
        }
        if memory::take(SMALL_BYTES).is_err() {
            return;
        }
        let mut small = Vec::with_capacity(SMALL_BYTES);
        small.extend_from_slice(self.data());
        self.release();
        self.bytes = small;
    }

    /// Gives the memory back if nothing is in it.
    pub fn release_empty(&mut self) {
        if self.is_empty() {
            self.release();
        }
    }

    fn release(&mut self) {
        self.start = 0;
        put(std::mem::take(&mut self.bytes));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.release();
    }
}

/// Takes an empty vector of [`BUFFER_BYTES`] from the pool.
///
/// # Errors
/// `OutOfMemory` when the memory budget is spent.
pub fn take() -> io::Result<Vec<u8>> {
    if let Some(bytes) = POOL.with_borrow_mut(Vec::pop) {
        return Ok(bytes);
    }
    memory::take(BUFFER_BYTES)?;
    Ok(Vec::with_capacity(BUFFER_BYTES))
}

/// Gives memory back: to the pool if it is of pool size, else to the system.
pub fn put(mut bytes: Vec<u8>) {
    let capacity = bytes.capacity();
    if capacity == 0 {
        return;
    }
    bytes.clear();
    let pooled = capacity == BUFFER_BYTES
        && POOL
            .try_with(|pool| {
                let mut pool = pool.borrow_mut();
                let fits = pool.len() < POOLED_MAX;
                if fits {
                    pool.push(std::mem::take(&mut bytes));
                }
                fits
            })
            .unwrap_or(false);
    if !pooled {
        memory::give(capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &[u8]) -> Buffer {
        let mut buffer = Buffer::default();
        buffer.make_room().unwrap().extend_from_slice(text);
        buffer
    }

    #[test]
    fn an_empty_buffer_holds_no_memory() {
        let mut buffer = filled(b"abc");
        buffer.consume(2);
        assert_eq!(buffer.data(), b"c");
        buffer.consume(1);
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn a_full_buffer_moves_then_grows() {
        let mut buffer = filled(&vec![b'x'; BUFFER_BYTES]);
        buffer.consume(10);
        buffer.make_room().unwrap();
        assert_eq!(buffer.len(), BUFFER_BYTES - 10);
        assert_eq!(buffer.bytes.capacity(), BUFFER_BYTES);
        buffer.make_room().unwrap().extend_from_slice(&[b'y'; 10]);
        buffer.make_room().unwrap();
        assert!(buffer.bytes.capacity() > BUFFER_BYTES);
        assert_eq!(buffer.len(), BUFFER_BYTES);
    }

    #[test]
    fn shrinking_keeps_the_bytes() {
        let mut buffer = filled(b"partial head");
        buffer.shrink();
        assert_eq!(buffer.data(), b"partial head");
        assert_eq!(buffer.bytes.capacity(), SMALL_BYTES);
    }
}
