//! Who reads content.

use std::fs::File;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Broken, Content, End, Piece, Place, Whole, piece_at};
use crate::disk::{DiskRead, DiskSpan};
use crate::range::Span;

/// What comes next of content.
#[derive(Debug)]
pub enum Next {
    /// Bytes are visible.
    Data,
    /// No more.
    End,
    /// Bytes on disk. Whoever reads them supplies them.
    OnDisk(DiskSpan),
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
    /// Where it reads on disk: what the disk lets go meanwhile stays for it.
    file: Option<Arc<File>>,
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
        Self { content, offset, end, piece: None, place, file: None }
    }

    /// Ready with what comes next.
    ///
    /// # Errors
    /// When it ends too early.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, Broken>> {
        if !self.data().is_empty() {
            return Poll::Ready(Ok(Next::Data));
        }
        if self.end.is_some_and(|end| self.offset >= end) {
            return Poll::Ready(Ok(Next::End));
        }
        match self.content.whole.get() {
            Some(Whole::Memory(pieces)) => {
                self.piece = piece_at(pieces, self.offset).cloned();
                Poll::Ready(if self.piece.is_some() { Ok(Next::Data) } else { self.at_end() })
            }
            Some(Whole::Disk(found)) if self.offset < found.body_bytes() => {
                let end = self.end.unwrap_or(u64::MAX);
                let from = (found, self.file.as_ref());
                Poll::Ready(Ok(Next::OnDisk(DiskSpan::kept(from, self.offset, end))))
            }
            Some(Whole::Disk(_)) => Poll::Ready(self.at_end()),
            None => self.poll_arriving(cx),
        }
    }

    fn poll_arriving(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next, Broken>> {
        let content = Arc::clone(&self.content);
        let mut arriving = content.arriving();
        let place = self.place.and_then(|key| arriving.readers.get(key));
        if place.is_some_and(|place| place.is_cut) {
            return Poll::Ready(Err(Broken));
        }
        if let Some(spill) = arriving.spill.as_ref().filter(|spill| self.offset < spill.length) {
            let end = self.end.unwrap_or(u64::MAX).min(spill.length);
            return Poll::Ready(Ok(Next::OnDisk(DiskSpan::filling(&spill.file, self.offset, end))));
        }
        self.piece = piece_at(&arriving.pieces, self.offset).cloned();
        if self.piece.is_some() {
            return Poll::Ready(Ok(Next::Data));
        }
        match arriving.end {
            Some(End::Broken) => return Poll::Ready(Err(Broken)),
            // It may have become whole just now.
            Some(End::Whole) if content.is_whole() => {
                drop(arriving);
                return self.poll(cx);
            }
            Some(End::Whole) => return Poll::Ready(self.at_end()),
            None => {}
        }
        if let Some(place) = self.place.and_then(|key| arriving.readers.get_mut(key)) {
            place.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// What it means that no more will come.
    fn at_end(&self) -> Result<Next, Broken> {
        if self.end.is_none() { Ok(Next::End) } else { Err(Broken) }
    }

    /// Drops bytes that were not made visible: they went another way.
    pub fn skip(&mut self, count: u64) {
        self.offset += count;
        self.piece = None;
    }

    /// What is on disk could not be read: nobody is to begin with it any more.
    pub fn note_damage(&self) {
        self.content.give_up();
    }

    /// Makes what was read from disk visible: the bytes from where it stands on.
    pub fn supply(&mut self, read: DiskRead) {
        self.file = Some(read.file);
        self.piece = Some(Piece { start: self.offset, bytes: read.bytes });
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
