//! Who gets the next request: pure logic, no I/O, time is an argument.
//!
//! A [`Cluster`] is what all workers share of an upstream: atomic numbers for each server
//! ([`Vitals`]), written by requests, probes and the operator. A [`Picker`] belongs to one worker
//! and chooses by its [`Policy`]. Servers are numbers here; how they are reached is the caller's
//! business.

pub mod budget;
pub mod cluster;
pub mod eject;
pub mod hash;
pub mod hedge;
pub mod latency;
mod order;
pub mod outlier;
pub mod picker;
pub mod probe;
pub mod random;
pub mod tried;
mod view;
pub mod vitals;

use std::time::Duration;

pub use budget::{Allowance, Budget};
pub use cluster::{Cluster, MemberPlan, Rules};
pub use eject::EjectRules;
pub use hedge::HedgeRules;
pub use picker::{Pick, Picker};
pub use random::Random;
pub use tried::Tried;
pub use vitals::{Admin, Cause, Standing, Vitals};

/// The number of a server: its place in the list the cluster was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerIndex(pub u32);

/// How the next server is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The better one of two by latency and requests running.
    #[default]
    P2c,
    /// Each in turn, as often as its weight says, as evenly spaced as can be.
    RoundRobin,
    /// The one with the fewest requests for its weight.
    LeastRequests,
    /// By chance and weight.
    Random,
    /// The first that is not full.
    First,
    /// By a key, on a ring, within a bound.
    Hash,
    /// By a key, through a table, within a bound.
    Maglev,
}

impl Policy {
    /// Whether a key decides.
    #[must_use]
    pub const fn is_hashing(self) -> bool {
        matches!(self, Self::Hash | Self::Maglev)
    }
}

/// How a request went on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered after this time, where that says something of the server.
    Answered(Option<Duration>),
    /// It had not answered after this time, and another server had.
    Late(Duration),
    /// It failed, or said that it did, after this time.
    Failed(Duration),
    /// It could not be reached: nothing was sent.
    Unreachable,
}
