//! Idle client connections of a worker, as little more than a descriptor each.
//!
//! A connection between requests needs no task, no buffer and no place in the runtime: it is
//! watched by one epoll instance for all of them, and comes back to life with its next byte.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use slab::Slab;
use tokio::io::unix::AsyncFd;

use crate::connection::{Connection, Place};
use crate::io::{Parts, Stream, clock, register};
use crate::transport::Transport;
use crate::worker::Worker;

/// Connections that are woken in one go, before others get their turn.
const BATCH: usize = 64;

/// The parked connections of one worker.
#[derive(Debug)]
pub struct ParkingLot {
    epoll: AsyncFd<OwnedFd>,
    parked: RefCell<Slab<Parked>>,
}

/// A connection between requests.
#[derive(Debug)]
struct Parked {
    parts: Parts,
    place: Place,
    until: Instant,
}

impl ParkingLot {
    /// An empty lot.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = register::owned(epoll::create(CreateFlags::CLOEXEC)?)?;
        Ok(Self { epoll, parked: RefCell::default() })
    }

    /// Watches a quiet connection until `until`; then it is closed.
    ///
    /// # Errors
    /// When the system cannot watch it; the connection is closed.
    pub fn park(&self, stream: Stream, place: Place, until: Instant) -> io::Result<()> {
        let parts = stream.into_parts();
        let mut parked = self.parked.borrow_mut();
        let entry = parked.vacant_entry();
        let data = EventData::new_u64(entry.key() as u64);
        epoll::add(&self.epoll, &parts.fd, data, EventFlags::IN | EventFlags::RDHUP)?;
        entry.insert(Parked { parts, place, until });
        Ok(())
    }

    /// Number of parked connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parked.borrow().len()
    }

    /// Whether no connection is parked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes connections whose time is over; tells how many. One whose next request has come
    /// already is about to be woken.
    pub fn sweep(&self) -> usize {
        let now = clock::now();
        let mut parked = self.parked.borrow_mut();
        let before = parked.len();
        parked.retain(|_, connection| connection.until > now || connection.speaks());
        before - parked.len()
    }

    /// Closes every connection that has nothing to say; the others are about to be woken.
    pub fn close_quiet(&self) {
        self.parked.borrow_mut().retain(|_, connection| connection.speaks());
    }

    /// Closes every connection.
    pub fn close_all(&self) {
        self.parked.borrow_mut().clear();
    }

    /// Takes the connections that have something to say; empty when none has.
    fn wake(&self) -> io::Result<Vec<Parked>> {
        let mut events: Vec<Event> = Vec::with_capacity(BATCH);
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let spare = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&self.epoll, spare, Some(&now))?;
        let mut parked = self.parked.borrow_mut();
        let woken = events.iter().filter_map(|event| {
            let connection = parked.try_remove(usize::try_from(event.data.u64()).ok()?)?;
            epoll::delete(&self.epoll, &connection.parts.fd).ok()?;
            Some(connection)
        });
        Ok(woken.collect())
    }
}

/// Brings parked connections back to life as they speak up.
///
/// # Errors
/// When the lot itself fails.
pub async fn watch(worker: Rc<Worker>) -> io::Result<()> {
    let lot = worker.parking();
    loop {
        let mut guard = lot.epoll.readable().await?;
        let woken = lot.wake()?;
        if woken.is_empty() {
            guard.clear_ready();
        }
        for Parked { parts, place, .. } in woken {
            // One that cannot be registered is closed, as if it had stayed idle.
            if let Ok(stream) = Stream::from_parts(parts) {
                Connection::new(Rc::new(Transport::new(stream)), place).start();
            }
        }
        // What has been woken is served before more are.
        tokio::task::yield_now().await;
    }
}

impl Parked {
    /// Whether something has come. If not, the connection is about to be closed: the client is
    /// told so where there is a way.
    fn speaks(&self) -> bool {
        let mut scratch = [0_u8; 1];
        let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        let received = rustix::net::recv(&self.parts.fd, &mut scratch[..], flags);
        let speaks = matches!(received, Ok((_, count)) if count > 0);
        if !speaks {
            self.parts.farewell();
        }
        speaks
    }
}
