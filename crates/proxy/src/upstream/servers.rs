//! The servers of every upstream as one worker sees them: pools, turns, who is next.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use balance::{Cluster, Picker, ServerIndex};

use config::{ProxyVersion, UpstreamProtocol, UpstreamTls};

use super::turn::Chooser;
use super::{Pool, StreamPool};
use crate::io::{Session, Stream, Traffic, clock};
use crate::snapshot::{ServerTarget, Snapshot, UpstreamPlan};
use crate::tls::ClientTls;

/// One server on one worker. Survives a new snapshot when its address and pool settings stay.
#[derive(Debug)]
pub struct ServerState {
    /// Where it listens.
    pub target: ServerTarget,
    /// Its idle connections of HTTP/1.1.
    pub pool: Pool,
    /// Its connections of HTTP/2.
    pub streams: StreamPool,
    /// How connections to it are encrypted, if they are.
    pub tls: Option<Arc<ClientTls>>,
    /// The PROXY protocol that connections to it begin with, if they do.
    pub proxy_protocol: Option<ProxyVersion>,
    protocol: UpstreamProtocol,
    tls_config: Option<UpstreamTls>,
    /// Exchanges on it now.
    pub active: Cell<usize>,
    turn: Cell<usize>,
    received: Cell<u64>,
    sent: Cell<u64>,
}

/// What must be the same for a server's pool to outlive a reload.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    label: Arc<str>,
    /// By which it is asked for, and known in TLS.
    host: String,
    idle_max: usize,
    idle_timeout: std::time::Duration,
    streams_max: usize,
    protocol: UpstreamProtocol,
    tls: Option<UpstreamTls>,
    proxy_protocol: Option<ProxyVersion>,
}

impl ServerState {
    fn identity(&self) -> Identity {
        let (idle_max, idle_timeout) = self.pool.settings();
        Identity {
            label: Arc::clone(self.target.label()),
            host: self.target.host().to_owned(),
            idle_max,
            idle_timeout,
            streams_max: self.streams.streams_max(),
            protocol: self.protocol,
            tls: self.tls_config.clone(),
            proxy_protocol: self.proxy_protocol,
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether every connection to it speaks HTTP/1.1.
    #[must_use]
    pub fn speaks_h1_only(&self) -> bool {
        self.protocol == UpstreamProtocol::H1
    }

    /// Whether HTTP/2 is spoken on a new connection: known beforehand, or agreed upon.
    #[must_use]
    pub fn is_h2(&self, stream: &Stream) -> bool {
        match self.protocol {
            UpstreamProtocol::H1 => false,
            UpstreamProtocol::H2 => true,
            UpstreamProtocol::Auto => {
                let agreed = |session: &Session| session.common().alpn_protocol() == Some(b"h2");
                stream.with_session(agreed).unwrap_or(false)
            }
        }
    }

    /// Adds what went over one of its connections.
    pub fn count(&self, traffic: Traffic) {
        self.received.set(self.received.get() + traffic.received);
        self.sent.set(self.sent.get() + traffic.sent);
    }

    /// A number that grows by one each time, to spread over the addresses of a name.
    #[must_use]
    pub fn next_turn(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1))
    }
}

/// One upstream on one worker.
#[derive(Debug)]
pub struct UpstreamState {
    plan: Arc<UpstreamPlan>,
    servers: Vec<Rc<ServerState>>,
    chooser: Rc<Chooser>,
}

impl UpstreamState {
    /// What all workers know of the servers.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.plan.cluster
    }

    /// The server at this index.
    #[must_use]
    pub fn server(&self, index: ServerIndex) -> Option<&Rc<ServerState>> {
        self.servers.get(index.0 as usize)
    }

    pub(super) fn chooser(&self) -> &Rc<Chooser> {
        &self.chooser
    }

    /// Calls one that waits, if there may be room that another worker has released.
    fn call_waiting(&self, now: Instant) {
        if !self.chooser.queue().is_empty() && self.cluster().has_any_room(now) {
            self.chooser.queue().wake_one();
        }
    }
}

/// Every upstream, in the order of the snapshot.
#[derive(Debug, Default)]
pub struct Upstreams {
    states: Vec<Rc<UpstreamState>>,
}

impl Upstreams {
    /// The states for a new snapshot on one worker; what `before` knows of the same servers is
    /// carried over.
    #[must_use]
    pub fn for_snapshot(snapshot: &Snapshot, before: &Self, worker: usize) -> Self {
        let known: HashMap<_, _> =
            before.states.iter().map(|state| (Arc::as_ptr(&state.plan), state)).collect();
        let plans = &snapshot.upstreams;
        let kept: HashSet<_> = plans.iter().map(Arc::as_ptr).collect();
        let is_gone = |state: &&Rc<UpstreamState>| !kept.contains(&Arc::as_ptr(&state.plan));
        let mut carry: HashMap<Identity, Rc<ServerState>> = HashMap::new();
        for state in before.states.iter().filter(is_gone) {
            let servers = state.servers.iter();
            carry.extend(servers.map(|server| (server.identity(), Rc::clone(server))));
        }
        let state = |plan: &Arc<UpstreamPlan>| match known.get(&Arc::as_ptr(plan)) {
            Some(state) => Rc::clone(state),
            None => Rc::new(build(plan, &mut carry, worker)),
        };
        let states = plans.iter().map(state).collect();
        // Who waits for a place looks for one among the servers that there are now.
        before.states.iter().filter(is_gone).for_each(|state| state.chooser.queue().wake_all());
        Self { states }
    }

    /// The upstream at this index of the snapshot.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<&UpstreamState> {
        self.states.get(index as usize).map(Rc::as_ref)
    }

    /// Closes idle connections that are too old or dead.
    pub fn sweep(&self) {
        self.servers().for_each(|server| {
            server.pool.sweep();
            server.streams.sweep(server.pool.settings().1);
        });
    }

    /// Looks after those that wait for room, and compares servers with their peers.
    pub fn keep_house(&self) {
        let now = clock::now();
        for state in &self.states {
            state.call_waiting(now);
            state.cluster().compare(now);
        }
    }

    /// The index of each upstream with its idle connections.
    pub fn idle(&self) -> impl Iterator<Item = (u32, u64)> {
        self.states.iter().enumerate().map(|(index, state)| {
            let idle = |server: &Rc<ServerState>| server.pool.len() + server.streams.count().0;
            let idle = state.servers.iter().map(|server| idle(server) as u64).sum();
            (index as u32, idle)
        })
    }

    /// Bytes that went over upstream connections since the last call.
    #[must_use]
    pub fn take_traffic(&self) -> Traffic {
        self.servers().fold(Traffic::default(), |sum, server| Traffic {
            received: sum.received + server.received.take(),
            sent: sum.sent + server.sent.take(),
        })
    }

    /// Upstream connections, idle ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        let open = |server: &Rc<ServerState>| {
            server.pool.len() + server.active.get() + server.streams.count().1
        };
        self.servers().map(open).sum()
    }

    fn servers(&self) -> impl Iterator<Item = &Rc<ServerState>> {
        self.states.iter().flat_map(|state| &state.servers)
    }
}

fn build(
    plan: &Arc<UpstreamPlan>,
    carry: &mut HashMap<Identity, Rc<ServerState>>,
    worker: usize,
) -> UpstreamState {
    let servers = plan
        .servers
        .iter()
        .map(|server| {
            let fresh = Rc::new(ServerState {
                target: server.target.clone(),
                pool: Pool::new(plan.idle_max, plan.idle_timeout),
                streams: StreamPool::new(plan.streams_max),
                tls: plan.tls.clone(),
                proxy_protocol: plan.proxy_protocol,
                protocol: plan.protocol,
                tls_config: plan.tls_config.clone(),
                active: Cell::new(0),
                turn: Cell::new(0),
                received: Cell::new(0),
                sent: Cell::new(0),
            });
            carry.remove(&fresh.identity()).unwrap_or(fresh)
        })
        .collect();
    let picker = Picker::new(Arc::clone(&plan.cluster), worker as u32);
    UpstreamState { plan: Arc::clone(plan), servers, chooser: Rc::new(Chooser::new(picker)) }
}
