//! What the cache has done, for the field that tells of it (RFC 9211).

use std::fmt::Write;

/// Why a request went on to the origin (RFC 9211 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The cache was told not to handle this request.
    Bypass,
    /// Requests of this method go on.
    Method,
    /// Nothing is stored for the URI.
    UriMiss,
    /// What is stored for the URI was selected by other requests.
    VaryMiss,
    /// What is stored may not be used by the directives of the request.
    Request,
    /// What is stored is stale.
    Stale,
    /// Only a part of it is stored.
    Partial,
}

impl Forward {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Bypass,
        Self::Method,
        Self::UriMiss,
        Self::VaryMiss,
        Self::Request,
        Self::Stale,
        Self::Partial,
    ];

    /// The registered name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// How a request was handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// Why it went on; a stored response answered it where it did not.
    pub forward: Option<Forward>,
    /// The status that came back, where it is not the one that is sent.
    pub forward_status: Option<u16>,
    /// How long the response will be fresh, in seconds; below zero, how long it has not been.
    pub ttl_s: Option<i64>,
    /// The response was stored.
    pub stored: bool,
    /// Another request fetched the response for this one too.
    pub collapsed: bool,
    /// What more there is to say.
    pub detail: Option<&'static str>,
}

impl Handled {
    /// Writes the member of the list (RFC 9211 §2). `key` is told where it is wanted.
    pub fn write(&self, key: Option<&[u8]>, out: &mut String) {
        out.push_str("weir");
        match self.forward {
            None => out.push_str("; hit"),
            Some(forward) => {
                out.push_str("; fwd=");
                out.push_str(forward.label());
            }
        }
        // Writing to memory cannot fail.
        if let Some(status) = self.forward_status {
            let _ = write!(out, "; fwd-status={status}");
        }
        if let Some(ttl) = self.ttl_s {
            let _ = write!(out, "; ttl={ttl}");
        }
        if self.forward.is_some() && self.stored {
            out.push_str("; stored");
        }
        if self.collapsed {
            out.push_str("; collapsed");
        }
        if let Some(key) = key {
            out.push_str("; key=\"");
            out.extend(key.iter().flat_map(|byte| escaped(*byte)));
            out.push('"');
        }
        if let Some(detail) = self.detail {
            let _ = write!(out, "; detail={detail}");
        }
    }
}

/// A byte in a string of a structured field (RFC 9651 §3.3.3); what may not stand there is `?`.
fn escaped(byte: u8) -> impl Iterator<Item = char> {
    let (escape, shown) = match byte {
        b'"' | b'\\' => (Some('\\'), byte),
        b' '..=b'~' => (None, byte),
        _ => (None, b'?'),
    };
    escape.into_iter().chain([char::from(shown)])
}

/// What a `Cache-Status` says that this cache has written: [`Handled`] read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// A stored response answered.
    pub is_hit: bool,
    /// Why the request went on.
    pub forward: Option<String>,
    /// The status that came back, where it is not the one that was sent.
    pub forward_status: Option<u16>,
    /// How long the response was fresh, in seconds.
    pub ttl_s: Option<i64>,
    /// The response was stored.
    pub is_stored: bool,
    /// Another request fetched the response for this one too.
    pub is_collapsed: bool,
    /// What more there was to say.
    pub detail: Option<String>,
}

impl Told {
    /// Reads the last member of the list that is of a Weir: the one nearest to who reads it
    /// (RFC 9211 §2). `None` where no cache of ours has spoken.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let list: sfv::List = sfv::Parser::new(value).parse().ok()?;
        let members = list.iter().rev();
        let items = members.filter_map(|member| match member {
            sfv::ListEntry::Item(item) => Some(item),
            sfv::ListEntry::InnerList(_) => None,
        });
        let is_ours = |item: &&sfv::Item| {
            item.bare_item.as_token().is_some_and(|name| name.as_str() == "weir")
        };
        let parameters = &items.into_iter().find(is_ours)?.params;
        let flag = |name: &str| {
            parameters.get(name).and_then(sfv::BareItem::as_boolean).unwrap_or_default()
        };
        let token = |name: &str| {
            let token = parameters.get(name).and_then(sfv::BareItem::as_token);
            token.map(|token| token.as_str().to_owned())
        };
        let number =
            |name: &str| parameters.get(name).and_then(sfv::BareItem::as_integer).map(i64::from);
        Some(Self {
            is_hit: flag("hit"),
            forward: token("fwd"),
            forward_status: number("fwd-status").and_then(|status| u16::try_from(status).ok()),
            ttl_s: number("ttl"),
            is_stored: flag("stored"),
            is_collapsed: flag("collapsed"),
            detail: token("detail"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_can_be_read() {
        let miss = Handled {
            forward: Some(Forward::Stale),
            forward_status: Some(304),
            ttl_s: Some(-3),
            stored: true,
            collapsed: true,
            detail: Some("private"),
        };
        let read = Told::read(text(&miss, Some(b"a\"")).as_bytes()).unwrap();
        let expected = Told {
            is_hit: false,
            forward: Some("stale".to_owned()),
            forward_status: Some(304),
            ttl_s: Some(-3),
            is_stored: true,
            is_collapsed: true,
            detail: Some("private".to_owned()),
        };
        assert_eq!(read, expected);
        let chain = Told::read(b"weir; fwd=uri-miss, weir; hit; ttl=5, cdn; fwd=miss").unwrap();
        assert!(chain.is_hit && chain.ttl_s == Some(5), "{chain:?}");
        assert_eq!(Told::read(b"cdn; hit"), None);
        assert_eq!(Told::read(b"weir; hit=\"x"), None);
    }

    fn text(handled: &Handled, key: Option<&[u8]>) -> String {
        let mut out = String::new();
        handled.write(key, &mut out);
        out
    }

    #[test]
    fn members_are_structured_fields() {
        let hit = Handled { ttl_s: Some(376), ..Handled::default() };
        assert_eq!(text(&hit, None), "weir; hit; ttl=376");
        let miss = Handled {
            forward: Some(Forward::UriMiss),
            forward_status: Some(304),
            stored: true,
            collapsed: true,
            detail: Some("private"),
            ..Handled::default()
        };
        assert_eq!(
            text(&miss, Some(b"a\"\xff")),
            "weir; fwd=uri-miss; fwd-status=304; stored; collapsed; key=\"a\\\"?\"; detail=private"
        );
        for handled in [hit, miss] {
            let text = text(&handled, Some(b"http://a/\\\x01"));
            let list: sfv::List = sfv::Parser::new(text.as_bytes()).parse().unwrap();
            assert_eq!(list.len(), 1, "{text}");
        }
    }
}
