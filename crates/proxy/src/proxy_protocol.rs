//! The PROXY protocol: who the client is, said by the proxy in front, or to the server behind.
//!
//! `header` reads it and `write` makes it; both are pure. `receive` is the door: it takes the
//! header off a connection before anything else is read from it.

pub mod header;
pub mod receive;
#[cfg(test)]
mod tests;
pub mod write;

pub use header::HeaderFault;
pub use write::Relayed;
