//! Scripted origins and clients over raw sockets, and the real binary between them.
//!
//! A test reads as a dialogue: the client says these bytes, the origin must see those. Everything
//! blocks with a bound of [`PATIENCE`] and panics with what was seen so far: a panic is how a
//! test fails, so this crate is for tests only and knows nothing of Weir's own parsers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit reports by panicking, with the dialogue so far"
)]

pub mod authority;
pub mod client;
pub mod diag;
pub mod external;
pub mod gate;
pub mod log;
pub mod message;
pub mod metrics;
pub mod origin;
pub mod pattern;
pub mod port;
pub mod seen;
pub mod setup;
pub mod sock;
pub mod tls;
pub mod weir;
pub mod wire;

pub use authority::{Authority, Leaf};
pub use client::{Client, Outcome};
pub use external::External;
pub use gate::Gate;
pub use log::LogLine;
pub use message::{Broken, Framing, Request, Response};
pub use metrics::Metrics;
pub use origin::{Origin, Turn};
pub use seen::Seen;
pub use setup::Setup;
pub use tls::{Shaken, TlsClient};
pub use weir::Weir;
pub use wire::Wire;

/// The longest any step of a dialogue may take before the test fails.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);
