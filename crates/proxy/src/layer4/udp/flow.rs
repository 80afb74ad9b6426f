//! One flow of datagrams: a client's port, a server, and a socket between them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use balance::{Cluster, Outcome, ServerIndex, Tried};
use http1::Version;
use rustix::io::Errno;
use rustix::net::SendFlags;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use super::{Ends, Inlet};
use crate::connection::Entrance;
use crate::fault::{Fault, Kind, Retry};
use crate::io::{Peer, Timer, clock};
use crate::key;
use crate::layer4::plan::ForwardPlan;
use crate::layer4::session::{Session, SessionTrace};
use crate::limits::Taken;
use crate::record::{ServerAt, account};
use crate::snapshot::{ServerTarget, SnapshotRef};
use crate::tunnel::{Carried, Ending};
use crate::upstream::{Found, Turn};

/// A client's datagrams on their way to one server.
pub(super) struct Flow {
    inlet: Rc<Inlet>,
    ends: Ends,
    in_force: SnapshotRef,
    socket: UdpSocket,
    server: ServerAt,
    /// The place on the server, for as long as the flow lives.
    _turn: Turn,
    _place: Taken,
    started: Instant,
    last: Cell<Instant>,
    /// The last datagram that has no answer yet was sent then.
    asked: Cell<Option<Instant>>,
    carried: RefCell<Carried>,
    /// The server's machine says that nobody is there (RFC 1122 §4.1.3.3).
    refused: Cell<bool>,
    /// Wakes the task that has to end because of that.
    ending: Notify,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It is on its way.
    Yes,
    /// The socket took no more.
    No,
    /// Nobody is there; this flow is over.
    Refused,
}

impl Flow {
    /// Chooses a server and begins to carry its answers back. A flow that finds none is recorded
    /// and gone.
    pub(super) fn begin(inlet: &Rc<Inlet>, ends: Ends, place: Taken) -> Option<Rc<Self>> {
        let in_force = inlet.worker.snapshot();
        let listener = in_force.listeners.get(inlet.listener as usize)?;
        let plan = listener.forward.as_ref()?;
        let started = clock::now();
        let reached = reach(&in_force, plan, ends.0, started);
        let (turn, socket, server) = match reached {
            Ok(found) => found,
            Err((fault, server)) => {
                let trace = SessionTrace { server, ..SessionTrace::default() };
                let about = About { inlet, ends, in_force: &in_force, started, trace };
                about.record(Carried::default(), Some(fault));
                return None;
            }
        };
        let flow = Rc::new(Self {
            inlet: Rc::clone(inlet),
            ends,
            in_force,
            socket,
            server,
            _turn: turn,
            _place: place,
            started,
            last: Cell::new(started),
            asked: Cell::new(None),
            carried: RefCell::new(Carried::default()),
            refused: Cell::new(false),
            ending: Notify::new(),
        });
        tokio::task::spawn_local(Rc::clone(&flow).run());
        Some(flow)
    }

    /// Sends a datagram to the server.
    pub(super) fn pass_on(&self, datagram: &[u8]) -> Sent {
        let now = clock::now();
        self.last.set(now);
        // Past the driver, which knows of a new socket only after its next round.
        match rustix::net::send(&self.socket, datagram, SendFlags::DONTWAIT) {
            Ok(_) => {
                self.carried.borrow_mut().upward += datagram.len() as u64;
                self.asked.set(self.asked.get().or(Some(now)));
                Sent::Yes
            }
            // What an earlier datagram met with.
            Err(Errno::CONNREFUSED) => {
                self.refuse();
                Sent::Refused
            }
            Err(_) => Sent::No,
        }
    }

    /// Holds it against the server that nobody is there, once.
    fn refuse(&self) {
        if !self.refused.replace(true) {
            self.in_force.metrics().upstream_fault(self.server);
            self.note(Outcome::Unreachable);
            self.ending.notify_one();
        }
    }

    /// Carries answers back until nothing has come for a while, the server turns out to be gone,
    /// or the worker ends.
    async fn run(self: Rc<Self>) {
        let worker = &self.inlet.worker;
        tokio::select! {
            biased;
            // Who was told to end before this began is not told again.
            () = std::future::ready(()), if worker.is_draining() => {}
            () = self.answers() => {}
            () = self.ending.notified() => {}
            () = worker.flows().ending.notified() => {}
            () = self.idle() => worker.metrics().timeout("udp-idle"),
        }
        self.inlet.forget(self.ends, &self);
        let refused = self.refused.get();
        let fault = refused.then(|| Fault::upstream(Kind::ConnectionRefused, Retry::Never));
        let trace = SessionTrace { server: Some(self.server), attempts: 1, connect: None };
        let about = About {
            inlet: &self.inlet,
            ends: self.ends,
            in_force: &self.in_force,
            started: self.started,
            trace,
        };
        about.record(self.carried.take(), fault);
    }

    /// Carries answers back until the server turns out to be gone.
    async fn answers(&self) {
        loop {
            match self.read_all() {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    return self.refuse();
                }
                Err(_) | Ok(()) => {}
            }
            if self.socket.readable().await.is_err() {
                return;
            }
        }
    }

    /// Carries back what is there.
    fn read_all(&self) -> io::Result<()> {
        loop {
            let mut scratch = self.inlet.scratch.borrow_mut();
            let count = self.socket.try_recv(&mut scratch)?;
            let now = clock::now();
            self.last.set(now);
            self.carried.borrow_mut().downward += count as u64;
            if let Some(asked) = self.asked.take() {
                let took = now.saturating_duration_since(asked);
                self.note(Outcome::Answered(Some(took)));
            }
            self.inlet.answer(self.ends, scratch.get(..count).unwrap_or_default());
        }
    }

    /// Ready when nothing has gone either way for `udp-idle`.
    async fn idle(&self) {
        let limit = self.in_force.timeouts.udp_idle;
        let timer = Timer::new();
        loop {
            let left = limit.saturating_sub(self.last.get().elapsed());
            if left.is_zero() {
                return;
            }
            timer.set(left);
            poll_fn(|cx| {
                let over = timer.poll(cx).is_ready();
                if over { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    fn note(&self, outcome: Outcome) {
        if let Some(cluster) = cluster(&self.in_force, self.server) {
            cluster.note(ServerIndex(self.server.server), outcome, clock::now());
        }
    }
}

fn cluster(in_force: &SnapshotRef, at: ServerAt) -> Option<&Cluster> {
    in_force.upstreams.get(at.upstream as usize).map(|upstream| &*upstream.cluster)
}

/// A server with the place on it, and a socket that is connected to it.
fn reach(
    in_force: &SnapshotRef,
    plan: &ForwardPlan,
    client: SocketAddr,
    now: Instant,
) -> Result<(Turn, UdpSocket, ServerAt), (Fault, Option<ServerAt>)> {
    let fault = |kind| (Fault::proxy(kind), None);
    let number = plan.upstream as usize;
    let (Some(upstream), Some(rules)) =
        (in_force.servers().at(plan.upstream), in_force.upstreams.get(number))
    else {
        return Err(fault(Kind::ProxyInternalError));
    };
    let key = rules.key.as_ref().and_then(|key| key::of_address(client.ip(), key));
    let (turn, server) = match upstream.pick(now, key, &Tried::new()) {
        Found::Server(turn, server) => (turn, server),
        Found::Full => return Err(fault(Kind::UpstreamFull)),
        Found::None => return Err(fault(Kind::DestinationUnavailable)),
    };
    let at = ServerAt { upstream: plan.upstream, server: turn.server().0 };
    let failed = |kind| (Fault::upstream(kind, Retry::Never), Some(at));
    let address = address(&server.target).ok_or_else(|| failed(Kind::DnsError))?;
    let socket = connect(address).map_err(|_| failed(Kind::ConnectionRefused))?;
    Ok((turn, socket, at))
}

/// Where a server is; a name that has no address yet is nowhere.
fn address(target: &ServerTarget) -> Option<SocketAddr> {
    match target {
        ServerTarget::Ip(address, _) | ServerTarget::Resolved(address, ..) => Some(*address),
        ServerTarget::Name(name) => name.addresses().first().copied(),
        ServerTarget::Unix(..) => None,
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// A flow, for the record.
struct About<'a> {
    inlet: &'a Inlet,
    ends: Ends,
    in_force: &'a SnapshotRef,
    started: Instant,
    trace: SessionTrace,
}

impl About<'_> {
    fn record(&self, carried: Carried, fault: Option<Fault>) {
        let (client, local) = self.ends;
        let listener = self.in_force.listeners.get(self.inlet.listener as usize);
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let entrance = Entrance {
            peer: Peer::Tcp(client),
            local: local.map(|local| SocketAddr::new(local, 0)),
            listener: self.inlet.listener,
            version: Version::Http11,
            tls: None,
            encrypted: false,
        };
        let session = Session {
            snapshot: self.in_force,
            entrance: &entrance,
            protocol: "UDP",
            name: None,
            label: listener.map_or("", |listener| &listener.address),
            started: self.started,
            trace: self.trace,
            carried: Carried { ending: Ending::Both, ..carried },
            fault,
        };
        account::session(&self.inlet.worker, &session);
    }
}
