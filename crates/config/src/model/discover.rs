//! Where servers are found that are not written in the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Server, Span};

/// One source of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What is asked.
    pub source: DiscoverySource,
    /// Where the node is.
    pub span: Span,
}

/// What is asked for servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoverySource {
    /// SRV records of this name (RFC 2782).
    Srv(String),
    /// A file, which is read again when it changes.
    File {
        /// The file.
        path: PathBuf,
        /// The servers that it has as the configuration is loaded.
        servers: Vec<Server>,
    },
    /// A document that is fetched again and again.
    Http(ServerDocument),
}

/// A list of servers behind a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerDocument {
    /// `http://...` or `https://...`, checked.
    pub url: String,
    /// From one question to the next.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Bytes of the document; a longer one is refused.
    pub body_bytes_max: u64,
    /// Fields that are sent along.
    pub headers: Vec<(String, String)>,
    /// The authorities that vouch for the other end, PEM; those of the system where there is none.
    pub ca: Option<PathBuf>,
}

/// Which addresses of a name are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    /// Those of both versions.
    #[default]
    Any,
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

/// How DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolving {
    /// The name servers; none means those of the system.
    pub servers: Vec<SocketAddr>,
    /// Which addresses of a name are used.
    pub family: AddressFamily,
    /// A shorter TTL counts as this.
    pub ttl_min: Duration,
    /// A longer TTL counts as this.
    pub ttl_max: Duration,
    /// How long a name server is waited for, for one try.
    pub timeout: Duration,
}

impl Default for Resolving {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            family: AddressFamily::Any,
            ttl_min: Duration::from_secs(1),
            ttl_max: Duration::from_secs(300),
            timeout: Duration::from_secs(2),
        }
    }
}
