//! Content that is kept in the cache, or is on its way there: all of it, or parts of it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use cache::disk::{DiskError, DiskRead, Lying};
use cache::store::content::{Next, Reader};
use tokio::task::JoinHandle;

use crate::fault::{Fault, Kind, Retry};

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
    /// The disk is being waited for, by a thread that may.
    reading: Option<JoinHandle<Result<DiskRead, DiskError>>>,
}

impl From<Reader> for Source {
    fn from(reader: Reader) -> Self {
        Self::Kept(Kept { reader, reading: None })
    }
}

impl Kept {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                match read {
                    Ok(Ok(read)) => self.reader.supply(read),
                    _ => return Poll::Ready(Err(self.unreadable())),
                }
            }
            match ready!(self.reader.poll(cx)).map_err(|_| broken())? {
                Next::Data => return Poll::Ready(Ok(true)),
                Next::End => return Poll::Ready(Ok(false)),
                Next::OnDisk(span) => match span.read_now() {
                    Ok(read) => self.reader.supply(read),
                    Err(DiskError::WouldWait) => {
                        self.reading = Some(tokio::task::spawn_blocking(move || span.read()));
                    }
                    Err(_) => return Poll::Ready(Err(self.unreadable())),
                },
            }
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
        if self.reading.is_some() || !self.reader.data().is_empty() {
            return None;
        }
        match self.reader.poll(cx) {
            Poll::Ready(Ok(Next::OnDisk(span))) => span.lying(),
            _ => None,
        }
    }

    /// The disk failed in the middle of it, or what it has is damaged.
    fn unreadable(&self) -> Fault {
        self.reader.note_damage();
        Fault::proxy(Kind::ProxyInternalError)
    }
}

/// Content out of the cache.
#[derive(Debug)]
pub struct StoredBody {
    sources: VecDeque<Source>,
    sent: u64,
}

impl StoredBody {
    /// These stretches, one after the other.
    #[must_use]
    pub fn new(sources: VecDeque<Source>) -> Self {
        Self { sources, sent: 0 }
    }

    /// One stretch of what is kept.
    #[must_use]
    pub fn of(reader: Reader) -> Self {
        Self::new(VecDeque::from([reader.into()]))
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        while let Some(source) = self.sources.front_mut() {
            let has_more = match source {
                Source::Bytes(bytes) => !bytes.is_empty(),
                Source::Kept(kept) => ready!(kept.poll(cx))?,
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
            Some(Source::Kept(kept)) => kept.reader.consume(count),
            None => {}
        }
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
