//! Where requests are logged, and how a line looks.

use std::path::PathBuf;

use super::Span;

/// One `access-log` node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where lines go.
    pub target: LogTarget,
    /// How a line looks.
    pub format: LogFormat,
    /// Where the node is.
    pub span: Span,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, appended to and opened again on SIGUSR1; joined to the directory of the
    /// configuration file where it was relative.
    File(PathBuf),
}

/// How a log line looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// The combined format that many tools read.
    Combined,
    /// The user's own.
    Custom(Vec<LogSegment>),
}

/// A part of a custom log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSegment {
    /// Text as it is.
    Literal(String),
    /// A value of the finished exchange.
    Field(LogField),
}

/// What can be logged of an exchange; written as `{name}`. An absent value is `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogField {
    /// `{time}`: when the request arrived, as RFC 3339 in UTC.
    Time,
    /// `{client}`: the client's address.
    Client,
    /// `{method}`
    Method,
    /// `{path}`: as received, without query.
    Path,
    /// `{query}`: without `?`.
    Query,
    /// `{uri}`: path and query as received.
    Uri,
    /// `{host}`
    Host,
    /// `{protocol}`: `HTTP/1.1` and the like.
    Protocol,
    /// `{status}`
    Status,
    /// `{bytes_in}`: bytes of the request body.
    BytesIn,
    /// `{bytes_out}`: bytes of the response body.
    BytesOut,
    /// `{duration_ms}`: from the first byte of the head to the last of the response.
    DurationMs,
    /// `{upstream}`: its name.
    Upstream,
    /// `{server}`: the address that answered.
    Server,
    /// `{route}`: the route's pattern.
    Route,
    /// `{request_id}`
    RequestId,
    /// `{reason}`: why the exchange failed.
    Reason,
    /// `{cache}`: what the cache did.
    Cache,
    /// `{referer}`
    Referer,
    /// `{user_agent}`
    UserAgent,
    /// `{header.NAME}`: a request field; the name is in lower case.
    Header(String),
}
