//! The data plane: the eight rooms a request walks through.
//!
//! `connection` is the way in: it reads the next request (room 3, `codec`), lets `serve` walk it
//! through the rooms 4 to 7 and back, sends the response and records it (room 8).
//!
//! **Invariants:** nothing here knows the admin API; nothing looks a name up once the snapshot is
//! compiled; a connection never leaves its worker.

pub mod body;
pub mod caching;
pub mod codec;
pub mod connection;
pub mod engine;
pub mod exchange;
pub mod explain;
pub mod fault;
pub mod forward;
pub mod grpc;
pub mod handshake_key;
pub mod io;
mod key;
pub mod layer4;
pub mod limits;
pub mod listen;
pub mod middleware;
pub mod mirror;
pub mod page;
pub mod parking;
mod parts;
pub mod proxy_protocol;
pub mod record;
pub mod recycle;
pub mod request_id;
pub mod route;
pub mod serve;
pub mod snapshot;
pub mod template;
pub mod tls;
pub mod transfer;
pub mod transport;
pub mod tunnel;
pub mod upstream;
pub mod worker;
