//! Content whose beginning has been read, because somebody wanted to look at all of it and it
//! turned out to be too long.

use std::task::{Context, Poll};

use super::Body;
use crate::fault::Fault;

/// A beginning in memory, and what follows.
#[derive(Debug)]
pub struct Led {
    beginning: Vec<u8>,
    sent: usize,
    pub(super) rest: Body,
}

impl Led {
    pub(super) fn new(beginning: Vec<u8>, rest: Body) -> Self {
        Self { beginning, sent: 0, rest }
    }

    /// What is left of the beginning.
    fn left(&self) -> &[u8] {
        self.beginning.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        if self.left().is_empty() { self.rest.poll_data(cx) } else { Poll::Ready(Ok(true)) }
    }

    pub(super) fn with_data<R>(&self, use_data: impl FnOnce(&[u8]) -> R) -> R {
        match self.left() {
            [] => self.rest.with_data(use_data),
            left => use_data(left),
        }
    }

    pub(super) fn consume(&mut self, count: usize) {
        if self.left().is_empty() {
            return self.rest.consume(count);
        }
        self.sent += count;
        if self.left().is_empty() {
            // It is not needed again: a body that was begun cannot begin anew.
            self.beginning = Vec::new();
            self.sent = 1;
        }
    }

    pub(super) fn is_last(&self) -> bool {
        if self.left().is_empty() { self.rest.is_last() } else { self.rest.is_empty() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left().is_empty() && self.rest.is_empty()
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.sent == 0
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn the_rest_follows_the_beginning() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut body = Body::led(b"abc".to_vec(), Body::owned(b"de".to_vec()));
        assert!(body.is_untouched() && !body.is_last() && !body.is_empty());
        let mut all = Vec::new();
        while let Poll::Ready(Ok(true)) = body.poll_data(&mut cx) {
            all.extend(body.with_data(|data| data.first().copied()));
            body.consume(1);
            assert!(!body.is_untouched());
        }
        assert_eq!(all, b"abcde");
        assert!(body.is_last() && body.with_data(<[u8]>::is_empty));
        assert!(Body::led(b"abc".to_vec(), Body::Empty).is_last());
    }
}
