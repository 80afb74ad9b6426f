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
}

/// The load of a scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// Keep-alive GETs by `wrk`.
    Get { path: &'static str, body_bytes: u64, connections: u32 },
    /// Exchanges by our own generator.
    Exchange(Exchange),
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
