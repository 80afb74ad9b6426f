//! Content that somebody reads along.

use std::task::{Context, Poll};

use super::Body;
use crate::fault::Fault;

/// Reads along. What it is given is what goes on its way, once.
pub trait Tap: std::fmt::Debug {
    /// The next part.
    fn take(&mut self, data: &[u8]);
    /// The content begins again.
    fn restart(&mut self);
    /// That was all.
    fn end(&mut self);
}

/// Content with a reader beside its way. In everything else it is the content itself.
#[derive(Debug)]
pub struct Copied {
    pub(super) inner: Body,
    tap: Box<dyn Tap>,
    has_ended: bool,
}

impl Copied {
    pub(super) fn new(inner: Body, tap: Box<dyn Tap>) -> Self {
        Self { inner, tap, has_ended: false }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        let polled = self.inner.poll_data(cx);
        if matches!(polled, Poll::Ready(Ok(false))) {
            self.end();
        }
        polled
    }

    pub(super) fn consume(&mut self, count: usize) {
        let tap = &mut self.tap;
        self.inner.with_data(|data| tap.take(data.get(..count).unwrap_or(data)));
        self.inner.consume(count);
        // Who writes the last bytes need not ask for more.
        if self.inner.is_last() && self.inner.with_data(<[u8]>::is_empty) {
            self.end();
        }
    }

    pub(super) fn rewind(&mut self) -> bool {
        let is_again = self.inner.rewind();
        if is_again && !self.has_ended {
            self.tap.restart();
        }
        is_again
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.tap.end();
        }
    }
}
