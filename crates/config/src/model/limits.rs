//! Limits and timeouts with their defaults. Sizes are bytes, zero is never "unlimited".

use std::time::Duration;

use super::Span;

/// Limits of the whole process (`limits` at the top level).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request or response head; beyond it 431, or 502 for a response.
    pub header_bytes_max: u64,
    /// Fields of one head, at most 512; beyond it 431, or 502 for a response.
    pub headers_max: u16,
    /// Bytes of a request target; beyond it 414.
    pub uri_bytes_max: u64,
    /// Bytes of a request body; `None` is no limit; beyond it 413.
    pub body_bytes_max: Option<u64>,
    /// Client connections open at once; beyond it new ones get 503 and are closed.
    pub connections_max: u32,
    /// Client connections open at once from one address; beyond it 429.
    pub connections_per_client_max: u32,
    /// Bytes of all head and body buffers together; beyond it new work gets 503.
    pub memory_max: u64,
    /// TLS handshakes that one address may begin in a second; beyond it connections are closed.
    pub tls_handshakes_per_client: u32,
    /// Bytes of a `ClientHello` that is looked into to pass a connection on.
    pub tls_hello_bytes_max: u64,
    /// Flows of UDP at once on each worker.
    pub udp_flows_max: u32,
    /// Where the node is; the default where there is none.
    pub span: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes_max: 32 << 10,
            headers_max: 128,
            uri_bytes_max: 8 << 10,
            body_bytes_max: None,
            connections_max: 100_000,
            connections_per_client_max: 1000,
            memory_max: 2 << 30,
            tls_handshakes_per_client: 1000,
            tls_hello_bytes_max: 16 << 10,
            udp_flows_max: 10_000,
            span: Span::default(),
        }
    }
}

/// Timeouts of the client side and of the life cycle (`timeouts` at the top level).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A request head must be whole within this time of its first byte.
    pub request_header: Duration,
    /// A TLS handshake must be over within this time.
    pub tls_handshake: Duration,
    /// How long a kept connection may wait for its next request.
    pub client_idle: Duration,
    /// How long a body may make no progress, in either direction.
    pub body_idle: Duration,
    /// How long a drain waits for running requests.
    pub shutdown: Duration,
    /// How long a tunnel (an upgraded connection) may carry nothing.
    pub tunnel_idle: Duration,
    /// How long a connection of a TCP listener may carry nothing.
    pub tcp_idle: Duration,
    /// Without a datagram in a flow of UDP.
    pub udp_idle: Duration,
    /// Bytes a second that a request body must reach; 0 is off.
    pub body_rate_min: u64,
    /// Where the node is; the default where there is none.
    pub span: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_header: Duration::from_secs(10),
            tls_handshake: Duration::from_secs(10),
            client_idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(30),
            shutdown: Duration::from_secs(30),
            tunnel_idle: Duration::from_secs(3600),
            tcp_idle: Duration::from_secs(3600),
            udp_idle: Duration::from_secs(60),
            body_rate_min: 0,
            span: Span::default(),
        }
    }
}

/// Limits of one route; `None` takes the process-wide value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteLimits {
    /// Bytes of a request body; beyond it 413.
    pub body_bytes_max: Option<u64>,
}

/// Timeouts of one route; `None` takes the upstream's value, or none at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// From the request's last byte sent upstream to the response's first byte.
    pub first_byte: Option<Duration>,
    /// From the request's head to the response's last byte.
    pub total: Option<Duration>,
}
