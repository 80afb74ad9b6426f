//! Why an exchange failed: which side, what kind, and whether it may be tried again.
//!
//! One table gives the status code, the `Proxy-Status` type of RFC 9209, the log and metric label.
//! **Invariant:** only this module chooses the status of an error response.

use std::io;

use http1::Refusal;

use crate::route::PathFault;

/// The party that a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client or its connection.
    Client,
    /// The origin server or the connection to it.
    Upstream,
    /// Weir itself: a limit, a route, a setting.
    Proxy,
}

/// Whether the request may be sent again to another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the client is at fault, or an answer has begun.
    Never,
    /// Always safe: nothing of the request has left this proxy.
    IfUnsent,
    /// Only an idempotent request whose body can be sent again.
    IfIdempotent,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The name of the origin has no address yet.
    DnsError,
    /// No server of the upstream may be used.
    DestinationUnavailable,
    /// The server refused the connection.
    ConnectionRefused,
    /// The connection was not made in time.
    ConnectionTimeout,
    /// The connection broke, or ended before an answer.
    ConnectionTerminated,
    /// The server made no progress in sending its body.
    ConnectionReadTimeout,
    /// The server made no progress in taking the request.
    ConnectionWriteTimeout,
    /// The server's head did not come in time.
    HttpResponseTimeout,
    /// The server's message ended early.
    HttpResponseIncomplete,
    /// The server's message breaks the protocol.
    HttpProtocolError,
    /// The server sent more interim responses than allowed.
    HttpInterimFlood,
    /// The whole exchange took longer than `timeouts { total }`.
    TotalTimeout,
    /// The client's request breaks the protocol.
    HttpRequestError,
    /// The client's head did not come in time.
    RequestHeaderTimeout,
    /// The client made no progress in sending its body.
    RequestBodyTimeout,
    /// The client's body is over `limits { body-bytes-max }`.
    BodyTooLarge,
    /// The client left before the end.
    ClientGone,
    /// The client made no progress in taking the response.
    ClientWriteTimeout,
    /// No site serves this host.
    MisdirectedHost,
    /// No route matches.
    NoRoute,
    /// Routes match, but not with this method.
    MethodNotAllowed,
    /// `limits { connections-max }` is reached.
    ConnectionsExceeded,
    /// `limits { connections-per-client-max }` is reached.
    ClientConnectionsExceeded,
    /// `limits { memory-max }` is reached.
    MemoryExceeded,
    /// A fault of Weir.
    ProxyInternalError,
}

/// One row of the table: status for the client, RFC 9209 type, label for logs and metrics.
struct Row(Kind, u16, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TABLE: [Row; 25] = [
    Row(Kind::DnsError, 502, "dns_error", "dns_error", "the origin's name has no address"),
    Row(Kind::DestinationUnavailable, 503, "destination_unavailable", "destination_unavailable", "no server can take the request"),
    Row(Kind::ConnectionRefused, 502, "connection_refused", "connection_refused", "the origin refused the connection"),
    Row(Kind::ConnectionTimeout, 504, "connection_timeout", "connection_timeout", "the origin did not accept the connection in time"),
    Row(Kind::ConnectionTerminated, 502, "connection_terminated", "connection_terminated", "the origin closed the connection"),
    Row(Kind::ConnectionReadTimeout, 504, "connection_read_timeout", "connection_read_timeout", "the origin stopped sending"),
    Row(Kind::ConnectionWriteTimeout, 504, "connection_write_timeout", "connection_write_timeout", "the origin stopped reading"),
    Row(Kind::HttpResponseTimeout, 504, "http_response_timeout", "http_response_timeout", "the origin did not answer in time"),
    Row(Kind::HttpResponseIncomplete, 502, "http_response_incomplete", "http_response_incomplete", "the origin's answer ended early"),
    Row(Kind::HttpProtocolError, 502, "http_protocol_error", "http_protocol_error", "the origin's answer breaks the protocol"),
    Row(Kind::HttpInterimFlood, 502, "http_protocol_error", "interim_flood", "the origin sent too many interim answers"),
    Row(Kind::TotalTimeout, 504, "http_response_timeout", "total_timeout", "the exchange took too long"),
    Row(Kind::HttpRequestError, 400, "http_request_error", "http_request_error", "the request breaks the protocol"),
    Row(Kind::RequestHeaderTimeout, 408, "http_request_error", "request_header_timeout", "the request head did not come in time"),
    Row(Kind::RequestBodyTimeout, 408, "http_request_error", "request_body_timeout", "the request body stopped coming"),
    Row(Kind::BodyTooLarge, 413, "http_request_denied", "body_too_large", "the request body is too large"),
    Row(Kind::ClientGone, 499, "connection_terminated", "client_gone", "the client left"),
    Row(Kind::ClientWriteTimeout, 499, "connection_write_timeout", "client_write_timeout", "the client stopped reading"),
    Row(Kind::MisdirectedHost, 421, "destination_not_found", "misdirected_host", "this host is not served here"),
    Row(Kind::NoRoute, 404, "destination_not_found", "no_route", "nothing is served at this path"),
    Row(Kind::MethodNotAllowed, 405, "http_request_denied", "method_not_allowed", "this method is not allowed here"),
    Row(Kind::ConnectionsExceeded, 503, "connection_limit_reached", "connections_exceeded", "too many connections"),
    Row(Kind::ClientConnectionsExceeded, 429, "connection_limit_reached", "client_connections_exceeded", "too many connections from this client"),
    Row(Kind::MemoryExceeded, 503, "proxy_internal_error", "memory_exceeded", "out of buffer memory"),
    Row(Kind::ProxyInternalError, 500, "proxy_internal_error", "proxy_internal_error", "internal error"),
];

impl Kind {
    /// Every kind with its log and metric label.
    pub fn labels() -> impl Iterator<Item = (Self, &'static str)> {
        TABLE.iter().map(|row| (row.0, row.3))
    }

    /// The label in logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.row().3
    }

    fn row(self) -> &'static Row {
        static LAST: &Row = &TABLE[TABLE.len() - 1];
        TABLE.get(self as usize).unwrap_or(LAST)
    }
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who is to blame.
    pub side: Side,
    /// What happened.
    pub kind: Kind,
    /// Whether the request may go to another server.
    pub retry: Retry,
    /// The rule that was broken, where one was.
    pub rule: Option<Rule>,
}

/// A rule that a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Of HTTP itself.
    Protocol(Refusal),
    /// Of what may stand in a path.
    Path(PathFault),
    /// A path that origins may read in two ways with different routes.
    AmbiguousPath,
}

impl Rule {
    /// The codes of every rule.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        let protocol = Refusal::ALL.iter().map(|refusal| refusal.code());
        let path = PathFault::ALL.iter().map(|fault| fault.code());
        protocol.chain(path).chain(std::iter::once(Self::AmbiguousPath.code()))
    }

    fn code(self) -> &'static str {
        match self {
            Self::Protocol(refusal) => refusal.code(),
            Self::Path(fault) => fault.code(),
            Self::AmbiguousPath => "path_ambiguous",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Protocol(refusal) => refusal.status(),
            Self::Path(_) | Self::AmbiguousPath => 400,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Protocol(refusal) => refusal.detail(),
            Self::Path(_) | Self::AmbiguousPath => "the path of the request is not acceptable",
        }
    }
}

impl Fault {
    /// A fault of the client's; never retried.
    #[must_use]
    pub const fn client(kind: Kind) -> Self {
        Self { side: Side::Client, kind, retry: Retry::Never, rule: None }
    }

    /// A fault of this proxy's limits or routes; never retried.
    #[must_use]
    pub const fn proxy(kind: Kind) -> Self {
        Self { side: Side::Proxy, kind, retry: Retry::Never, rule: None }
    }

    /// A fault of the origin's.
    #[must_use]
    pub const fn upstream(kind: Kind, retry: Retry) -> Self {
        Self { side: Side::Upstream, kind, retry, rule: None }
    }

    /// A message that breaks the protocol.
    #[must_use]
    pub const fn refused(side: Side, refusal: Refusal) -> Self {
        let kind = match side {
            Side::Client | Side::Proxy => Kind::HttpRequestError,
            Side::Upstream => Kind::HttpProtocolError,
        };
        Self { side, kind, retry: Retry::Never, rule: Some(Rule::Protocol(refusal)) }
    }

    /// A request whose path is not acceptable.
    #[must_use]
    pub const fn path(rule: Rule) -> Self {
        let fault = Self::client(Kind::HttpRequestError);
        Self { rule: Some(rule), ..fault }
    }

    /// What an I/O error on one side means while a body or head moves.
    #[must_use]
    pub fn io(side: Side, direction: Direction, error: &io::Error) -> Self {
        use {Direction::Read, Direction::Write};
        let kind = match (error.kind(), side, direction) {
            (io::ErrorKind::OutOfMemory, ..) => return Self::proxy(Kind::MemoryExceeded),
            (io::ErrorKind::TimedOut, Side::Client, Read) => Kind::RequestBodyTimeout,
            (io::ErrorKind::TimedOut, Side::Client, Write) => Kind::ClientWriteTimeout,
            (io::ErrorKind::TimedOut, _, Read) => Kind::ConnectionReadTimeout,
            (io::ErrorKind::TimedOut, _, Write) => Kind::ConnectionWriteTimeout,
            (_, Side::Client, _) => Kind::ClientGone,
            (_, _, Read) => Kind::HttpResponseIncomplete,
            (_, _, Write) => Kind::ConnectionTerminated,
        };
        Self { side, kind, retry: Retry::Never, rule: None }
    }

    /// The same fault under another retry rule.
    #[must_use]
    pub const fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The status code that the client gets, if it still can get one.
    #[must_use]
    pub fn status(&self) -> u16 {
        match (self.side, self.rule) {
            (Side::Client, Some(rule)) => rule.status(),
            _ => self.kind.row().1,
        }
    }

    /// The error type for `Proxy-Status` (RFC 9209 §2.3).
    #[must_use]
    pub fn proxy_status(&self) -> &'static str {
        self.kind.row().2
    }

    /// The reason code in logs and metrics: the broken rule if there is one, else the kind.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.rule.map_or(self.kind.row().3, Rule::code)
    }

    /// One sentence for the error page.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        match (self.side, self.rule) {
            (Side::Client, Some(rule)) => rule.detail(),
            _ => self.kind.row().4,
        }
    }
}

/// Which way bytes were going when an I/O error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the peer to us.
    Read,
    /// From us to the peer.
    Write,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_in_its_row() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, index, "{:?}", row.0);
            assert!((400..600).contains(&row.1));
        }
        assert_eq!(Kind::ProxyInternalError as usize + 1, TABLE.len());
    }

    #[test]
    fn labels_are_distinct() {
        let mut labels: Vec<_> = Kind::labels().map(|(_, label)| label).collect();
        labels.sort_unstable();
        let count = labels.len();
        labels.dedup();
        assert_eq!(labels.len(), count);
    }
}
