//! DNS names of servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;

/// A DNS name of a server and its addresses, each of which becomes a server with the next
/// snapshot. Until then it is one server that requests reach by any of them.
#[derive(Debug)]
pub struct Name {
    /// The name.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `host:port`
    pub label: Arc<str>,
    /// The current addresses, replaced by the resolver.
    addresses: ArcSwap<Vec<SocketAddr>>,
    /// The resolver has said something, be it that there is no answer.
    settled: AtomicBool,
}

impl Name {
    /// A name that nothing is known of yet.
    #[must_use]
    pub fn new(host: &str, port: u16, label: Arc<str>) -> Self {
        let addresses = ArcSwap::from_pointee(Vec::new());
        Self { host: host.to_owned(), port, label, addresses, settled: AtomicBool::new(false) }
    }

    /// The addresses known now.
    #[must_use]
    pub fn addresses(&self) -> Arc<Vec<SocketAddr>> {
        self.addresses.load_full()
    }

    /// Takes new addresses.
    pub fn resolved(&self, addresses: Vec<SocketAddr>) {
        self.addresses.store(Arc::new(addresses));
        self.settled.store(true, Ordering::Release);
    }

    /// There is no answer for now; what is known stays.
    pub fn unresolved(&self) {
        self.settled.store(true, Ordering::Release);
    }

    /// Whether the first answer, or its failure, is there.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }
}
