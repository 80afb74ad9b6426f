//! Request methods (RFC 9110 §9).

use std::fmt;

pub use crate::octets::is_token;

/// The longest extension method that is accepted, in bytes; a longer one is refused with 501.
pub const METHOD_BYTES_MAX: usize = 23;

/// A request method. Methods are case-sensitive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `CONNECT`
    Connect,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `PATCH` (RFC 5789)
    Patch,
    /// Any other token.
    Extension(Extension),
}

/// The text of a method that is not one of the registered common ones, kept inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    len: u8,
    bytes: [u8; METHOD_BYTES_MAX],
}

impl Method {
    /// Reads a method token; `None` when it is longer than [`METHOD_BYTES_MAX`] or not a token.
    #[must_use]
    pub fn parse(token: &[u8]) -> Option<Self> {
        Some(match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            other => Self::Extension(Extension::new(other)?),
        })
    }

    /// The method as it stands in a request line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Extension(text) => text.as_str(),
        }
    }

    /// Idempotent methods may be sent again after a fault (RFC 9110 §9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// Safe methods ask for no change of state (RFC 9110 §9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

impl Extension {
    fn new(token: &[u8]) -> Option<Self> {
        let fits = !token.is_empty() && token.len() <= METHOD_BYTES_MAX;
        if !fits || !token.iter().all(|byte| is_token(*byte)) {
            return None;
        }
        let mut bytes = [0; METHOD_BYTES_MAX];
        bytes.get_mut(..token.len())?.copy_from_slice(token);
        Some(Self { len: token.len() as u8, bytes })
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_round_trip() {
        for text in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
        {
            let method = Method::parse(text.as_bytes()).unwrap();
            assert!(!matches!(method, Method::Extension(_)), "{text}");
            assert_eq!(method.as_str(), text);
        }
        assert_eq!(Method::parse(b"PROPFIND").unwrap().as_str(), "PROPFIND");
        assert!(matches!(Method::parse(b"get"), Some(Method::Extension(_))));
    }

    #[test]
    fn bad_tokens_are_refused() {
        assert_eq!(Method::parse(b""), None);
        assert_eq!(Method::parse(b"GE T"), None);
        assert_eq!(Method::parse(&[b'A'; METHOD_BYTES_MAX + 1]), None);
        assert!(Method::parse(&[b'A'; METHOD_BYTES_MAX]).is_some());
    }
}
