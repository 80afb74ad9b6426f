//! What a suite is made of: one kind of load under a name.

/// One row of a suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    /// Short name for the command line and the tables.
    pub(super) name: &'static str,
    /// What it does, for the report.
    pub(super) title: &'static str,
    /// The load.
    pub(super) work: Work,
    /// How the contenders are entered.
    pub(super) door: Door,
    /// The origin speaks HTTP/2.
    pub(super) h2_origin: bool,
}

/// How a contender is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// In the clear.
    Plain,
    /// In the clear, by HTTP/2 from the first byte.
    H2c,
    /// Encrypted; HTTP/2 by ALPN.
    Tls,
}

/// A scenario in the clear with an origin of HTTP/1.1.
pub(super) const SCENARIO: Scenario =
    Scenario { name: "", title: "", work: Work::Idle, door: Door::Plain, h2_origin: false };

/// The load of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Keep-alive GETs by `wrk`.
    Get { path: &'static str, body_bytes: u64, connections: u32 },
    /// Exchanges by our own generator.
    Exchange(Exchange),
    /// GETs over HTTP/2 by `h2load`.
    H2 { path: &'static str, body_bytes: u64, connections: u32, streams: u32 },
    /// TLS handshakes, each with one small request.
    Handshakes { resume: bool },
    /// Large downloads over TLS.
    Download { path: &'static str, requests: u32 },
    /// Memory of silent connections.
    Idle,
}

/// Exchanges that `wrk` cannot make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) path: &'static str,
    /// What the response body must measure.
    pub(super) body_bytes: u64,
    /// Zero makes it a GET.
    pub(super) upload_bytes: u64,
    /// A new connection for every request.
    pub(super) close: bool,
    pub(super) connections: u32,
    /// Ends a turn before its time is over, for few and large exchanges.
    pub(super) requests_max: Option<u32>,
}
