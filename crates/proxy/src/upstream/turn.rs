//! A request's place on a server: taken when the server is chosen, given back when the request
//! has left it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use balance::{Pick, Picker, ServerIndex, Tried};

use super::queue::Queue;
use super::{ServerState, UpstreamState};

/// Chooses, and wakes whoever waits for room when there is some.
#[derive(Debug)]
pub(super) struct Chooser {
    picker: RefCell<Picker>,
    queue: Queue,
}

impl Chooser {
    pub(super) fn new(picker: Picker) -> Self {
        Self { picker: RefCell::new(picker), queue: Queue::default() }
    }

    /// Those that wait for room on this worker.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    fn release(&self, server: ServerIndex) {
        self.picker.borrow_mut().release(server);
        self.queue.wake_one();
    }

    fn take(&self, server: ServerIndex) {
        self.picker.borrow().cluster().begin(server);
    }
}

/// One request on one server.
#[derive(Debug)]
pub struct Turn {
    chooser: Rc<Chooser>,
    server: ServerIndex,
}

/// What came of the search for a server.
pub enum Found<'a> {
    /// This one, with the place taken on it.
    Server(Turn, &'a Rc<ServerState>),
    /// All are full.
    Full,
    /// There is none left.
    None,
}

impl Turn {
    /// The number of the server.
    #[must_use]
    pub fn server(&self) -> ServerIndex {
        self.server
    }

    /// Another place on the same server, for another try.
    #[must_use]
    pub fn again(&self) -> Self {
        self.chooser.take(self.server);
        Self { chooser: Rc::clone(&self.chooser), server: self.server }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.chooser.release(self.server);
    }
}

impl UpstreamState {
    /// The server for the next request; `key` is the hash of what it is known by.
    pub fn pick(&self, now: Instant, key: Option<u64>, tried: &Tried) -> Found<'_> {
        let pick = self.chooser().picker.borrow_mut().pick(now, key, tried);
        match pick {
            Pick::Server(server) => self.found(server),
            Pick::Full => Found::Full,
            Pick::None => Found::None,
        }
    }

    /// The server that a client is bound to, if it can be used.
    pub fn pick_bound(&self, server: ServerIndex, now: Instant, tried: &Tried) -> Found<'_> {
        let took = self.chooser().picker.borrow_mut().pick_bound(server, now, tried);
        if took { self.found(server) } else { Found::None }
    }

    fn found(&self, server: ServerIndex) -> Found<'_> {
        let turn = Turn { chooser: Rc::clone(self.chooser()), server };
        match self.server(server) {
            Some(state) => Found::Server(turn, state),
            None => Found::None,
        }
    }
}
