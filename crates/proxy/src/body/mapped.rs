//! Content that changes on its way.

use std::task::{Context, Poll};

use http1::Headers;

use super::Body;
use crate::fault::Fault;

/// What becomes of content.
pub trait Filter: std::fmt::Debug {
    /// Changes a part of the content.
    ///
    /// # Errors
    /// When the content is not what the filter is for, or the filter cannot go on.
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Gives out what it holds back, because nothing more is there for now.
    ///
    /// # Errors
    /// When the filter cannot go on.
    fn flush(&mut self, _: &mut Vec<u8>) -> Result<(), Fault> {
        Ok(())
    }

    /// What follows the last part, made of the trailer fields if there are any.
    ///
    /// # Errors
    /// When the content ended too early.
    fn finish(&mut self, trailers: Option<&Headers>, out: &mut Vec<u8>) -> Result<(), Fault>;

    /// Whether the trailer fields go on as they are.
    fn keeps_trailers(&self) -> bool {
        false
    }
}

/// Bytes that a filter gets at once, which bounds what it makes of them.
const STEP_BYTES_MAX: usize = 32 * 1024;

/// Bytes that a filter gets before others on the worker get their turn: it may cost much more time
/// than moving them.
const TURN_BYTES_MAX: usize = 128 * 1024;

/// Content behind a filter.
#[derive(Debug)]
pub struct Mapped {
    inner: Body,
    filter: Box<dyn Filter>,
    out: Vec<u8>,
    sent: usize,
    bytes_out: u64,
    /// Bytes that the filter got in this turn.
    taken: usize,
    ended: bool,
}

impl Mapped {
    /// Puts a filter before content.
    #[must_use]
    pub fn new(inner: Body, filter: Box<dyn Filter>) -> Self {
        Self { inner, filter, out: Vec::new(), sent: 0, bytes_out: 0, taken: 0, ended: false }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        while self.sent == self.out.len() && !self.ended {
            self.out.clear();
            self.sent = 0;
            match self.inner.poll_data(cx)? {
                Poll::Ready(true) if self.taken >= TURN_BYTES_MAX => {
                    self.taken = 0;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(true) => self.taken += self.push()?,
                Poll::Ready(false) => self.finish()?,
                Poll::Pending => {
                    self.taken = 0;
                    self.filter.flush(&mut self.out)?;
                    if self.out.is_empty() {
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(Ok(self.sent < self.out.len()))
    }

    /// Hands the filter what is there; returns how much that was.
    fn push(&mut self) -> Result<usize, Fault> {
        let (filter, out) = (&mut self.filter, &mut self.out);
        let count = self.inner.with_data(|data| {
            let data = data.get(..STEP_BYTES_MAX).unwrap_or(data);
            filter.push(data, out).map(|()| data.len())
        })?;
        self.inner.consume(count);
        // The end goes out with the last of the content, if it is known to be the last.
        if self.inner.is_last_with(0) {
            self.finish()?;
        }
        Ok(count)
    }

    fn finish(&mut self) -> Result<(), Fault> {
        self.ended = true;
        let (filter, out) = (&mut self.filter, &mut self.out);
        self.inner.with_trailers(|trailers| filter.finish(trailers, out))
    }

    pub(super) fn with_trailers<R>(&self, use_trailers: impl FnOnce(Option<&Headers>) -> R) -> R {
        if self.filter.keeps_trailers() {
            self.inner.with_trailers(use_trailers)
        } else {
            use_trailers(None)
        }
    }

    pub(super) fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    pub(super) fn data(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.out.len());
        self.bytes_out += count as u64;
    }

    pub(super) fn is_last(&self) -> bool {
        self.ended
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ended && self.sent == self.out.len()
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.out.is_empty() && self.inner.is_untouched()
    }

    pub(super) fn inner(&self) -> &Body {
        &self.inner
    }

    pub(super) fn inner_mut(&mut self) -> &mut Body {
        &mut self.inner
    }

    pub(super) fn into_inner(self) -> Body {
        self.inner
    }
}
