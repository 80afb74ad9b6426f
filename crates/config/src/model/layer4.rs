//! Layer 4: connections that are passed on unread, and the PROXY protocol.

use ipnet::IpNet;

use super::Span;

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// HTTP, by the routes of the sites.
    #[default]
    Http,
    /// Whatever it is: bytes of a TCP connection.
    Tcp,
}

/// `proxy` of a listener: what comes in goes there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The name of an upstream.
    pub upstream: String,
    /// Where that name is.
    pub span: Span,
}

/// A peer whose connections begin with a header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyPeer {
    /// Every address of a network.
    Network(IpNet),
    /// Whoever comes by a Unix socket.
    Unix,
}

/// The form of the PROXY protocol that servers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}
