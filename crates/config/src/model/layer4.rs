//! Layer 4: connections that are passed on unread, and the PROXY protocol.

use ipnet::IpNet;

use super::{HostPattern, Span};

/// What is spoken at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// HTTP, by the routes of the sites.
    #[default]
    Http,
    /// Whatever it is: bytes of a TCP connection.
    Tcp,
    /// Datagrams.
    Udp,
    /// TLS that is passed on as it is, by the name that the client asks for.
    TlsPassthrough,
}

/// `route` of a listener: TLS connections that are passed on as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassRoute {
    /// The names that clients ask for (SNI); empty means any, and none.
    pub names: Vec<HostPattern>,
    /// Protocols, one of which the client must offer (ALPN); empty means any, and none.
    pub alpn: Vec<String>,
    /// Where they go.
    pub forward: Forward,
    /// Where the node is.
    pub span: Span,
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
