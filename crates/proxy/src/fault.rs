//! Why an exchange failed: which side, what kind, and whether it may be tried again.
//!
//! One table gives the status code, the `Proxy-Status` type of RFC 9209, the log and metric label.
//! **Invariant:** only this module chooses the status of an error response.

mod kind;

use std::io;

use http1::Refusal;

pub use kind::Kind;

use crate::proxy_protocol::HeaderFault;
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
    /// Of HTTP/2's framing, by its error code (RFC 9113 §7).
    Http2(&'static str),
    /// Of what a server's certificate must be.
    Certificate(&'static str),
    /// Of the PROXY protocol.
    ProxyHeader(&'static str),
}

/// Why a server's certificate is not accepted.
const CERTIFICATE_CODES: [&str; 7] = [
    "certificate_expired",
    "certificate_not_valid_yet",
    "certificate_unknown_issuer",
    "certificate_wrong_name",
    "certificate_revoked",
    "certificate_not_pinned",
    "certificate_invalid",
];

/// The error codes of RFC 9113 §7 as reasons.
const HTTP2_CODES: [&str; 14] = [
    "h2_no_error",
    "h2_protocol_error",
    "h2_internal_error",
    "h2_flow_control_error",
    "h2_settings_timeout",
    "h2_stream_closed",
    "h2_frame_size_error",
    "h2_refused_stream",
    "h2_cancel",
    "h2_compression_error",
    "h2_connect_error",
    "h2_enhance_your_calm",
    "h2_inadequate_security",
    "h2_http_1_1_required",
];

impl Rule {
    /// The codes of every rule.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        let protocol = Refusal::ALL.iter().map(|refusal| refusal.code());
        let path = PathFault::ALL.iter().map(|fault| fault.code());
        let proxy = HeaderFault::ALL.iter().map(|fault| fault.code());
        let ambiguous = std::iter::once(Self::AmbiguousPath.code());
        protocol
            .chain(path)
            .chain(ambiguous)
            .chain(HTTP2_CODES)
            .chain(CERTIFICATE_CODES)
            .chain(proxy)
    }

    /// The rule that an error of the h2 crate stands for.
    #[must_use]
    pub fn http2(error: &h2::Error) -> Option<Self> {
        let code = u32::from(error.reason()?);
        HTTP2_CODES.get(code as usize).copied().map(Self::Http2)
    }

    fn code(self) -> &'static str {
        match self {
            Self::Protocol(refusal) => refusal.code(),
            Self::Path(fault) => fault.code(),
            Self::AmbiguousPath => "path_ambiguous",
            Self::Http2(code) | Self::Certificate(code) | Self::ProxyHeader(code) => code,
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::Protocol(refusal) => refusal.status(),
            Self::Path(_) | Self::AmbiguousPath | Self::Http2(_) | Self::ProxyHeader(_) => 400,
            Self::Certificate(_) => 502,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Protocol(refusal) => refusal.detail(),
            Self::Certificate(_) => "the certificate of the origin is not to be trusted",
            Self::ProxyHeader(_) => "the header of the PROXY protocol is not acceptable",
            Self::Http2(_) => "the request breaks a rule of HTTP/2",
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
            _ => self.kind.status(),
        }
    }

    /// The error type for `Proxy-Status` (RFC 9209 §2.3).
    #[must_use]
    pub fn proxy_status(&self) -> &'static str {
        self.kind.proxy_status()
    }

    /// The reason code in logs and metrics: the broken rule if there is one, else the kind.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.rule.map_or_else(|| self.kind.label(), Rule::code)
    }

    /// One sentence for the error page.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        match (self.side, self.rule) {
            (Side::Client, Some(rule)) => rule.detail(),
            _ => self.kind.detail(),
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
