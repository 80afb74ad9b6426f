//! Off the data path: admin listener, metrics text, DNS refresh, discovery, health checks.
//!
//! Everything here runs on one thread of its own with its own runtime, so that whatever it does,
//! a worker is never kept waiting. It reaches the data plane by closures it is given.

pub mod admin;
pub mod discover;
pub mod fetch;
pub mod notify;
pub mod probe;
pub mod resolve;
pub mod runtime;

pub use admin::{
    AddServer, Admin, AdminAddress, BindError, ChangeServer, Refusal, RemoveServer, Views,
};
pub use discover::{Discoverer, Source};
pub use fetch::{Dialer, Fetcher};
pub use notify::Notify;
pub use probe::{News, ProbePlan, Prober, Standing};
pub use resolve::{Outcome, Resolver, Timing, Watch, Watched};
pub use runtime::Control;
