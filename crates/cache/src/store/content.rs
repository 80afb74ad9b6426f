//! The bytes of a response: they come in once, and any number of readers follow while they come.
//! They are kept in memory or on disk; readers of what is on disk are told where.

mod reader;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slab::Slab;

use crate::disk::Found;

pub use reader::{Next, Reader};

/// Content that is whole is kept in pieces of at most this many bytes.
const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// What is read ahead of the slowest reader of content that is not kept.
const WINDOW_BYTES: u64 = 256 * 1024;

/// The bytes of a response, whole or on their way.
#[derive(Debug, Default)]
pub struct Content {
    /// Set once all is there.
    whole: OnceLock<Whole>,
    /// It cannot be read from the disk any more.
    is_damaged: AtomicBool,
    arriving: Mutex<Arriving>,
}

#[derive(Debug)]
enum Whole {
    Memory(Box<[Piece]>),
    Disk(Arc<Found>),
}

#[derive(Clone, Debug)]
struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

#[derive(Debug, Default)]
struct Arriving {
    pieces: Vec<Piece>,
    length: u64,
    end: Option<End>,
    /// What all readers have passed is let go.
    is_passing: bool,
    /// Where each reader stands, and who wakes it.
    readers: Slab<Place>,
    feeder: Option<Waker>,
    spill: Option<Spill>,
}

/// The beginning of content that is too long for memory.
#[derive(Debug)]
struct Spill {
    file: Arc<File>,
    length: u64,
}

#[derive(Debug)]
struct Place {
    offset: u64,
    waker: Option<Waker>,
    /// It has held up others for too long.
    is_cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Broken,
}

/// The content ended before all of it was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Content {
    /// Content that is there at once.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let content = Self::default();
        content.push(bytes);
        content.finish();
        content
    }

    /// Content of an object on disk.
    #[must_use]
    pub fn on_disk(found: Arc<Found>) -> Self {
        let content = Self::default();
        content.finish_on_disk(found);
        content
    }

    fn arriving(&self) -> MutexGuard<'_, Arriving> {
        // What a panic left is still the bytes that came.
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next bytes in.
    pub fn push(&self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let mut arriving = self.arriving();
        let start = arriving.length;
        arriving.length += bytes.len() as u64;
        arriving.pieces.push(Piece { start, bytes });
        arriving.wake_readers();
    }

    /// That was all.
    pub fn finish(&self) {
        let mut arriving = self.arriving();
        if arriving.end.is_some() {
            return;
        }
        arriving.end = Some(End::Whole);
        if !arriving.is_passing && arriving.spill.is_none() {
            let pieces = std::mem::take(&mut arriving.pieces);
            // Nobody else sets it: the end comes once.
            let _ = self.whole.set(Whole::Memory(joined(pieces)));
        }
        arriving.wake_readers();
    }

    /// What has come so far, where nothing of it has been let go.
    #[must_use]
    pub fn arrived(&self) -> Vec<Bytes> {
        self.arriving().pieces.iter().map(|piece| piece.bytes.clone()).collect()
    }

    /// What came first is in this file now, up to this length, and no more in memory.
    pub fn spill(&self, file: &Arc<File>, length: u64) {
        let mut arriving = self.arriving();
        arriving.pieces.retain(|piece| piece.end() > length);
        arriving.spill = Some(Spill { file: Arc::clone(file), length });
    }

    /// That was all, and all of it is on disk.
    pub fn finish_on_disk(&self, found: Arc<Found>) {
        let mut arriving = self.arriving();
        if arriving.end == Some(End::Broken) || self.whole.get().is_some() {
            return;
        }
        arriving.end = Some(End::Whole);
        arriving.pieces.clear();
        arriving.spill = None;
        let _ = self.whole.set(Whole::Disk(found));
        arriving.wake_readers();
    }

    /// No more will come, though it should.
    pub fn fail(&self) {
        let mut arriving = self.arriving();
        if arriving.end.is_none() {
            arriving.end = Some(End::Broken);
            arriving.wake_readers();
        }
    }

    /// From here on only what readers still need is held.
    pub fn let_pass(&self) {
        self.arriving().is_passing = true;
    }

    /// Whether all of it is there, for good.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole.get().is_some()
    }

    /// Whether all of it is in memory.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        matches!(self.whole.get(), Some(Whole::Memory(_)))
    }

    /// Whether no more will come though it should, or the disk has it no more.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        match self.whole.get() {
            Some(Whole::Memory(_)) => false,
            Some(Whole::Disk(found)) => self.is_given_up() || !found.is_current(),
            None => self.is_given_up() || self.arriving().end == Some(End::Broken),
        }
    }

    fn is_given_up(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Nobody is to begin with it any more; who has begun may come to its end.
    pub fn give_up(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Bytes so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self.whole.get() {
            Some(Whole::Memory(pieces)) => pieces.last().map_or(0, Piece::end),
            Some(Whole::Disk(found)) => found.body_bytes(),
            None => self.arriving().length,
        }
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        match self.whole.get() {
            Some(Whole::Memory(_)) => self.length(),
            Some(Whole::Disk(found)) => found.memory_bytes(),
            None => {
                let arriving = self.arriving();
                arriving.length - arriving.spill.as_ref().map_or(0, |spill| spill.length)
            }
        }
    }

    /// Ready when there is room for more: at once, unless it is let pass and readers are behind.
    /// `false` when there is nobody left to read it.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut arriving = self.arriving();
        if !arriving.is_passing {
            return Poll::Ready(true);
        }
        let reading = arriving.readers.iter().filter(|(_, place)| !place.is_cut);
        let Some(slowest) = reading.map(|(_, place)| place.offset).min() else {
            return Poll::Ready(false);
        };
        arriving.pieces.retain(|piece| piece.end() > slowest);
        if arriving.length - slowest < WINDOW_BYTES {
            return Poll::Ready(true);
        }
        arriving.feeder = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Cuts off the readers that leave no room, if there are others; the caller has waited for
    /// them long enough. Returns how many.
    pub fn cut_slowest(&self) -> usize {
        let mut arriving = self.arriving();
        let far = arriving.length.saturating_sub(WINDOW_BYTES);
        let is_slow = |place: &Place| place.offset <= far;
        if arriving.readers.iter().all(|(_, place)| place.is_cut || is_slow(place)) {
            return 0;
        }
        let mut cut = 0;
        for (_, place) in &mut arriving.readers {
            if !place.is_cut && is_slow(place) {
                place.is_cut = true;
                cut += 1;
                if let Some(waker) = place.waker.take() {
                    waker.wake();
                }
            }
        }
        cut
    }

    /// All of it in order, where it is in memory.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        let pieces = match self.whole.get() {
            Some(Whole::Memory(pieces)) => &pieces[..],
            _ => &[],
        };
        pieces.iter().map(|piece| &piece.bytes)
    }
}

impl Arriving {
    fn wake_readers(&mut self) {
        for (_, place) in &mut self.readers {
            if let Some(waker) = place.waker.take() {
                waker.wake();
            }
        }
    }
}

/// The piece with the byte at this offset.
fn piece_at(pieces: &[Piece], offset: u64) -> Option<&Piece> {
    let after = pieces.partition_point(|piece| piece.end() <= offset);
    pieces.get(after).filter(|piece| piece.start <= offset)
}

/// The same bytes in as few pieces as may be: each is written at once.
fn joined(pieces: Vec<Piece>) -> Box<[Piece]> {
    if pieces.len() < 2 {
        return pieces.into_boxed_slice();
    }
    let mut joined: Vec<Piece> = Vec::new();
    let mut left: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
    let mut start = 0;
    let mut block = Vec::with_capacity(left.min(PIECE_BYTES_MAX));
    for piece in pieces {
        let mut bytes = &piece.bytes[..];
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES_MAX - block.len()));
            block.extend_from_slice(now);
            left -= now.len();
            bytes = later;
            if block.len() == PIECE_BYTES_MAX || left == 0 {
                let next = Vec::with_capacity(left.min(PIECE_BYTES_MAX));
                let full = Bytes::from(std::mem::replace(&mut block, next));
                let end = start + full.len() as u64;
                joined.push(Piece { start, bytes: full });
                start = end;
            }
        }
    }
    joined.into_boxed_slice()
}
