//! Room 8: what is written down about an exchange, in numbers and in one line.
//!
//! Nothing here decides anything, and nothing else logs or counts an exchange. Everything a
//! worker does here is bounded and never waits: no lock, no system call, no shared write.

pub mod access_log;
pub mod account;
pub mod metrics;

pub use access_log::{AccessLog, Field, Format, LogFormat, LogRecord, Segment, Target, WorkerLog};
pub use metrics::{
    CacheOutcome, Cached, Counter, Gauge, LabelledMetrics, Metrics, NO_ROUTE, NotCompressed,
    Refreshed, ServerAt, Shape, StoreTotals, UpstreamNames, Words, WorkerMetrics,
};
