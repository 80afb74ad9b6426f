//! The bytes of a response: they come in once, and any number of readers follow while they come.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slab::Slab;

use crate::range::Span;

/// Content that is whole is kept in pieces of at most this many bytes.
const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// What is read ahead of the slowest reader of content that is not kept.
const WINDOW_BYTES: u64 = 256 * 1024;

/// The bytes of a response, whole or on their way.
#[derive(Debug, Default)]
pub struct Content {
    /// Set once all is there.
    whole: OnceLock<Box<[Piece]>>,
    arriving: Mutex<Arriving>,
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
        if !arriving.is_passing {
            let pieces = std::mem::take(&mut arriving.pieces);
            // Nobody else sets it: the end comes once.
            let _ = self.whole.set(joined(pieces));
        }
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

    /// Whether no more will come though it should.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.whole.get().is_none() && self.arriving().end == Some(End::Broken)
    }

    /// Bytes so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self.whole.get() {
            Some(pieces) => pieces.last().map_or(0, Piece::end),
            None => self.arriving().length,
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

    /// All of it in order, where it is whole.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.whole.get().into_iter().flat_map(|pieces| pieces.iter().map(|piece| &piece.bytes))
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

/// One reader of content, or of a part of it.
#[derive(Debug)]
pub struct Reader {
    content: Arc<Content>,
    offset: u64,
    /// Where it ends, if that is before the content does.
    end: Option<u64>,
    /// What is visible now.
    piece: Option<Piece>,
    /// Its place among the readers of content that is on its way.
    place: Option<usize>,
}

impl Reader {
    /// Reads all, or a part.
    #[must_use]
    pub fn new(content: Arc<Content>, span: Option<Span>) -> Self {
        let offset = span.map_or(0, |span| span.first);
        let end = span.map(|span| span.last + 1);
        let place = if content.is_whole() {
            None
        } else {
            Some(content.arriving().readers.insert(Place { offset, waker: None, is_cut: false }))
        };
        Self { content, offset, end, piece: None, place }
    }

    /// Ready with `true` when bytes are visible, with `false` at the end.
    ///
    /// # Errors
    /// When it ends too early.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        if !self.data().is_empty() {
            return Poll::Ready(Ok(true));
        }
        if self.end.is_some_and(|end| self.offset >= end) {
            return Poll::Ready(Ok(false));
        }
        if let Some(pieces) = self.content.whole.get() {
            self.piece = piece_at(pieces, self.offset).cloned();
            return Poll::Ready(self.at_end(true));
        }
        let content = Arc::clone(&self.content);
        let mut arriving = content.arriving();
        let place = self.place.and_then(|key| arriving.readers.get(key));
        if place.is_some_and(|place| place.is_cut) {
            return Poll::Ready(Err(Broken));
        }
        self.piece = piece_at(&arriving.pieces, self.offset).cloned();
        if self.piece.is_none() {
            match arriving.end {
                Some(End::Broken) => return Poll::Ready(Err(Broken)),
                // It may have become whole just now.
                Some(End::Whole) if content.is_whole() => {
                    drop(arriving);
                    return self.poll(cx);
                }
                Some(End::Whole) => return Poll::Ready(self.at_end(true)),
                None => {}
            }
            if let Some(place) = self.place.and_then(|key| arriving.readers.get_mut(key)) {
                place.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(true))
    }

    /// With nothing visible, what that means when no more will come.
    fn at_end(&self, _ended: bool) -> Result<bool, Broken> {
        match (&self.piece, self.end) {
            (Some(_), _) => Ok(true),
            (None, None) => Ok(false),
            (None, Some(_)) => Err(Broken),
        }
    }

    /// The visible bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let Some(piece) = &self.piece else { return &[] };
        let at = |offset: u64| usize::try_from(offset - piece.start).unwrap_or(usize::MAX);
        let end = self.end.unwrap_or(u64::MAX).min(piece.end());
        if self.offset >= end {
            return &[];
        }
        piece.bytes.get(at(self.offset)..at(end)).unwrap_or_default()
    }

    /// Drops visible bytes.
    pub fn consume(&mut self, count: usize) {
        self.offset += count as u64;
        let is_done = self.piece.as_ref().is_none_or(|piece| self.offset >= piece.end());
        if is_done {
            self.piece = None;
        }
        if let Some(place) = self.place
            && !self.content.is_whole()
        {
            let mut arriving = self.content.arriving();
            if let Some(place) = arriving.readers.get_mut(place) {
                place.offset = self.offset;
            }
            if arriving.is_passing
                && let Some(feeder) = arriving.feeder.take()
            {
                feeder.wake();
            }
        }
    }

    /// Whether nothing follows the visible bytes, as far as is known now.
    #[must_use]
    pub fn is_last(&self) -> bool {
        let visible_end = self.offset + self.data().len() as u64;
        if self.end.is_some_and(|end| visible_end >= end) {
            return true;
        }
        self.end.is_none() && self.content.is_whole() && visible_end == self.content.length()
    }

    /// Bytes that are left, where that is known.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        let end = self.end.or_else(|| self.content.is_whole().then(|| self.content.length()))?;
        Some(end.saturating_sub(self.offset))
    }

    /// How far it has read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut arriving = self.content.arriving();
        arriving.readers.try_remove(place);
        if let Some(feeder) = arriving.feeder.take() {
            feeder.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn poll(reader: &mut Reader) -> Poll<Result<bool, Broken>> {
        reader.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn read(reader: &mut Reader) -> (Vec<u8>, Poll<Result<bool, Broken>>) {
        let mut bytes = Vec::new();
        loop {
            match poll(reader) {
                Poll::Ready(Ok(true)) => {
                    bytes.extend_from_slice(reader.data());
                    reader.consume(reader.data().len());
                }
                end => return (bytes, end),
            }
        }
    }

    #[test]
    fn readers_follow_while_it_comes() {
        let content = Arc::new(Content::default());
        let mut early = Reader::new(Arc::clone(&content), None);
        assert!(poll(&mut early).is_pending());
        content.push(Bytes::from_static(b"abc"));
        assert_eq!(read(&mut early), (b"abc".to_vec(), Poll::Pending));
        let mut late = Reader::new(Arc::clone(&content), None);
        content.push(Bytes::from_static(b"def"));
        content.finish();
        assert!(content.is_whole());
        assert_eq!(read(&mut early), (b"def".to_vec(), Poll::Ready(Ok(false))));
        assert_eq!(read(&mut late), (b"abcdef".to_vec(), Poll::Ready(Ok(false))));
        let mut part = Reader::new(content, Some(Span { first: 2, last: 3 }));
        assert_eq!(read(&mut part), (b"cd".to_vec(), Poll::Ready(Ok(false))));
    }

    #[test]
    fn what_breaks_off_is_an_error_to_all() {
        let content = Arc::new(Content::default());
        let mut reader = Reader::new(Arc::clone(&content), None);
        content.push(Bytes::from_static(b"abc"));
        content.fail();
        content.finish();
        assert!(content.is_broken() && !content.is_whole());
        assert_eq!(read(&mut reader), (b"abc".to_vec(), Poll::Ready(Err(Broken))));
        let whole = Arc::new(Content::whole(Bytes::from_static(b"abc")));
        let mut beyond = Reader::new(whole, Some(Span { first: 1, last: 9 }));
        assert_eq!(read(&mut beyond), (b"bc".to_vec(), Poll::Ready(Err(Broken))));
    }

    #[test]
    fn what_is_let_pass_waits_for_the_slowest() {
        let content = Arc::new(Content::default());
        let mut slow = Reader::new(Arc::clone(&content), None);
        content.let_pass();
        let room = || content.poll_room(&mut Context::from_waker(Waker::noop()));
        let block = Bytes::from(vec![b'x'; 128 * 1024]);
        for _ in 0..2 {
            assert_eq!(room(), Poll::Ready(true));
            content.push(block.clone());
        }
        assert_eq!(room(), Poll::Pending);
        assert_eq!(read(&mut slow).0.len(), 256 * 1024);
        assert_eq!(room(), Poll::Ready(true));
        content.finish();
        assert!(!content.is_whole(), "it was not kept");
        assert_eq!(poll(&mut slow), Poll::Ready(Ok(false)));
        drop(slow);
        assert_eq!(room(), Poll::Ready(false), "nobody is left to read");
    }

    #[test]
    fn who_holds_up_others_is_cut_off_and_who_is_alone_is_not() {
        let content = Arc::new(Content::default());
        let mut stalled = Reader::new(Arc::clone(&content), None);
        content.let_pass();
        let room = || content.poll_room(&mut Context::from_waker(Waker::noop()));
        content.push(Bytes::from(vec![b'x'; 256 * 1024]));
        assert_eq!((room(), content.cut_slowest()), (Poll::Pending, 0));
        let mut quick = Reader::new(Arc::clone(&content), None);
        assert_eq!(read(&mut quick).0.len(), 256 * 1024);
        assert_eq!((room(), content.cut_slowest()), (Poll::Pending, 1));
        assert_eq!(room(), Poll::Ready(true));
        assert_eq!(poll(&mut stalled), Poll::Ready(Err(Broken)));
        content.push(Bytes::from_static(b"y"));
        assert_eq!(read(&mut quick).0, b"y");
        drop(quick);
        assert_eq!(room(), Poll::Ready(false), "who was cut off does not count");
    }

    #[test]
    fn whole_content_is_in_few_pieces() {
        let content = Content::default();
        for _ in 0..40 {
            content.push(Bytes::from(vec![1; 60_000]));
        }
        content.finish();
        let lengths: Vec<_> = content.pieces().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE_BYTES_MAX, PIECE_BYTES_MAX, 2_400_000 - 2 * PIECE_BYTES_MAX]);
    }
}
