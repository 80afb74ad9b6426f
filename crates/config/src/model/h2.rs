//! What HTTP/2 may cost (`h2` at the top level).

use super::Span;

/// Limits of each HTTP/2 connection of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Streams open at once.
    pub streams_max: u32,
    /// Bytes of one request body in flight.
    pub stream_window: u32,
    /// Bytes of all request bodies in flight.
    pub connection_window: u32,
    /// Bytes of responses held beyond what the socket has taken.
    pub send_bytes_max: u64,
    /// Points that a client may run up at once by frames that bring no request nearer.
    pub abuse_budget: u32,
    /// Points regained in a second.
    pub abuse_refill: u32,
    /// Where the node is; the default where there is none.
    pub span: Span,
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            streams_max: 128,
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            send_bytes_max: 256 << 10,
            abuse_budget: 2000,
            abuse_refill: 200,
            span: Span::default(),
        }
    }
}
