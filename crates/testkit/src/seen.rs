//! What an origin saw: every byte of every connection, every request it could read.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::PATIENCE;
use crate::message::Request;

/// The shared memory of an origin.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    inner: Arc<(Mutex<Inner>, Condvar)>,
}

#[derive(Debug, Default)]
struct Inner {
    connections: Vec<Vec<u8>>,
    open: usize,
    requests: Vec<Request>,
    complaints: Vec<String>,
}

impl Seen {
    /// The raw bytes of every connection, in the order accepted.
    #[must_use]
    pub fn connections(&self) -> Vec<Vec<u8>> {
        self.read(|inner| inner.connections.clone())
    }

    /// Every request read so far, in the order read.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.read(|inner| inner.requests.clone())
    }

    /// Method and target of every request read so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |r: &Request| format!("{} {}", r.method(), r.target());
        self.requests().iter().map(line).collect()
    }

    /// What the origin could not understand or what its script did not expect.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.read(|inner| inner.complaints.clone())
    }

    /// The last request.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    pub fn last(&self) -> Request {
        self.requests().pop().expect("the origin saw no request")
    }

    /// Waits until `count` requests were read.
    pub fn wait_requests(&self, count: usize) {
        self.wait("requests", |inner| inner.requests.len() >= count);
    }

    /// Waits until `count` connections were accepted.
    pub fn wait_connections(&self, count: usize) {
        self.wait("connections", |inner| inner.connections.len() >= count);
    }

    /// Waits until all connections are closed on our side.
    pub fn wait_idle(&self) {
        self.wait("end of all connections", |inner| inner.open == 0);
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.read(|inner| inner.open)
    }

    /// Starts the record of a new connection.
    pub(crate) fn begin(&self) -> Tape {
        let index = self.write(|inner| {
            inner.connections.push(Vec::new());
            inner.open += 1;
            inner.connections.len() - 1
        });
        Tape { seen: self.clone(), index }
    }

    pub(crate) fn end(&self) {
        self.write(|inner| inner.open -= 1);
    }

    pub(crate) fn request(&self, request: Request) {
        self.write(|inner| inner.requests.push(request));
    }

    pub(crate) fn complain(&self, what: String) {
        self.write(|inner| inner.complaints.push(what));
    }

    fn read<T>(&self, look: impl FnOnce(&Inner) -> T) -> T {
        look(&self.lock())
    }

    fn write<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let out = change(&mut self.lock());
        self.inner.1.notify_all();
        out
    }

    fn wait(&self, what: &str, mut done: impl FnMut(&Inner) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut inner = self.lock();
        while !done(&inner) {
            let left = until.saturating_duration_since(Instant::now());
            let saw = (inner.connections.len(), inner.requests.len(), inner.open);
            assert!(!left.is_zero(), "no {what}; connections, requests, open: {saw:?}");
            let woken = self.inner.1.wait_timeout(inner, left);
            inner = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A test that failed while it looked leaves the record readable.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record of one connection's incoming bytes.
#[derive(Clone, Debug)]
pub struct Tape {
    seen: Seen,
    index: usize,
}

impl Tape {
    /// Which connection of the origin this is, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        self.seen.write(|inner| inner.connections[self.index].extend_from_slice(bytes));
    }
}
