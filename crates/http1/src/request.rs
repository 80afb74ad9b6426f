//! Request heads (RFC 9112 §3).

use crate::{Headers, Known, Method, Version};

/// The four forms of a request target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    #[default]
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, for CONNECT only
    Authority,
    /// `*`, for OPTIONS only
    Asterisk,
}

/// A request head as understood: one host, one path, whatever form the target had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The version the client spoke.
    pub version: Version,
    /// Which form the target had.
    pub form: TargetForm,
    /// The request target in origin form (`/path?query`), raw as received; `*` for the asterisk
    /// form, `host:port` for the authority form. Never empty after a parse.
    pub target: Vec<u8>,
    /// The effective authority (`host[:port]`): from the target's absolute form or `:authority`,
    /// else from `Host`. Empty only when an HTTP/1.0 client sent none.
    pub authority: Vec<u8>,
    /// The fields. `Host` stays among them as received.
    pub headers: Headers,
}

impl RequestHead {
    /// Forgets the request and keeps the memory.
    pub fn clear(&mut self) {
        self.method = Method::Get;
        self.version = Version::Http11;
        self.form = TargetForm::Origin;
        self.target.clear();
        self.authority.clear();
        self.headers.clear();
    }

    /// The raw path: the target up to the first `?`.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        let end = memchr::memchr(b'?', &self.target).unwrap_or(self.target.len());
        self.target.get(..end).unwrap_or_default()
    }

    /// The raw query without its `?`; `None` when the target has no `?`.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        let mark = memchr::memchr(b'?', &self.target)?;
        self.target.get(mark + 1..)
    }

    /// Whether the client waits for a 100 before it sends the body. An expectation in HTTP/1.0 is
    /// ignored (RFC 9110 §10.1.1); one other than `100-continue` never passes the parser.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.version != Version::Http10 && self.headers.contains(Known::Expect)
    }

    /// The host of the authority without its port; IPv6 literals keep their brackets.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        host_of(&self.authority)
    }
}

/// The host part of `host[:port]`.
#[must_use]
pub fn host_of(authority: &[u8]) -> &[u8] {
    let after_literal = memchr::memrchr(b']', authority).map_or(0, |at| at + 1);
    let tail = authority.get(after_literal..).unwrap_or_default();
    let end = memchr::memchr(b':', tail).map_or(authority.len(), |at| after_literal + at);
    authority.get(..end).unwrap_or_default()
}
