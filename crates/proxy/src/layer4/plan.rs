//! Where a listener's connections go, compiled.

use std::sync::Arc;
use std::time::Duration;

use crate::tls::ClientTls;

/// The destination of connections that are passed on unread.
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
