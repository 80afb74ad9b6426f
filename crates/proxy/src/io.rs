//! The narrow ground under the rooms: sockets, buffers, time. Nothing here knows HTTP.
//!
//! Everything is worker-local: it lives and dies on one thread and is never locked.

pub mod ahead;
pub mod buffer;
pub mod clock;
pub mod file;
pub mod memory;
pub mod pipe;
pub mod register;
mod secure;
pub mod session;
pub mod stream;
pub mod timer;

pub use buffer::Buffer;
pub use session::Session;
pub use stream::{Parts, Peer, Stream, Traffic};
pub use timer::Timer;
