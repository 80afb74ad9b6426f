//! The field names that Weir itself looks at, as small integers.

/// A field name that the proxy acts on; every other name is [`Known::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Known {
    /// Any name not listed here.
    Other,
    /// `Accept`
    Accept,
    /// `Age`
    Age,
    /// `Authorization`
    Authorization,
    /// `Cache-Control`
    CacheControl,
    /// `Connection`
    Connection,
    /// `Content-Encoding`
    ContentEncoding,
    /// `Content-Length`
    ContentLength,
    /// `Content-Type`
    ContentType,
    /// `Cookie`
    Cookie,
    /// `Date`
    Date,
    /// `ETag`
    Etag,
    /// `Expect`
    Expect,
    /// `Forwarded`
    Forwarded,
    /// `Host`
    Host,
    /// `HTTP2-Settings`
    Http2Settings,
    /// `Keep-Alive`
    KeepAlive,
    /// `Location`
    Location,
    /// `Max-Forwards`
    MaxForwards,
    /// `Proxy-Authenticate`
    ProxyAuthenticate,
    /// `Proxy-Authorization`
    ProxyAuthorization,
    /// `Proxy-Connection`
    ProxyConnection,
    /// `Proxy-Status`
    ProxyStatus,
    /// `Range`
    Range,
    /// `Referer`
    Referer,
    /// `Retry-After`
    RetryAfter,
    /// `Server`
    Server,
    /// `Set-Cookie`
    SetCookie,
    /// `TE`
    Te,
    /// `Trailer`
    Trailer,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `User-Agent`
    UserAgent,
    /// `Vary`
    Vary,
    /// `Via`
    Via,
    /// `X-Forwarded-For`
    XForwardedFor,
    /// `X-Forwarded-Host`
    XForwardedHost,
    /// `X-Forwarded-Proto`
    XForwardedProto,
    /// `X-Request-Id`
    XRequestId,
}

/// Every known name in its canonical spelling, in the order of the enum (without `Other`).
const NAMES: [(&str, Known); 38] = [
    ("Accept", Known::Accept),
    ("Age", Known::Age),
    ("Authorization", Known::Authorization),
    ("Cache-Control", Known::CacheControl),
    ("Connection", Known::Connection),
    ("Content-Encoding", Known::ContentEncoding),
    ("Content-Length", Known::ContentLength),
    ("Content-Type", Known::ContentType),
    ("Cookie", Known::Cookie),
    ("Date", Known::Date),
    ("ETag", Known::Etag),
    ("Expect", Known::Expect),
    ("Forwarded", Known::Forwarded),
    ("Host", Known::Host),
    ("HTTP2-Settings", Known::Http2Settings),
    ("Keep-Alive", Known::KeepAlive),
    ("Location", Known::Location),
    ("Max-Forwards", Known::MaxForwards),
    ("Proxy-Authenticate", Known::ProxyAuthenticate),
    ("Proxy-Authorization", Known::ProxyAuthorization),
    ("Proxy-Connection", Known::ProxyConnection),
    ("Proxy-Status", Known::ProxyStatus),
    ("Range", Known::Range),
    ("Referer", Known::Referer),
    ("Retry-After", Known::RetryAfter),
    ("Server", Known::Server),
    ("Set-Cookie", Known::SetCookie),
    ("TE", Known::Te),
    ("Trailer", Known::Trailer),
    ("Transfer-Encoding", Known::TransferEncoding),
    ("Upgrade", Known::Upgrade),
    ("User-Agent", Known::UserAgent),
    ("Vary", Known::Vary),
    ("Via", Known::Via),
    ("X-Forwarded-For", Known::XForwardedFor),
    ("X-Forwarded-Host", Known::XForwardedHost),
    ("X-Forwarded-Proto", Known::XForwardedProto),
    ("X-Request-Id", Known::XRequestId),
];

const LONGEST: usize = 19;

/// For each name length, the slice of `BY_LENGTH` that holds the names of that length.
const fn spans() -> [(u8, u8); LONGEST + 1] {
    let mut spans = [(0, 0); LONGEST + 1];
    let (mut length, mut at) = (0, 0);
    while length <= LONGEST {
        let start = at;
        let mut index = 0;
        while index < NAMES.len() {
            if NAMES[index].0.len() == length {
                at += 1;
            }
            index += 1;
        }
        spans[length] = (start, at);
        length += 1;
    }
    spans
}

/// The names sorted by length, so that a look-up compares with a few candidates only.
const fn by_length() -> [(&'static str, Known); NAMES.len()] {
    let mut sorted = [("", Known::Other); NAMES.len()];
    let (mut length, mut at) = (0, 0);
    while length <= LONGEST {
        let mut index = 0;
        while index < NAMES.len() {
            if NAMES[index].0.len() == length {
                sorted[at] = NAMES[index];
                at += 1;
            }
            index += 1;
        }
        length += 1;
    }
    sorted
}

static SPANS: [(u8, u8); LONGEST + 1] = spans();
static BY_LENGTH: [(&str, Known); NAMES.len()] = by_length();

impl Known {
    /// Finds the small integer of a field name, whatever its case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let Some(&(start, end)) = SPANS.get(name.len()) else { return Self::Other };
        BY_LENGTH
            .get(usize::from(start)..usize::from(end))
            .unwrap_or_default()
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
            .map_or(Self::Other, |&(_, known)| known)
    }

    /// The canonical spelling; empty for [`Known::Other`].
    #[must_use]
    pub fn name(self) -> &'static str {
        (self as usize).checked_sub(1).and_then(|index| NAMES.get(index)).map_or("", |name| name.0)
    }

    /// One bit of a set of names, for [`crate::Headers::contains`].
    pub(crate) fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (index, (name, known)) in NAMES.iter().enumerate() {
            assert_eq!(*known as usize, index + 1, "{name} stands at its enum position");
            assert_eq!(known.name(), *name);
            assert_eq!(Known::of(name.as_bytes()), *known);
            assert_eq!(Known::of(name.to_ascii_uppercase().as_bytes()), *known);
            assert_eq!(Known::of(name.to_ascii_lowercase().as_bytes()), *known);
        }
    }

    #[test]
    fn other_names_are_other() {
        for name in ["", "X", "Hosts", "Content-Lengt", "Content-Length-Of-A-Long-Name"] {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
        }
    }
}
