//! Where Weir accepts connections.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Forward, ListenerProtocol, PassRoute, ProxyPeer, Span, Tls};

/// One `listen` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The sockets to bind.
    pub address: ListenAddress,
    /// What is spoken there.
    pub protocol: ListenerProtocol,
    /// The versions of HTTP that clients may speak.
    pub protocols: Protocols,
    /// Encryption, where there is any.
    pub tls: Option<Tls>,
    /// Every request is redirected to the encrypted port.
    pub redirect_https: Option<RedirectHttps>,
    /// Peers whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<ProxyPeer>,
    /// Where connections go that are passed on unread.
    pub forward: Option<Forward>,
    /// TLS connections that are passed on as they are.
    pub pass_routes: Vec<PassRoute>,
    /// Where the node is.
    pub span: Span,
}

/// Versions of HTTP. In the clear, HTTP/2 is spoken with clients that know so beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// HTTP/1.0 and HTTP/1.1.
    pub h1: bool,
    /// HTTP/2.
    pub h2: bool,
}

impl Default for Protocols {
    fn default() -> Self {
        Self { h1: true, h2: true }
    }
}

/// `redirect-https`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectHttps {
    /// The port that browsers are sent to.
    pub port: u16,
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// Where the node is.
    pub span: Span,
}

/// What a listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// One or more TCP addresses. `[::]` stands for every address of both families.
    Tcp(Vec<SocketAddr>),
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(addresses) => {
                for (index, address) in addresses.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{address}")?;
                }
                Ok(())
            }
        }
    }
}
