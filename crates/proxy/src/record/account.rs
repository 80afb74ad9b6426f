//! What is recorded of an exchange when it is over: counters once, and one line in each log.

use super::NO_ROUTE;
use super::{Counter, LogRecord};
use crate::connection::Entrance;
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::io::{Peer, clock};
use crate::layer4::Session;
use crate::tunnel::Carried;
use crate::worker::Worker;

/// How an exchange ended on the client's side.
#[derive(Clone, Copy, Debug)]
pub struct End {
    bytes_in: u64,
    bytes_out: u64,
    fault: Option<Fault>,
}

impl End {
    /// The response was sent, or sending it failed.
    #[must_use]
    pub fn of(bytes_in: u64, bytes_out: u64, outcome: Result<(), Fault>) -> Self {
        Self { bytes_in, bytes_out, fault: outcome.err() }
    }

    /// The client left before there was a response.
    #[must_use]
    pub fn gone(bytes_in: u64) -> Self {
        Self::of(bytes_in, 0, Err(Fault::client(Kind::ClientGone)))
    }

    /// A tunnel came to its end.
    #[must_use]
    pub fn tunnel(carried: &Carried) -> Self {
        Self { bytes_in: carried.upward, bytes_out: carried.downward, fault: None }
    }
}

/// Records an exchange that had a request. `response` is `None` when none was sent.
pub fn exchange(worker: &Worker, exchange: &Exchange, response: Option<&Response>, end: End) {
    let fault = end.fault.or_else(|| response.and_then(|response| response.fault));
    let silent = fault.is_some_and(|fault| fault.kind.is_silent()) && end.bytes_out == 0;
    let status = response.filter(|_| !silent).map_or(0, |response| response.head.status);
    let duration = exchange.trace.started.elapsed();
    let route = exchange.route.map_or(NO_ROUTE, |route| route.0);
    exchange.metrics().request(route, status, duration);
    if let Some(cached) = exchange.cached.get() {
        exchange.metrics().cached(route, cached, end.bytes_out);
    }
    if let Some(fault) = fault {
        count_fault(worker, fault);
    }
    worker.log(|| {
        let snapshot = &exchange.snapshot;
        let route = exchange.route.and_then(|index| snapshot.routes.get(index.0 as usize));
        let at = exchange.trace.server;
        let upstream = at.and_then(|at| snapshot.upstreams.get(at.upstream as usize));
        let server =
            at.and_then(|at| upstream.and_then(|found| found.servers.get(at.server as usize)));
        let started = exchange.trace.started;
        LogRecord {
            time_unix_ns: unix_ns().saturating_sub(duration.as_nanos() as u64),
            client: client_address(exchange),
            peer: peer_address(exchange.client.peer),
            method: exchange.request.method.as_str(),
            scheme: exchange.client.scheme,
            host: exchange.request.host(),
            target: exchange.target_received(),
            protocol: exchange.request.version.as_str(),
            status,
            bytes_in: end.bytes_in,
            bytes_out: end.bytes_out,
            duration,
            route: route.map(|route| route.label.as_str()),
            upstream: upstream.map(|upstream| upstream.name.as_str()),
            server: server.map(|server| &**server.target.label()),
            attempts: exchange.trace.attempts,
            connect: exchange.trace.connect,
            first_byte: exchange.trace.first_byte.map(|at| at.duration_since(started)),
            request_id: exchange.request_id.as_bytes(),
            reason: fault.as_ref().map(Fault::reason),
            cache: exchange.cached.get().map(|cached| cached.outcome.label()),
            request_headers: Some(&exchange.request.headers),
            response_headers: response.map(|response| &response.head.headers),
        }
    });
}

/// Records what came instead of a request.
pub fn refused(worker: &Worker, entrance: &Entrance, fault: Fault, status: u16) {
    worker.snapshot().metrics().request(NO_ROUTE, status, std::time::Duration::ZERO);
    count_fault(worker, fault);
    let peer = entrance.peer;
    worker.log(|| LogRecord {
        time_unix_ns: unix_ns(),
        client: peer_address(peer).map(|address| address.ip()),
        peer: peer_address(peer),
        protocol: entrance.version.as_str(),
        scheme: entrance.scheme(),
        status,
        reason: Some(fault.reason()),
        ..LogRecord::default()
    });
}

/// Counts a fault under its kind, its rule, and the setting that it ran into.
pub fn count_fault(worker: &Worker, fault: Fault) {
    let metrics = worker.metrics();
    metrics.fault(fault.kind.label());
    if fault.rule.is_some() {
        metrics.refusal(fault.reason());
    }
    if let Some(limit) = limit_of(&fault) {
        metrics.limit(limit);
    }
    if let Some(timeout) = timeout_of(fault.kind) {
        metrics.timeout(timeout);
    }
    if fault.kind == Kind::ClientGone {
        metrics.add(Counter::ClientsLeft, 1);
    }
}

/// The limit, by its name in the configuration, that a fault ran into.
fn limit_of(fault: &Fault) -> Option<&'static str> {
    use crate::fault::Rule;
    use http1::Refusal;
    match (fault.kind, fault.rule) {
        (Kind::BodyTooLarge, _) => Some("body-bytes-max"),
        (Kind::ConnectionsExceeded, _) => Some("connections-max"),
        (Kind::ClientConnectionsExceeded, _) => Some("connections-per-client-max"),
        (Kind::UpstreamFull, _) => Some("queue"),
        (Kind::CircuitOpen, _) => Some("circuit-breaker"),
        (Kind::MemoryExceeded, _) => Some("memory-max"),
        (Kind::TlsHandshakesExceeded, _) => Some("tls-handshakes-per-client"),
        (_, Some(Rule::Protocol(Refusal::HeadTooLarge))) => Some("header-bytes-max"),
        (_, Some(Rule::Protocol(Refusal::TooManyHeaders))) => Some("headers-max"),
        (_, Some(Rule::Protocol(Refusal::UriTooLong))) => Some("uri-bytes-max"),
        _ => None,
    }
}

/// The timeout, by its name in the configuration, that ran out.
fn timeout_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::RequestHeaderTimeout => Some("request-header"),
        Kind::TlsHandshakeTimeout => Some("tls-handshake"),
        Kind::RequestBodyTimeout
        | Kind::ClientWriteTimeout
        | Kind::ConnectionReadTimeout
        | Kind::ConnectionWriteTimeout => Some("body-idle"),
        Kind::ConnectionTimeout => Some("connect"),
        Kind::HttpResponseTimeout => Some("first-byte"),
        Kind::TotalTimeout => Some("total"),
        Kind::QueueTimeout => Some("queue-timeout"),
        Kind::TcpIdleTimeout => Some("tcp-idle"),
        _ => None,
    }
}

/// Records a connection that was passed on unread, or was to be.
pub fn session(worker: &Worker, session: &Session<'_>) {
    if let Some(fault) = session.fault {
        count_fault(worker, fault);
    }
    worker.log(|| {
        let duration = session.started.elapsed();
        let at = session.trace.server;
        let upstream = at.and_then(|at| session.snapshot.upstreams.get(at.upstream as usize));
        let server = at.and_then(|at| upstream?.servers.get(at.server as usize));
        let client = peer_address(session.entrance.peer);
        LogRecord {
            time_unix_ns: unix_ns().saturating_sub(duration.as_nanos() as u64),
            client: client.map(|address| address.ip()),
            peer: client,
            host: session.name.unwrap_or_default().as_bytes(),
            protocol: session.protocol,
            status: session.fault.map_or(200, |fault| fault.status()),
            bytes_in: session.carried.upward,
            bytes_out: session.carried.downward,
            duration,
            route: Some(session.label),
            upstream: upstream.map(|upstream| upstream.name.as_str()),
            server: server.map(|server| &**server.target.label()),
            attempts: session.trace.attempts,
            connect: session.trace.connect,
            reason: session.fault.as_ref().map(Fault::reason),
            ..LogRecord::default()
        }
    });
}

fn unix_ns() -> u64 {
    u64::try_from(clock::unix().as_nanos()).unwrap_or(u64::MAX)
}

fn client_address(exchange: &Exchange) -> Option<std::net::IpAddr> {
    let named = exchange.client.address;
    match exchange.client.peer {
        Peer::Unix if named.is_unspecified() => None,
        _ => Some(named),
    }
}

fn peer_address(peer: Peer) -> Option<std::net::SocketAddr> {
    match peer {
        Peer::Tcp(address) => Some(address),
        Peer::Unix => None,
    }
}
