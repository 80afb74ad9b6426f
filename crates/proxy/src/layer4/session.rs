//! One connection that is passed on, for the record.

use std::time::{Duration, Instant};

use crate::connection::Entrance;
use crate::fault::Fault;
use crate::record::ServerAt;
use crate::snapshot::Snapshot;
use crate::tunnel::Carried;

/// What is known of a connection when it is over.
#[derive(Debug)]
pub struct Session<'a> {
    /// The configuration that it ran by.
    pub snapshot: &'a Snapshot,
    /// How the client came in.
    pub entrance: &'a Entrance,
    /// `TCP`, `TLS` or `UDP`.
    pub protocol: &'static str,
    /// The name that the client asked for.
    pub name: Option<&'a str>,
    /// The destination, as its listener calls it.
    pub label: &'a str,
    /// When it began.
    pub started: Instant,
    /// What became of it on its way to a server.
    pub trace: SessionTrace,
    /// What went through.
    pub carried: Carried,
    /// Why it came to nothing, or was cut.
    pub fault: Option<Fault>,
}

/// The way of a connection to its server.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionTrace {
    /// The server that was tried last.
    pub server: Option<ServerAt>,
    /// How many were tried.
    pub attempts: u32,
    /// How long it took to connect to the last.
    pub connect: Option<Duration>,
}
