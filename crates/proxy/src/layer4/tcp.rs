//! A TCP connection from its listener to a server and back.

use std::rc::Rc;
use std::time::Instant;

use super::plan::ForwardPlan;
use super::session::{Session, SessionTrace};
use crate::connection::{Entrance, Entry, Place};
use crate::fault::{Fault, Kind, Retry, Side};
use crate::io::{Stream, clock};
use crate::proxy_protocol::Relayed;
use crate::record::{Counter, Gauge, account};
use crate::snapshot::{InForce, ListenerPlan};
use crate::transport::Transport;
use crate::tunnel::{self, Carried, Ending, Port};
use crate::upstream::{self, Lease};
use crate::worker::{Open, Worker};

/// Which destination of a listener is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Its only one.
    Only,
    /// That of a route, and the name that the client asked for.
    Route(u32, Option<String>),
}

impl Way {
    fn plan<'a>(&self, listener: &'a ListenerPlan) -> Option<&'a ForwardPlan> {
        match self {
            Self::Only => listener.forward.as_ref(),
            Self::Route(number, _) => listener.passes.at(*number),
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Only => None,
            Self::Route(_, name) => name.as_deref(),
        }
    }
}

/// Passes a connection on to a destination of its listener, on a task of its own.
pub fn start(worker: &Rc<Worker>, stream: Stream, (place, way): (Place, Way)) {
    let worker = Rc::clone(worker);
    worker.metrics().add(Counter::StreamConnections, 1);
    tokio::task::spawn_local(async move {
        let transport = Rc::new(Transport::new(stream));
        let _entry = Entry::new(&worker, Open::H1(Rc::clone(&transport), false));
        let in_force = worker.snapshot();
        let listener = in_force.listeners.get(place.entrance().listener as usize);
        let Some(plan) = listener.and_then(|listener| way.plan(listener)) else {
            return;
        };
        let passing = Passing {
            worker: &worker,
            in_force: &in_force,
            plan,
            way: &way,
            entrance: place.entrance(),
            started: clock::now(),
        };
        passing.run(&transport).await;
    });
}

/// A connection on its way.
struct Passing<'a> {
    worker: &'a Worker,
    in_force: &'a InForce,
    plan: &'a ForwardPlan,
    way: &'a Way,
    entrance: &'a Entrance,
    started: Instant,
}

impl Passing<'_> {
    async fn run(&self, transport: &Rc<Transport>) {
        let mut trace = SessionTrace::default();
        let relayed = self.relayed();
        let reached = upstream::dial(self.in_force, self.plan, (&relayed, &mut trace)).await;
        let (carried, fault) = match reached {
            Ok(lease) => self.carry(transport, lease).await,
            Err(fault) => {
                // The end of a stream would say that there was nothing to be had.
                transport.stream().reset_on_close(true);
                (Carried::default(), Some(fault))
            }
        };
        self.worker.count_client(transport.stream().take_traffic());
        self.record(trace, carried, fault);
    }

    async fn carry(&self, transport: &Rc<Transport>, lease: Lease) -> (Carried, Option<Fault>) {
        let open = self.worker.raise(Gauge::TunnelsOpen);
        let ends = (Port::client(transport), Port::upstream(lease));
        let carried = tunnel::run(ends, self.in_force.timeouts.tcp_idle).await;
        drop(open);
        let fault = match carried.ending {
            Ending::Both => None,
            Ending::Idle => Some(Fault::proxy(Kind::TcpIdleTimeout)),
            Ending::Cut(Side::Upstream) => {
                Some(Fault::upstream(Kind::ConnectionTerminated, Retry::Never))
            }
            Ending::Cut(_) => Some(Fault::client(Kind::ClientGone)),
        };
        (carried, fault)
    }

    /// What a server is told of the client.
    fn relayed(&self) -> Relayed<'_> {
        let known = Relayed::new(self.entrance.addresses(), self.entrance.tls.as_deref());
        Relayed { name: self.way.name().or(known.name), ..known }
    }

    fn record(&self, trace: SessionTrace, carried: Carried, fault: Option<Fault>) {
        account::session(
            self.worker,
            &Session {
                snapshot: self.in_force,
                entrance: self.entrance,
                protocol: match self.way {
                    Way::Only if !self.entrance.encrypted => "TCP",
                    _ => "TLS",
                },
                name: self.relayed().name,
                label: &self.plan.label,
                started: self.started,
                trace,
                carried,
                fault,
            },
        );
    }
}
