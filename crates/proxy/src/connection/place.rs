//! What a connection is, apart from what is said on it: where it came in, who is there, what it
//! counts against.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use http1::{RequestHead, Version};
use ipnet::IpNet;

use crate::exchange::Client;
use crate::fault::Fault;
use crate::forward;
use crate::io::Peer;
use crate::limits::Seat;
use crate::record::Counter;
use crate::snapshot::ListenerPlan;
use crate::tls::Facts;
use crate::worker::Worker;

/// What a connection takes up for as long as it is open, served or parked.
#[derive(Debug)]
pub struct Place {
    worker: Rc<Worker>,
    entrance: Entrance,
    /// No request has been read: the client may yet turn out to speak HTTP/2.
    is_new: Cell<bool>,
    seat: Seat,
}

/// How a client came in.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// The other end of the connection.
    pub peer: Peer,
    /// The address that the client connected to, where somebody wants to know it.
    pub local: Option<SocketAddr>,
    /// Index of the listener in the snapshot.
    pub listener: u32,
    /// The version of HTTP that is spoken.
    pub version: Version,
    /// The TLS session, once there is one.
    pub tls: Option<Rc<Facts>>,
    /// The listener is encrypted: the session may be about to begin, or have come to nothing.
    pub encrypted: bool,
}

impl Entrance {
    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.encrypted { "https" } else { "http" }
    }

    /// Who sends this request.
    #[must_use]
    pub fn client(&self, head: &RequestHead, trusted: &[IpNet]) -> Client {
        let client = forward::client((self.peer, self.scheme()), head, trusted);
        Client { local: self.local, ..client }
    }

    /// Both ends of the client's connection, where both are known.
    #[must_use]
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        match self.peer {
            Peer::Tcp(peer) => Some((peer, self.local?)),
            Peer::Unix => None,
        }
    }
}

impl Place {
    /// Counts a new connection that came in at a listener of the snapshot.
    #[must_use]
    pub fn new(worker: Rc<Worker>, seat: Seat, (peer, listener): (Peer, u32)) -> Self {
        worker.metrics().add(Counter::ConnectionsAccepted, 1);
        let snapshot = worker.snapshot();
        let plan = snapshot.listeners.get(listener as usize);
        let encrypted = plan.is_some_and(|plan| plan.tls.is_some());
        let version = Version::Http11;
        let local = None;
        let entrance = Entrance { peer, local, listener, version, tls: None, encrypted };
        Self { worker, entrance, is_new: Cell::new(true), seat }
    }

    /// Notes the address that the client connected to.
    pub fn set_local(&mut self, local: Option<SocketAddr>) {
        self.entrance.local = local;
    }

    /// A proxy in front has said who the client is, and where it connected to.
    ///
    /// # Errors
    /// When that client has too many connections.
    pub fn relayed(&mut self, client: SocketAddr, server: SocketAddr) -> Result<(), Fault> {
        self.entrance.peer = Peer::Tcp(client);
        self.entrance.local = Some(server);
        self.seat.assign(client.ip(), self.worker.snapshot().connections_per_client_max)
    }

    /// The worker that it belongs to.
    #[must_use]
    pub fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// How the client came in.
    #[must_use]
    pub fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    /// Takes what the handshake has shown.
    pub fn secure(&mut self, facts: Facts) {
        self.entrance.tls = Some(Rc::new(facts));
        // What is spoken has been agreed upon.
        self.is_new.set(false);
    }

    /// The way in, for a connection that speaks HTTP/2.
    #[must_use]
    pub fn h2_entrance(&self) -> Entrance {
        Entrance { version: Version::Http2, ..self.entrance.clone() }
    }

    /// Whether the next bytes may be the preface of HTTP/2: only the first may.
    #[must_use]
    pub fn takes_preface(&self) -> bool {
        self.is_new.get() && self.plan(|plan| plan.protocols.h2)
    }

    /// Whether clients may speak nothing but HTTP/2, with or without having said so before.
    #[must_use]
    pub fn is_h2_only(&self) -> bool {
        self.plan(|plan| !plan.protocols.h1)
    }

    /// Whether it may be TLS that is passed on as it is.
    #[must_use]
    pub fn may_be_passed(&self) -> bool {
        self.plan(|plan| !plan.passes.is_empty())
    }

    /// Whether connections of this listener are passed on unread.
    #[must_use]
    pub fn is_passed_on(&self) -> bool {
        self.plan(|plan| plan.forward.is_some())
    }

    /// A request was read: what is spoken is settled.
    pub fn note_request(&self) {
        self.is_new.set(false);
    }

    /// Whether clients shake hands here first.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.entrance.encrypted
    }

    fn plan(&self, ask: impl FnOnce(&ListenerPlan) -> bool) -> bool {
        let snapshot = self.worker.snapshot();
        snapshot.listeners.get(self.entrance.listener as usize).is_some_and(ask)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.metrics().add(Counter::ConnectionsClosed, 1);
    }
}
