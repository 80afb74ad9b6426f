//! Content that is kept in the cache, or is on its way there: all of it, or parts of it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use cache::disk::{DiskError, DiskRead, DiskSpan, Lying};
use cache::store::content::{Next, Reader};
use tokio::task::JoinHandle;

use crate::fault::{Fault, Kind, Retry};
use crate::io::Timer;
use crate::io::memory::Share;

/// What is read at once for a peer that has taken little so far.
const PIECE_BYTES_MIN: u64 = 16 * 1024;

/// What is read at once for one that takes what it gets.
const PIECE_BYTES_MAX: u64 = 128 * 1024;

/// One stretch of such content.
#[derive(Debug)]
pub enum Source {
    /// Bytes between parts.
    Bytes(Bytes),
    /// What is kept.
    Kept(Kept),
}

/// A stretch of what is kept.
#[derive(Debug)]
pub struct Kept {
    reader: Reader,
    reading: Option<Reading>,
    /// Of the memory budget, for what has been read and not taken.
    share: Share,
}

/// The disk is being waited for, by a thread that may.
#[derive(Debug)]
struct Reading {
    task: JoinHandle<Result<DiskRead, DiskError>>,
    timer: Timer,
}

impl From<Reader> for Source {
    fn from(reader: Reader) -> Self {
        Self::Kept(Kept { reader, reading: None, share: Share::default() })
    }
}

impl Kept {
    /// Ready when bytes are visible, or at the end; of what is on disk about `piece_bytes` are
    /// read at once.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        piece_bytes: u64,
        idle_timeout: Duration,
    ) -> Poll<Result<bool, Fault>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(reading.poll(cx));
                self.reading = None;
                match read {
                    Ok(read) => self.supply(read, piece_bytes),
                    Err(kind) => return Poll::Ready(Err(self.unreadable(kind))),
                }
            }
            match ready!(self.reader.poll(cx)).map_err(|_| broken())? {
                Next::Data => return Poll::Ready(Ok(true)),
                Next::End => return Poll::Ready(Ok(false)),
                Next::OnDisk(span) => self.read(span.at_most(piece_bytes), idle_timeout)?,
            }
        }
    }

    /// Makes bytes visible, or begins to wait for them.
    fn read(&mut self, span: DiskSpan, idle_timeout: Duration) -> Result<(), Fault> {
        let bytes_max = usize::try_from(span.memory_bytes()).unwrap_or(usize::MAX);
        self.share = Share::take(bytes_max).map_err(|_| Fault::proxy(Kind::MemoryExceeded))?;
        match span.read_now() {
            Ok(read) => self.supply(read, span.bytes()),
            Err(DiskError::WouldWait) => {
                let timer = Timer::new();
                timer.set(idle_timeout);
                let task = tokio::task::spawn_blocking(move || span.read());
                self.reading = Some(Reading { task, timer });
            }
            Err(_) => return Err(self.unreadable(Kind::ProxyInternalError)),
        }
        Ok(())
    }

    fn supply(&mut self, mut read: DiskRead, piece_bytes: u64) {
        let few = usize::try_from(piece_bytes).ok().filter(|few| *few < read.bytes.len() / 2);
        if let Some(few) = few.and_then(|few| read.bytes.get(..few)) {
            // The rest would be held with it.
            read.bytes = Bytes::copy_from_slice(few);
        }
        self.share.shrink(read.bytes.len());
        self.reader.supply(read);
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        if self.reader.data().is_empty() {
            self.share.shrink(0);
        }
    }
}

impl Reading {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<DiskRead, Kind>> {
        match Pin::new(&mut self.task).poll(cx) {
            Poll::Ready(Ok(Ok(read))) => Poll::Ready(Ok(read)),
            Poll::Ready(_) => Poll::Ready(Err(Kind::ProxyInternalError)),
            Poll::Pending => self.timer.poll(cx).map(|()| Err(Kind::DiskReadTimeout)),
        }
    }
}

impl Source {
    fn data(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Kept(kept) => kept.reader.data(),
        }
    }

    fn is_last(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Kept(kept) => kept.reader.is_last(),
        }
    }
}

impl Kept {
    /// Where the next bytes lie, if they can be sent from there.
    fn lying(&mut self, cx: &mut Context<'_>) -> Option<Lying> {
        match self.next(cx) {
            Some(Next::OnDisk(span)) => span.lying(),
            _ => None,
        }
    }

    /// What comes next, as far as is known without reading.
    fn next(&mut self, cx: &mut Context<'_>) -> Option<Next> {
        if self.reading.is_some() || !self.reader.data().is_empty() {
            return None;
        }
        match self.reader.poll(cx) {
            Poll::Ready(Ok(next)) => Some(next),
            _ => None,
        }
    }

    /// The disk failed in the middle of it, or what it has is damaged.
    fn unreadable(&self, kind: Kind) -> Fault {
        self.reader.note_damage();
        Fault::proxy(kind)
    }
}

/// Content out of the cache.
#[derive(Debug)]
pub struct StoredBody {
    sources: VecDeque<Source>,
    sent: u64,
    /// How long the disk may take for a piece.
    idle_timeout: Duration,
}

impl StoredBody {
    /// These stretches, one after the other.
    #[must_use]
    pub fn new(sources: VecDeque<Source>, idle_timeout: Duration) -> Self {
        Self { sources, sent: 0, idle_timeout }
    }

    /// One stretch of what is kept.
    #[must_use]
    pub fn of(reader: Reader, idle_timeout: Duration) -> Self {
        Self::new(VecDeque::from([reader.into()]), idle_timeout)
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        // No more is held for a peer than it has shown that it takes.
        let piece_bytes = self.sent.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        while let Some(source) = self.sources.front_mut() {
            let has_more = match source {
                Source::Bytes(bytes) => !bytes.is_empty(),
                Source::Kept(kept) => ready!(kept.poll(cx, piece_bytes, self.idle_timeout))?,
            };
            if has_more {
                return Poll::Ready(Ok(true));
            }
            self.sources.pop_front();
        }
        Poll::Ready(Ok(false))
    }

    pub(super) fn data(&self) -> &[u8] {
        self.sources.front().map_or(&[], Source::data)
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.sent += count as u64;
        match self.sources.front_mut() {
            Some(Source::Bytes(bytes)) => drop(bytes.split_to(count.min(bytes.len()))),
            Some(Source::Kept(kept)) => kept.consume(count),
            None => {}
        }
    }

    /// Whether the next bytes have yet to be read from disk.
    pub(super) fn lies_on_disk(&mut self, cx: &mut Context<'_>) -> bool {
        while let Some(source) = self.sources.front_mut() {
            match source {
                Source::Bytes(bytes) if bytes.is_empty() => {}
                Source::Bytes(_) => return false,
                Source::Kept(kept) => match kept.next(cx) {
                    Some(Next::End) => {}
                    next => return matches!(next, Some(Next::OnDisk(_))),
                },
            }
            self.sources.pop_front();
        }
        false
    }

    pub(super) fn lying(&mut self, cx: &mut Context<'_>) -> Option<Lying> {
        match self.sources.front_mut() {
            Some(Source::Kept(kept)) => kept.lying(cx),
            _ => None,
        }
    }

    pub(super) fn skip(&mut self, count: u64) {
        if let Some(Source::Kept(kept)) = self.sources.front_mut() {
            self.sent += count;
            kept.reader.skip(count);
        }
    }

    pub(super) fn is_last(&self) -> bool {
        self.sources.len() <= 1 && self.sources.front().is_none_or(Source::is_last)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_last() && self.data().is_empty()
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }
}

/// The origin stopped in the middle of it.
fn broken() -> Fault {
    Fault::upstream(Kind::HttpResponseIncomplete, Retry::Never)
}
