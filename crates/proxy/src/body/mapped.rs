//! Content that changes on its way.

use std::task::{Context, Poll, ready};

use super::Body;
use crate::fault::{Fault, Kind};

/// What becomes of content. It holds no more than one step makes.
pub trait Filter: std::fmt::Debug {
    /// Changes a part of the content.
    ///
    /// # Errors
    /// When the content is not what the filter is for.
    fn push(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed>;

    /// What follows the last part, made of the trailer fields if there are any.
    ///
    /// # Errors
    /// When the content ended too early.
    fn finish(
        &mut self,
        trailers: Option<&http1::Headers>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed>;
}

/// The content is not what the filter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Content behind a filter. Its trailer fields are the filter's.
#[derive(Debug)]
pub struct Mapped {
    inner: Body,
    filter: Box<dyn Filter>,
    out: Vec<u8>,
    sent: usize,
    ended: bool,
}

impl Mapped {
    /// Puts a filter before content.
    #[must_use]
    pub fn new(inner: Body, filter: Box<dyn Filter>) -> Self {
        Self { inner, filter, out: Vec::new(), sent: 0, ended: false }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        while self.sent == self.out.len() && !self.ended {
            self.out.clear();
            self.sent = 0;
            let (filter, out) = (&mut self.filter, &mut self.out);
            let mapped = if ready!(self.inner.poll_data(cx))? {
                let mapped = self.inner.with_data(|data| filter.push(data, out));
                let count = self.inner.with_data(<[u8]>::len);
                self.inner.consume(count);
                mapped
            } else {
                self.ended = true;
                self.inner.with_trailers(|trailers| filter.finish(trailers, out))
            };
            mapped.map_err(|Malformed| Fault::client(Kind::HttpRequestError))?;
        }
        Poll::Ready(Ok(self.sent < self.out.len()))
    }

    pub(super) fn data(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.out.len());
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
