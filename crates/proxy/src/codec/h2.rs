//! HTTP/2 towards clients (RFC 9113): the h2 crate speaks it, what is around it here decides what
//! a client may cost.

mod budget;
mod connection;
mod frames;
mod head;
mod outflow;
mod priority;
mod send;
mod shared;
mod stream;
mod websocket;
mod wire;

pub use connection::start;
pub(crate) use head::trailers;
pub use send::{Outlet, Pump};
pub use shared::Shared;
pub use stream::Responder;
pub use wire::Wire;
