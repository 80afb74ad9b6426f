//! What can be said about an exchange, and how to find each piece of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http1::{Headers, Known};

/// A finished exchange, borrowed for as long as its line takes. What is unknown stays at its
/// default: a message that was refused while its head was read has no method.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogRecord<'a> {
    /// When the request's first byte arrived, in nanoseconds since 1970.
    pub time_unix_ns: u64,
    /// The client after trusted proxies are taken away; `None` on a Unix socket.
    pub client: Option<IpAddr>,
    /// The other end of the connection; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The method, empty when it is not known.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The authority asked for, without port.
    pub host: &'a [u8],
    /// Path and query as received, empty when not known.
    pub target: &'a [u8],
    /// `HTTP/1.1` and the like.
    pub protocol: &'a str,
    /// The status sent to the client; 0 when it left before there was one.
    pub status: u16,
    /// Bytes of the request body that arrived.
    pub bytes_in: u64,
    /// Bytes of the response body that were sent.
    pub bytes_out: u64,
    /// From the request's first byte to the response's last.
    pub duration: Duration,
    /// The pattern of the route.
    pub route: Option<&'a str>,
    /// The name of the upstream.
    pub upstream: Option<&'a str>,
    /// The address of the server that was asked last.
    pub server: Option<&'a str>,
    /// How often a server was asked; more than once means retries.
    pub attempts: u32,
    /// Time to connect to the server; `None` on a connection from the pool.
    pub connect: Option<Duration>,
    /// From the request's first byte to the first of the server's response.
    pub first_byte: Option<Duration>,
    /// The request id.
    pub request_id: &'a [u8],
    /// The reason code of a refusal or fault.
    pub reason: Option<&'a str>,
    /// What the cache did, on a route that has one.
    pub cache: Option<&'a str>,
    /// The fields of the request as received.
    pub request_headers: Option<&'a Headers>,
    /// The fields of the response as sent.
    pub response_headers: Option<&'a Headers>,
}

/// One piece of an exchange that a log can show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// When the request arrived, RFC 3339 in UTC with milliseconds.
    Time,
    /// The same as the combined format writes it.
    TimeCombined,
    /// The client's address.
    Client,
    /// The connection's other end, where that is not the client.
    Peer,
    /// The method.
    Method,
    /// `http` or `https`.
    Scheme,
    /// The host asked for.
    Host,
    /// The path as received, without query.
    Path,
    /// The query without `?`.
    Query,
    /// Path and query as received.
    Uri,
    /// The protocol version.
    Protocol,
    /// The status sent.
    Status,
    /// Bytes of the request body.
    BytesIn,
    /// Bytes of the response body.
    BytesOut,
    /// How long the exchange took.
    DurationMs,
    /// The route's pattern.
    Route,
    /// The upstream's name.
    Upstream,
    /// The server's address.
    Server,
    /// How often a server was asked.
    Attempts,
    /// Time to connect.
    ConnectMs,
    /// Time to the response's head.
    FirstByteMs,
    /// The request id.
    RequestId,
    /// Why the exchange failed.
    Reason,
    /// What the cache did.
    Cache,
    /// `Referer` of the request.
    Referer,
    /// `User-Agent` of the request.
    UserAgent,
    /// Any field of the request by name; its first value.
    Header(String),
    /// Any field of the response by name; its first value.
    ResponseHeader(String),
}

/// A field's value before it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Absent,
    Text(&'a [u8]),
    Number(u64),
    Millis(Duration),
    Iso(u64),
    Clf(u64),
    Address(IpAddr),
    Socket(SocketAddr),
}

impl Field {
    pub(super) fn of<'a>(&'a self, record: &LogRecord<'a>) -> Value<'a> {
        match self {
            Self::Time => Value::Iso(record.time_unix_ns),
            Self::TimeCombined => Value::Clf(record.time_unix_ns),
            Self::Client => record.client.map_or(Value::Absent, Value::Address),
            Self::Peer => peer(record),
            Self::Method => text(record.method.as_bytes()),
            Self::Scheme => text(record.scheme.as_bytes()),
            Self::Host => text(record.host),
            Self::Path => text(path(record.target)),
            Self::Query => optional(query(record.target)),
            Self::Uri => text(record.target),
            Self::Protocol => text(record.protocol.as_bytes()),
            Self::Status => Value::Number(u64::from(record.status)),
            Self::BytesIn => Value::Number(record.bytes_in),
            Self::BytesOut => Value::Number(record.bytes_out),
            Self::DurationMs => Value::Millis(record.duration),
            Self::Route => optional(record.route.map(str::as_bytes)),
            Self::Upstream => optional(record.upstream.map(str::as_bytes)),
            Self::Server => optional(record.server.map(str::as_bytes)),
            Self::Attempts if record.attempts == 0 => Value::Absent,
            Self::Attempts => Value::Number(u64::from(record.attempts)),
            Self::ConnectMs => record.connect.map_or(Value::Absent, Value::Millis),
            Self::FirstByteMs => record.first_byte.map_or(Value::Absent, Value::Millis),
            Self::RequestId => text(record.request_id),
            Self::Reason => optional(record.reason.map(str::as_bytes)),
            Self::Cache => optional(record.cache.map(str::as_bytes)),
            Self::Referer => known(record.request_headers, Known::Referer),
            Self::UserAgent => known(record.request_headers, Known::UserAgent),
            Self::Header(name) => named(record.request_headers, name),
            Self::ResponseHeader(name) => named(record.response_headers, name),
        }
    }
}

fn peer<'a>(record: &LogRecord<'a>) -> Value<'a> {
    match record.peer {
        Some(peer) if Some(peer.ip()) != record.client => Value::Socket(peer),
        _ => Value::Absent,
    }
}

fn path(target: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'?', target).unwrap_or(target.len());
    target.get(..end).unwrap_or_default()
}

fn query(target: &[u8]) -> Option<&[u8]> {
    let mark = memchr::memchr(b'?', target)?;
    target.get(mark + 1..)
}

fn text(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Text(bytes) }
}

fn optional(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, Value::Text)
}

fn known(headers: Option<&Headers>, name: Known) -> Value<'_> {
    optional(headers.and_then(|headers| headers.value(name)))
}

fn named<'a>(headers: Option<&'a Headers>, name: &'a str) -> Value<'a> {
    optional(headers.and_then(|headers| headers.values_named(name.as_bytes()).next()))
}
