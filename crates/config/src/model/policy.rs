//! Small policies of the whole process: request id, canonical paths, admin.

use super::{ListenAddress, Span};

/// The admin listener: metrics now, more later. Loopback or Unix socket only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// What it binds.
    pub address: ListenAddress,
    /// Where the node is.
    pub span: Span,
}

/// What happens to the request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIdPolicy {
    /// Keep, make, or none.
    pub mode: RequestIdMode,
    /// The field that carries it, in the case it is sent in.
    pub header: String,
    /// Where the node is; the default where there is none.
    pub span: Span,
}

impl Default for RequestIdPolicy {
    fn default() -> Self {
        Self { mode: RequestIdMode::Keep, header: "X-Request-Id".to_owned(), span: Span::default() }
    }
}

/// Where the request id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestIdMode {
    /// Keep what the client sent if it is a sane token; make one otherwise.
    Keep,
    /// Always make a new one.
    Make,
    /// Neither read nor sent.
    Off,
}

/// Which form of a path an origin gets, where no rewrite changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathForward {
    /// As it came.
    #[default]
    Raw,
    /// With dot segments resolved and slashes merged, as it was matched: for origins that would
    /// read such a path otherwise.
    Canonical,
}

/// How paths are made canonical before they are matched, and what is sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPolicy {
    /// Take several slashes in a row as one.
    pub merge_slashes: bool,
    /// Which form of the path an origin gets.
    pub forward: PathForward,
}

impl Default for PathPolicy {
    fn default() -> Self {
        Self { merge_slashes: true, forward: PathForward::default() }
    }
}
