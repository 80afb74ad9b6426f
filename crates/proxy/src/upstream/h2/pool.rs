//! The HTTP/2 connections to one server on one worker.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Connection;
use crate::io::clock;

/// Connections with their streams. A request takes the first one with room, so that few are busy
/// and the rest can age out.
#[derive(Debug)]
pub struct StreamPool {
    connections: RefCell<Vec<Rc<Connection>>>,
    streams_max: usize,
    /// Held while a connection is being made: the others wait for it, and may find room on it.
    pub(crate) making: tokio::sync::Mutex<()>,
}

impl StreamPool {
    /// An empty pool for connections that carry at most `streams_max` streams at once.
    #[must_use]
    pub fn new(streams_max: usize) -> Self {
        Self { connections: RefCell::default(), streams_max, making: tokio::sync::Mutex::default() }
    }

    /// Streams on one connection, at the most.
    #[must_use]
    pub fn streams_max(&self) -> usize {
        self.streams_max
    }

    /// A connection with room for one more stream.
    pub(crate) fn find(&self) -> Option<Rc<Connection>> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| !connection.is_over());
        let fits = |connection: &&Rc<Connection>| connection.has_room(self.streams_max);
        connections.iter().find(fits).cloned()
    }

    /// Keeps a new connection.
    pub(crate) fn add(&self, connection: &Rc<Connection>) {
        self.connections.borrow_mut().push(Rc::clone(connection));
    }

    /// Closes what is over or has been idle for too long.
    pub fn sweep(&self, idle_timeout: Duration) {
        let now = clock::now();
        self.connections.borrow_mut().retain(|connection| {
            !connection.is_over() && !connection.is_idle_for(idle_timeout, now)
        });
    }

    /// Connections without a stream, and all of them.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let connections = self.connections.borrow();
        let idle = connections.iter().filter(|connection| connection.active() == 0).count();
        (idle, connections.len())
    }
}
