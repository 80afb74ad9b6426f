//! Idle connections of one server on one worker: last in, first out, so that the few warm ones
//! are used and the rest can age out.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::io::clock;
use crate::transport::Transport;

/// The idle connections of one server.
#[derive(Debug)]
pub struct Pool {
    idle: RefCell<Vec<Idle>>,
    idle_max: usize,
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Idle {
    transport: Rc<Transport>,
    since: Instant,
}

impl Pool {
    /// An empty pool for at most `idle_max` connections, each kept for `idle_timeout`.
    #[must_use]
    pub fn new(idle_max: usize, idle_timeout: Duration) -> Self {
        Self { idle: RefCell::default(), idle_max, idle_timeout }
    }

    /// The limit and the timeout that the pool was made with.
    #[must_use]
    pub fn settings(&self) -> (usize, Duration) {
        (self.idle_max, self.idle_timeout)
    }

    /// The most recently used connection that is still alive. Dead ones are dropped on the way.
    pub fn take(&self) -> Option<Rc<Transport>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(candidate) = idle.pop() {
            if is_alive(&candidate.transport) {
                return Some(candidate.transport);
            }
        }
        None
    }

    /// Keeps a clean, living connection; beyond the limit it is closed.
    pub fn put(&self, transport: Rc<Transport>) {
        let mut idle = self.idle.borrow_mut();
        // Looking also frees the connection of the task that used it last.
        if idle.len() < self.idle_max && is_alive(&transport) {
            idle.push(Idle { transport, since: clock::coarse() });
        }
    }

    /// Closes what is too old or dead.
    pub fn sweep(&self) {
        let now = clock::now();
        self.idle.borrow_mut().retain(|idle| {
            now.saturating_duration_since(idle.since) < self.idle_timeout
                && is_alive(&idle.transport)
        });
    }

    /// Number of idle connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Whether no connection is idle.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An idle origin has nothing to say: bytes or an end of stream make the connection unusable.
fn is_alive(transport: &Transport) -> bool {
    !transport.stream().is_disturbed()
}
