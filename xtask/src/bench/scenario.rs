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
    /// What the contenders may keep.
    pub(super) store: Option<Store>,
    /// Peers that cannot take part, and why.
    pub(super) gaps: &'static [(&'static str, &'static str)],
}

/// What a cache may take, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// Memory, or a file system in memory for those that know files alone.
    Memory { mib: u32 },
    /// A disk, and memory before it.
    Disk { memory_mib: u32, disk_mib: u32 },
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
pub(super) const SCENARIO: Scenario = Scenario {
    name: "",
    title: "",
    work: Work::Idle,
    door: Door::Plain,
    h2_origin: false,
    store: None,
    gaps: &[],
};

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
    /// GETs by `wrk` of what is kept.
    Hit(Hit),
    /// GETs of many objects by our own generator.
    Objects(Objects),
    /// Memory of silent connections.
    Idle,
}

/// One kept object, or a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) path: &'static str,
    pub(super) body_bytes: u64,
    pub(super) connections: u32,
    /// The value of `Range`.
    pub(super) range: Option<&'static str>,
}

/// Many objects, told apart by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects {
    pub(super) likeness: Likeness,
    /// Size of each, where all are of one size.
    pub(super) bytes: u64,
    pub(super) order: Order,
    pub(super) count: u64,
    /// Requests before the first turn, and their order.
    pub(super) warm_up_order: Order,
    pub(super) warm_up: u64,
    /// Requests of one turn.
    pub(super) requests: u64,
}

/// What objects are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Of sizes as they are met with.
    Spread,
    /// Of one size.
    Fixed,
    /// Of one size, stale after a second.
    Brief,
}

impl Likeness {
    /// What the load generator calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Fixed => "fixed",
            Self::Brief => "brief",
        }
    }
}

/// How objects follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// By number, over and over.
    InTurn,
    /// Any, all as likely.
    Even,
    /// By Zipf's law.
    Zipf,
}

impl Order {
    /// What the load generator calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InTurn => "in-turn",
            Self::Even => "even",
            Self::Zipf => "zipf",
        }
    }
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
