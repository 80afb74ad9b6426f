//! HTTP/1.1 semantics, both sides on raw sockets.

mod actions;
mod bodies;
mod connections;
mod early;
mod events;
mod fields;
mod forms;
mod forwarded;
mod interim;
mod parked;
mod placeholders;
mod reuse;
mod servers;
mod upgrade;
