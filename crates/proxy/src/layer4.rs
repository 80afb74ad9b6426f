//! Connections that are passed on unread: rooms 1, 2, 4, 6, 7, the tunnel, and 8.

pub mod hello;
pub mod passes;
pub mod peek;
pub mod plan;
mod session;
mod tcp;
pub mod udp;

pub use session::{Session, SessionTrace};
pub use tcp::{Way, start};
