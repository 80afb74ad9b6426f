//! HTTP/2 towards origin servers: connections that carry many requests, one stream each.

mod attempt;
mod connection;
mod head;
mod pool;

pub(super) use attempt::run;
pub(super) use connection::Connection;
pub use pool::StreamPool;
