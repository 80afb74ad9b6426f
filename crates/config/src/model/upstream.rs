//! Named groups of origin servers.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Span, UpstreamTls};

/// One `upstream` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The name that routes use; unique.
    pub name: String,
    /// Its servers, at least one.
    pub servers: Vec<Server>,
    /// Who gets the next request.
    pub balance: Balance,
    /// How idle connections are kept.
    pub connections: Connections,
    /// Timeouts towards these servers.
    pub timeouts: UpstreamTimeouts,
    /// What is spoken to these servers.
    pub protocol: UpstreamProtocol,
    /// Encryption, where there is any.
    pub tls: Option<UpstreamTls>,
    /// Where the node is.
    pub span: Span,
}

/// One origin server of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it listens.
    pub address: ServerAddress,
    /// Its share relative to the others of its upstream, 1 to 65535.
    pub weight: u16,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Smooth weighted round robin.
    #[default]
    RoundRobin,
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
}

impl Default for Connections {
    fn default() -> Self {
        Self { idle: Duration::from_secs(90), idle_max: 1024, streams_max: 100 }
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
