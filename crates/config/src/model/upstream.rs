//! Named groups of origin servers.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    Discovery, Eject, HashKey, HealthCheck, Hedge, Policy, ProxyVersion, Retry, Span, Sticky,
    UpstreamTls,
};

/// One `upstream` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The name that routes use; unique.
    pub name: String,
    /// Its servers as they are written.
    pub servers: Vec<Server>,
    /// Where further ones are found.
    pub discovery: Vec<Discovery>,
    /// Servers at the most, those that are found included.
    pub servers_max: u32,
    /// Who gets the next request.
    pub balance: Balance,
    /// When servers are avoided.
    pub eject: Eject,
    /// When requests are tried again.
    pub retry: Retry,
    /// A second server is asked where the first one is late, if one is.
    pub hedge: Option<Hedge>,
    /// Keeps clients at their servers, if it does.
    pub sticky: Option<Sticky>,
    /// How long a new or recovered server takes to get its full share.
    pub slow_start: Duration,
    /// Below this share of usable servers, in percent, all are used again.
    pub panic_percent: u32,
    /// Servers that are used of a very large number; 0 for all.
    pub subset: u32,
    /// What the upstream as a whole may take.
    pub circuit_breaker: CircuitBreaker,
    /// The field that tells servers how many milliseconds are left.
    pub deadline_header: Option<String>,
    /// How idle connections are kept.
    pub connections: Connections,
    /// Timeouts towards these servers.
    pub timeouts: UpstreamTimeouts,
    /// What is spoken to these servers.
    pub protocol: UpstreamProtocol,
    /// Encryption, where there is any.
    pub tls: Option<UpstreamTls>,
    /// How servers are asked whether they are well, if they are.
    pub health_check: Option<HealthCheck>,
    /// The PROXY protocol that every connection begins with, if one does.
    pub proxy_protocol: Option<ProxyVersion>,
    /// Where the node is.
    pub span: Span,
}

/// One origin server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub address: ServerAddress,
    /// Its share relative to the others of its upstream, 0 to 65535.
    pub weight: u16,
    /// Where it stands.
    pub zone: Option<String>,
    /// Used only when no other server is usable.
    pub backup: bool,
    /// Those of a higher tier get what lower ones cannot take.
    pub tier: u8,
    /// Where the node is.
    pub span: Span,
}

/// Where an origin server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// A literal address.
    Ip(SocketAddr),
    /// A name that is resolved, and resolved again by its TTL.
    Name {
        /// The name, in lower case.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How the next server is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The algorithm.
    pub policy: Policy,
    /// What is hashed, for the hashing policies.
    pub key: Option<HashKey>,
    /// How much more than the average a server may have under a hashing policy, in percent.
    pub bound_percent: u32,
}

impl Default for Balance {
    fn default() -> Self {
        Self { policy: Policy::default(), key: None, bound_percent: 25 }
    }
}

/// What an upstream as a whole may take; more is refused at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// Requests at once.
    pub requests_max: u32,
    /// Further tries at once.
    pub retries_max: u32,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { requests_max: u32::MAX, retries_max: u32::MAX }
    }
}

/// How connections to the servers of an upstream are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// Unused connections kept by each worker.
    pub idle_max: u32,
    /// Streams that one connection of HTTP/2 carries at once.
    pub streams_max: u32,
    /// Requests on one server at once.
    pub max: u32,
    /// Requests that wait when every server has as many.
    pub queue: u32,
    /// How long they wait.
    pub queue_timeout: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(90),
            idle_max: 1024,
            streams_max: 100,
            max: u32::MAX,
            queue: 0,
            queue_timeout: Duration::from_secs(2),
        }
    }
}

/// Timeouts towards the servers of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To establish a connection.
    pub connect: Duration,
    /// From the request's last byte sent to the response's first byte.
    pub first_byte: Duration,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), first_byte: Duration::from_secs(60) }
    }
}

/// The protocol spoken to origin servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    H1,
    /// HTTP/2; in the clear, the servers are known to speak it.
    H2,
    /// What the server chooses in the TLS handshake (ALPN).
    Auto,
}
