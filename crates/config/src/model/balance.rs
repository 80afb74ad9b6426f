//! How requests are spread over the servers of an upstream, and what happens when some fail.

use std::time::Duration;

/// How the next server is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The better one of two by latency and requests running.
    #[default]
    P2c,
    /// Smooth weighted round robin.
    RoundRobin,
    /// The fewest requests for its weight.
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
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::P2c,
        Self::RoundRobin,
        Self::LeastRequests,
        Self::Random,
        Self::First,
        Self::Hash,
        Self::Maglev,
    ];

    /// The word for it in a configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::P2c => "p2c",
            Self::RoundRobin => "round-robin",
            Self::LeastRequests => "least-requests",
            Self::Random => "random",
            Self::First => "first",
            Self::Hash => "hash",
            Self::Maglev => "maglev",
        }
    }
}

/// When servers are avoided because of what requests met with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eject {
    /// Failed requests in a row; 0 for never.
    pub consecutive_errors: u32,
    /// Attempts in a row that could not reach it; 0 for never.
    pub connect_failures: u32,
    /// How long the first time; each further time doubles it.
    pub base: Duration,
    /// How long at the most.
    pub max: Duration,
    /// Share of the servers, in percent, that errors may take out.
    pub max_percent: u32,
    /// How often servers are compared with their peers.
    pub interval: Duration,
    /// Percentage points below the mean success rate; 0 for any.
    pub success_rate_points: u32,
    /// Percent of the median latency; 0 for any.
    pub latency_percent: u32,
    /// Requests in an interval without which a server is not compared.
    pub volume_min: u32,
}

impl Default for Eject {
    fn default() -> Self {
        Self {
            consecutive_errors: 0,
            connect_failures: 1,
            base: Duration::from_secs(10),
            max: Duration::from_mins(5),
            max_percent: 50,
            interval: Duration::from_secs(10),
            success_rate_points: 0,
            latency_percent: 0,
            volume_min: 50,
        }
    }
}

/// When a request is tried again on another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Further servers that a request may try.
    pub attempts: u32,
    /// After which failures.
    pub on: RetryOn,
    /// Requests that may be tried again, in percent of all.
    pub budget_percent: u32,
    /// Further ones in a second.
    pub budget_per_s_min: u32,
    /// How long one server may take to answer, where others are left.
    pub per_try: Option<Duration>,
    /// Bytes of a request body that are kept to be sent again.
    pub body_bytes_max: u64,
}

/// The failures after which a request is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn {
    /// The server could not be reached.
    pub connect: bool,
    /// The connection broke before an answer.
    pub reset: bool,
    /// No answer came in time.
    pub timeout: bool,
    /// Answers with one of these statuses.
    pub statuses: Vec<u16>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 2,
            on: RetryOn { connect: true, reset: true, timeout: false, statuses: Vec::new() },
            budget_percent: 20,
            budget_per_s_min: 10,
            per_try: None,
            body_bytes_max: 0,
        }
    }
}

/// `hedge`: a second server is asked where the first one is late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// The share of answers, in percent, that a request may be slower than, 50 to 99.
    pub after_percent: u32,
    /// Requests for which a second server may be asked, in percent of all.
    pub budget_percent: u32,
}

impl Default for Hedge {
    fn default() -> Self {
        Self { after_percent: 95, budget_percent: 5 }
    }
}

/// Keeps a client at its server by a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Its name.
    pub cookie: String,
    /// What it is signed with; by default a secret of the machine.
    pub secret: Option<String>,
    /// How long browsers keep it; by default until they are closed.
    pub max_age: Option<Duration>,
    /// The paths it is for.
    pub path: String,
    /// The domain it is for; by default the host alone.
    pub domain: Option<String>,
    /// Sent on encrypted connections only; by default where the client came encrypted.
    pub secure: Option<bool>,
    /// Hidden from scripts.
    pub http_only: bool,
    /// `lax`, `strict` or `none`.
    pub same_site: SameSite,
}

/// Whether a cookie goes along with requests from other sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// With navigation only.
    #[default]
    Lax,
    /// Never.
    Strict,
    /// Always.
    None,
}
