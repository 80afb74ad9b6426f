//! Where requests of one route go besides, instead, or not at all.

use std::time::Duration;

use super::{HashKey, Predicate, Proxy, RetryOn, Span};

/// `split`: requests divided among upstreams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What keeps a client at its part; chance where there is none.
    pub key: Option<HashKey>,
    /// The parts, at least one, not all of weight 0.
    pub targets: Vec<SplitTarget>,
    /// Where the node is.
    pub span: Span,
}

/// One part of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitTarget {
    /// Its share relative to the others, 0 to 65535.
    pub weight: u16,
    /// Where it goes.
    pub proxy: Proxy,
}

/// `failover`: another upstream for what the first one cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// Where requests go then. It has no failover of its own.
    pub to: Proxy,
    /// Failures after which they do.
    pub on: RetryOn,
}

/// `mirror`: copies of requests for another upstream, whose answers nobody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Where the copies go. It has no failover.
    pub to: Proxy,
    /// The share of requests that are copied, in parts of 100,000.
    pub sample: u32,
    /// Bytes of a request body that are copied; a request with a longer one is not mirrored. An
    /// answer is read to the same length.
    pub body_bytes_max: u64,
    /// Copies at once on each worker; what comes beyond is not mirrored.
    pub in_flight_max: u32,
    /// How long a copy may take, its answer included.
    pub timeout: Duration,
}

/// `maintenance`: a route that is closed for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// When clients may come again.
    pub retry_after: Duration,
    /// Who is let through: one of these, all conditions of which hold.
    pub except: Vec<Vec<Predicate>>,
    /// Where the node is.
    pub span: Span,
}
