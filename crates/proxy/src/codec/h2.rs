//! HTTP/2 towards clients (RFC 9113): the h2 crate speaks it, what is around it here decides what
//! a client may cost.

mod budget;
mod connection;
mod crew;
mod frames;
mod head;
mod outflow;
mod priority;
mod rules;
mod send;
mod shared;
mod stream;
mod websocket;
mod wire;

/// Bytes of the preface with which a client begins (RFC 9113 §3.4).
pub const PREFACE_BYTES: usize = frames::PREFACE.len();

pub use connection::start;
pub use crew::Crew;
pub(crate) use head::{copy_fields, trailers};
pub use send::{Outlet, Pump};
pub use shared::Shared;
pub use stream::Responder;
pub use wire::Wire;
