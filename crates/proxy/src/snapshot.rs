//! The configuration as the data plane uses it: immutable, names turned into indices.
//!
//! A reload compiles the next snapshot beside this one and swaps a pointer; an exchange ends with
//! the snapshot it began with.

mod cluster;
mod compile;
mod compile_action;
mod compile_layer4;
mod compile_upstream;
mod members;
mod name;
mod split;

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use balance::{Cluster, ServerIndex};
use http1::HeadLimits;
use ipnet::IpNet;

use crate::caching::{CachePlan, Shelf};
use crate::exchange::Exchange;
use crate::fault::{Kind, Rule};
use crate::io::Peer;
use crate::layer4::passes::Passes;
use crate::layer4::plan::ForwardPlan;
use crate::middleware::{ErrorPages, Middleware};
use crate::mirror::MirrorPlan;
use crate::record::{LabelledMetrics, ServerAt, Shape, UpstreamNames, Words};
use crate::route::{Outcome, Query, Router, Slashes};
use crate::template::Template;
use crate::tls::{ClientTls, ServerTls};
use crate::upstream::{Sticky, Upstreams};

pub use compile::{CompileFault, compile};
pub use name::Name;
pub use split::SplitPlan;

/// A worker's hold on what is in force: taken and dropped per exchange without touching a counter
/// that other workers share.
pub type SnapshotRef = Rc<InForce>;

/// A snapshot with this worker's servers for it: an exchange that began with the one never meets
/// the other of a later reload.
#[derive(Debug)]
pub struct InForce {
    snapshot: Arc<Snapshot>,
    servers: Upstreams,
    metrics: LabelledMetrics,
}

impl InForce {
    /// Puts a snapshot in force with its servers.
    #[must_use]
    pub fn new(
        snapshot: Arc<Snapshot>,
        servers: Upstreams,
        metrics: LabelledMetrics,
    ) -> SnapshotRef {
        Rc::new(Self { snapshot, servers, metrics })
    }

    /// Whether this differs from an earlier one in the servers of upstreams alone, so that
    /// routes and the numbers of upstreams mean the same.
    #[must_use]
    pub fn is_heir_of(&self, earlier: &Self) -> bool {
        !Arc::ptr_eq(&self.snapshot, &earlier.snapshot)
            && Arc::ptr_eq(&self.snapshot.routes, &earlier.snapshot.routes)
    }

    /// Counts in the numbers of this snapshot.
    #[must_use]
    pub fn metrics(&self) -> &LabelledMetrics {
        &self.metrics
    }

    /// The servers of every upstream as this worker knows them.
    #[must_use]
    pub fn servers(&self) -> &Upstreams {
        &self.servers
    }
}

impl Deref for InForce {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// Everything that workers need to know, compiled. What a change of servers leaves as it is, is
/// shared with the snapshot before.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Finds the route of a request.
    pub router: Arc<Router>,
    /// The routes, by index.
    pub routes: Arc<[Route]>,
    /// The stores of responses.
    pub shelves: Arc<[Arc<Shelf>]>,
    /// The upstreams, by index.
    pub upstreams: Vec<Arc<UpstreamPlan>>,
    /// The listeners, in the order of the configuration.
    pub listeners: Arc<[ListenerPlan]>,
    /// Some server is told both ends of a client's connection.
    pub tells_addresses: bool,
    /// Fields that carry a client's certificate at some listener, beside those of RFC 9440.
    pub client_cert_fields: Arc<[String]>,
    /// What HTTP/2 connections of clients may cost.
    pub http2: config::Http2,
    /// TLS handshakes that one address may begin in a second.
    pub tls_handshakes_per_client: u32,
    /// Flows of UDP at once on each worker.
    pub udp_flows_max: usize,
    /// Bytes of a first message of TLS that is looked into.
    pub tls_hello_bytes_max: usize,
    /// What a head may cost.
    pub head_limits: HeadLimits,
    /// Client connections over all workers.
    pub connections_max: u32,
    /// Client connections from one address.
    pub connections_per_client_max: u32,
    /// Bytes of buffer memory over all workers.
    pub memory_bytes_max: usize,
    /// Timeouts of the client side.
    pub timeouts: config::Timeouts,
    /// Peers whose forwarding fields are believed.
    pub trusted_proxies: Arc<[IpNet]>,
    /// What becomes of request ids.
    pub request_id: config::RequestIdPolicy,
    /// What becomes of doubled slashes.
    pub slashes: Slashes,
    /// Origins get paths as they were matched.
    pub forwards_canonical: bool,
    /// Finds the error pages of a site for requests that no route takes.
    pub sites: Arc<Router>,
    /// The error pages of each site, by the index that `sites` finds.
    pub site_pages: Arc<[Option<ErrorPages>]>,
    /// Where this process runs.
    pub zone: Option<String>,
}

/// How clients are served that come in at a listener.
#[derive(Debug)]
pub struct ListenerPlan {
    /// Where it listens, as it is written.
    pub address: String,
    /// What clients may speak.
    pub protocols: config::Protocols,
    /// Encryption, where there is any.
    pub tls: Option<Arc<ServerTls>>,
    /// Every request is sent to the encrypted port.
    pub redirect_https: Option<config::RedirectHttps>,
    /// Peers whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<config::ProxyPeer>,
    /// Where connections go that are passed on unread; none where HTTP is spoken.
    pub forward: Option<ForwardPlan>,
    /// TLS connections that are passed on as they are.
    pub passes: Passes,
}

impl ListenerPlan {
    /// Whether a client in the clear may get an answer of HTTP.
    #[must_use]
    pub fn speaks_http(&self) -> bool {
        self.tls.is_none() && self.forward.is_none() && self.passes.is_empty()
    }

    /// Whether a connection of this peer has to begin with a header of the PROXY protocol.
    #[must_use]
    pub fn is_relayed(&self, peer: Peer) -> bool {
        self.proxy_protocol.iter().any(|from| match (from, peer) {
            (config::ProxyPeer::Network(network), Peer::Tcp(address)) => {
                network.contains(&address.ip().to_canonical())
            }
            (config::ProxyPeer::Unix, Peer::Unix) => true,
            _ => false,
        })
    }
}

/// A route: what happens to a request once it is chosen.
#[derive(Debug)]
pub struct Route {
    /// The pattern as it is written, for logs and metrics.
    pub label: String,
    /// The middlewares in their fixed order.
    pub chain: Box<[Middleware]>,
    /// Copies of its requests go elsewhere too.
    pub mirror: Option<Box<MirrorPlan>>,
    /// Its responses are kept.
    pub cache: Option<Box<CachePlan>>,
    /// What answers.
    pub action: Action,
    /// Bound on the whole exchange.
    pub total_timeout: Option<Duration>,
}

/// What answers a request.
#[derive(Debug)]
pub enum Action {
    /// A server of an upstream.
    Proxy(ProxyPlan),
    /// A server of one of several upstreams.
    Split(SplitPlan),
    /// Fixed content.
    Respond(RespondPlan),
    /// A redirection.
    Redirect(RedirectPlan),
}

/// How a route's requests reach their upstream.
#[derive(Debug)]
pub struct ProxyPlan {
    /// Index of the upstream.
    pub upstream: u32,
    /// The `Host` sent on.
    pub host: HostPlan,
    /// To establish a connection.
    pub connect_timeout: Duration,
    /// From the last byte of the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// Where requests go that this upstream has failed.
    pub failover: Option<Box<FailoverPlan>>,
}

/// Another upstream for requests that one has failed.
#[derive(Debug)]
pub struct FailoverPlan {
    /// How they reach it.
    pub to: ProxyPlan,
    /// Failures after which they go there.
    pub on: config::RetryOn,
}

/// The `Host` that an origin sees.
#[derive(Debug)]
pub enum HostPlan {
    /// The client's.
    Client,
    /// The chosen server's name.
    Upstream,
    /// This one.
    Literal(String),
}

/// Fixed content.
#[derive(Debug)]
pub struct RespondPlan {
    /// Status code.
    pub status: u16,
    /// Body bytes.
    pub body: Arc<[u8]>,
    /// Media type; empty for none.
    pub content_type: String,
}

/// A redirection.
#[derive(Debug)]
pub struct RedirectPlan {
    /// Status code.
    pub status: u16,
    /// The `Location`.
    pub location: Template,
}

/// A group of servers.
#[derive(Clone, Debug)]
pub struct UpstreamPlan {
    /// Its name.
    pub name: String,
    /// Its servers as they are written or were found; a name may stand for several.
    pub written: Arc<[config::Server]>,
    /// The names among them, with the cells that hold their addresses.
    pub names: Vec<Arc<Name>>,
    /// Servers at the most.
    pub servers_max: usize,
    /// Servers that were found beyond that, and are left out.
    pub left_out: usize,
    /// Its servers, each at one address.
    pub servers: Vec<ServerPlan>,
    /// What all workers know of them, in the same order.
    pub cluster: Arc<Cluster>,
    /// What requests are known by, for the hashing policies.
    pub key: Option<config::HashKey>,
    /// When a request is tried again.
    pub retry: config::Retry,
    /// Keeps clients at their servers, if it does.
    pub sticky: Option<Sticky>,
    /// Requests at once over all workers.
    pub requests_max: u32,
    /// Requests that wait when all servers are full, over all workers.
    pub queue_max: u32,
    /// How long they wait.
    pub queue_timeout: Duration,
    /// The field that tells servers how many milliseconds are left.
    pub deadline_header: Option<String>,
    /// Idle connections kept by a worker for each server.
    pub idle_max: usize,
    /// How long they are kept.
    pub idle_timeout: Duration,
    /// Streams at once on a connection of HTTP/2.
    pub streams_max: usize,
    /// What is spoken to the servers.
    pub protocol: config::UpstreamProtocol,
    /// Encryption, where there is any.
    pub tls: Option<Arc<ClientTls>>,
    /// What that was made from: connections are kept over a reload where it stays.
    pub tls_config: Option<config::UpstreamTls>,
    /// How the servers are asked whether they are well, if they are.
    pub health_check: Option<Arc<config::HealthCheck>>,
    /// The PROXY protocol that every connection begins with, if one does.
    pub proxy_protocol: Option<config::ProxyVersion>,
}

/// One server of an upstream.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// Where it listens.
    pub target: ServerTarget,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum ServerTarget {
    /// A literal address and its text.
    Ip(SocketAddr, Arc<str>),
    /// An address of a name, and its text.
    Resolved(SocketAddr, Arc<str>, Arc<Name>),
    /// A name that has no address yet.
    Name(Arc<Name>),
    /// A Unix socket and its text.
    Unix(PathBuf, Arc<str>),
}

impl Snapshot {
    /// Takes note of what a health check says of a server. Returns whether that is news.
    pub fn set_probe(&self, at: ServerAt, is_well: bool) -> bool {
        let upstream = self.upstreams.get(at.upstream as usize);
        let server = ServerIndex(at.server);
        upstream.is_some_and(|plan| plan.cluster.set_probe(server, is_well, Instant::now()))
    }

    /// The upstream of this name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&UpstreamPlan> {
        self.upstreams.iter().map(|upstream| &**upstream).find(|upstream| upstream.name == name)
    }

    /// The error pages of the site that an exchange is for.
    #[must_use]
    pub fn site_pages(&self, exchange: &mut Exchange) -> Option<&ErrorPages> {
        let client = exchange.client.address;
        let query = Query { head: &exchange.request, path: b"/", client };
        match self.sites.find(&query, &mut exchange.captures) {
            Outcome::Found(site) => self.site_pages.get(site.0 as usize)?.as_ref(),
            _ => None,
        }
    }

    /// What the metrics need to know: names by index, and the fixed lists of reasons.
    #[must_use]
    pub fn shape(&self, workers: usize) -> Shape {
        let server = |server: &ServerPlan| server.target.label().to_string();
        let upstream = |upstream: &Arc<UpstreamPlan>| UpstreamNames {
            name: upstream.name.clone(),
            servers: upstream.servers.iter().map(server).collect(),
            cluster: Some(Arc::clone(&upstream.cluster)),
            left_out: upstream.left_out,
        };
        Shape {
            workers,
            routes: self.routes.iter().map(|route| route.label.clone()).collect(),
            upstreams: self.upstreams.iter().map(upstream).collect(),
            shelves: self.shelves.to_vec(),
            words: Words {
                refusals: Rule::codes().collect(),
                faults: Kind::ALL.iter().map(|kind| kind.label()).collect(),
                ..Words::default()
            },
        }
    }
}

impl ServerTarget {
    /// The text that tells servers apart, in logs, metrics and across reloads.
    #[must_use]
    pub fn label(&self) -> &Arc<str> {
        match self {
            Self::Ip(_, label) | Self::Resolved(_, label, _) | Self::Unix(_, label) => label,
            Self::Name(name) => &name.label,
        }
    }

    /// Whether both lead to the same place and are asked for by the same name.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => Arc::ptr_eq(one, other),
            (Self::Name(_), _) | (_, Self::Name(_)) => false,
            _ => self.label() == other.label() && self.host() == other.host(),
        }
    }

    /// The `Host` that names this server.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Ip(_, label) => label,
            Self::Resolved(_, _, name) | Self::Name(name) => &name.label,
            Self::Unix(..) => "localhost",
        }
    }
}
