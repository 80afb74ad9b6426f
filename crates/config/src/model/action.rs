//! What a route does with a request: its action, its rewrite, its field edits, its pages.

use std::path::PathBuf;

use super::{Failover, Span, Split, Template};

/// The one thing a route answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward to an upstream.
    Proxy(Proxy),
    /// Forward to one of several upstreams.
    Split(Split),
    /// Answer with a fixed response.
    Respond(Respond),
    /// Answer with a redirection.
    Redirect(Redirect),
}

/// `proxy "upstream"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name of an upstream that exists.
    pub upstream: String,
    /// The `Host` that is sent on.
    pub host: HostPolicy,
    /// Another upstream for what this one cannot do.
    pub failover: Option<Box<Failover>>,
    /// Where the upstream's name is written.
    pub span: Span,
}

/// Which `Host` an origin server sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostPolicy {
    /// The one that the client sent.
    #[default]
    Client,
    /// The name or address of the chosen server, with its port.
    Upstream,
    /// This one.
    Literal(String),
}

/// `respond STATUS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Respond {
    /// The status code, 200 to 599.
    pub status: u16,
    /// The body; empty where none is written.
    pub body: String,
    /// The `Content-Type`; `text/plain; charset=utf-8` for a body without a type.
    pub content_type: Option<String>,
    /// Where the node is.
    pub span: Span,
}

/// `redirect "target"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The `Location`: a path or a whole URI.
    pub to: Template,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where the node is.
    pub span: Span,
}

/// How the forwarded target differs from the one received. The query is kept, unless a
/// replacement has a `?` of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// Take this prefix, which has no final slash, from the path.
    StripPrefix(String),
    /// Use this target instead.
    Replace(Template),
}

/// One edit of a message's fields. Names keep the case they were written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderOp {
    /// Replace every field of that name by one.
    Set {
        /// Field name.
        name: String,
        /// Field value.
        value: Template,
    },
    /// Add one more field.
    Add {
        /// Field name.
        name: String,
        /// Field value.
        value: Template,
    },
    /// Drop every field of that name.
    Remove {
        /// Field name.
        name: String,
    },
}

/// What a client sees instead of Weir's own error page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// The statuses it stands for, each 400 to 599.
    pub statuses: Vec<u16>,
    /// Its content.
    pub body: ErrorPageBody,
    /// The `Content-Type`; guessed from the file's name, else `text/html; charset=utf-8`.
    pub content_type: String,
    /// Where the node is.
    pub span: Span,
}

/// Where the content of an error page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorPageBody {
    /// A file that existed when the configuration was loaded; relative paths are already
    /// joined to the directory of the configuration file.
    File(PathBuf),
    /// This text.
    Text(String),
}
