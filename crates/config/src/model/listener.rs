//! Where Weir accepts connections.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::Span;

/// One `listen` node. It speaks HTTP/1.1 in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The sockets to bind.
    pub address: ListenAddress,
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
