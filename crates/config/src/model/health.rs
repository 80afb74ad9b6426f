//! How the servers of an upstream are asked whether they are well.

use std::time::Duration;

use super::Span;

/// One `health-check` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked, and what is a good answer.
    pub kind: ProbeKind,
    /// The host that is asked for; `None` is the server's own.
    pub host: Option<String>,
    /// Fields that are sent along, name and value.
    pub headers: Vec<(String, String)>,
    /// Another port than that of the server.
    pub port: Option<u16>,
    /// From one probe to the next.
    pub interval: Duration,
    /// The same while it is not settled whether a server is up.
    pub fast_interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Up to this part of an interval is left out by chance.
    pub jitter_percent: u32,
    /// Passed probes in a row that bring a server back.
    pub healthy: u32,
    /// Failed probes in a row that take it out.
    pub unhealthy: u32,
    /// What holds before the first verdict.
    pub initial: InitialHealth,
    /// Where the node is.
    pub span: Span,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A request over HTTP, in the protocol of the upstream.
    Http(HttpProbe),
    /// `grpc.health.v1.Health/Check` about this service; empty is the server as a whole.
    Grpc(String),
    /// A connection that is accepted.
    Tcp,
    /// A TLS handshake with the settings of the upstream.
    Tls,
}

/// A request and the answers that are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// Path and query.
    pub path: String,
    /// The method.
    pub method: String,
    /// Status codes that are good, as ranges with both bounds.
    pub statuses: Vec<(u16, u16)>,
    /// What must occur in the first 64 KiB of the body.
    pub body: Option<String>,
}

/// What holds of a server that no probe has decided on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialHealth {
    /// It is used at once.
    #[default]
    Up,
    /// It is used once it has passed.
    Down,
    /// The first probe decides alone.
    Probe,
}

impl HttpProbe {
    /// Whether a status code is good.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        self.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }
}
