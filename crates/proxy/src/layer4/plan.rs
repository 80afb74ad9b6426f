//! Where a listener's connections go, compiled.

use std::sync::Arc;
use std::time::Duration;

use crate::tls::ClientTls;

/// What a listener passes on unread.
#[derive(Debug, Default)]
pub struct Layer4 {
    /// Every destination.
    pub forwards: Vec<ForwardPlan>,
    /// The one, by its index, of connections that have no other.
    pub rest: Option<u32>,
}

/// One destination.
#[derive(Debug)]
pub struct ForwardPlan {
    /// What logs call it.
    pub label: String,
    /// Index of the upstream.
    pub upstream: u32,
    /// To establish a connection.
    pub connect_timeout: Duration,
    /// Encryption towards the servers, where there is any. Nothing is offered to be spoken:
    /// that is between the client and the server.
    pub tls: Option<Arc<ClientTls>>,
}

impl Layer4 {
    /// The destination at this index.
    #[must_use]
    pub fn forward(&self, index: u32) -> Option<&ForwardPlan> {
        self.forwards.get(index as usize)
    }
}
