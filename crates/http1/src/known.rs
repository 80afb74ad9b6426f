//! The field names that Weir itself looks at, as small integers.

/// A field name that the proxy acts on; every other name is [`Known::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Known {
    /// Any name not listed here.
    Other,
    /// `Accept`
    Accept,
    /// `Accept-Encoding`
    AcceptEncoding,
    /// `Accept-Language`
    AcceptLanguage,
    /// `Accept-Ranges`
    AcceptRanges,
    /// `Age`
    Age,
    /// `Authorization`
    Authorization,
    /// `Cache-Control`
    CacheControl,
    /// `Cache-Status`
    CacheStatus,
    /// `Cache-Tag`
    CacheTag,
    /// `CDN-Cache-Control`
    CdnCacheControl,
    /// `Client-Cert`
    ClientCert,
    /// `Client-Cert-Chain`
    ClientCertChain,
    /// `Connection`
    Connection,
    /// `Content-Encoding`
    ContentEncoding,
    /// `Content-Language`
    ContentLanguage,
    /// `Content-Length`
    ContentLength,
    /// `Content-Location`
    ContentLocation,
    /// `Content-Range`
    ContentRange,
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
    /// `Expires`
    Expires,
    /// `Forwarded`
    Forwarded,
    /// `Host`
    Host,
    /// `HTTP2-Settings`
    Http2Settings,
    /// `If-Match`
    IfMatch,
    /// `If-Modified-Since`
    IfModifiedSince,
    /// `If-None-Match`
    IfNoneMatch,
    /// `If-Range`
    IfRange,
    /// `If-Unmodified-Since`
    IfUnmodifiedSince,
    /// `Keep-Alive`
    KeepAlive,
    /// `Last-Modified`
    LastModified,
    /// `Location`
    Location,
    /// `Max-Forwards`
    MaxForwards,
    /// `No-Vary-Search`
    NoVarySearch,
    /// `Pragma`
    Pragma,
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
    /// `Surrogate-Control`
    SurrogateControl,
    /// `Surrogate-Key`
    SurrogateKey,
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
    /// `Weir-Cache-Control`
    WeirCacheControl,
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
const NAMES: [(&str, Known); 61] = [
    ("Accept", Known::Accept),
    ("Accept-Encoding", Known::AcceptEncoding),
    ("Accept-Language", Known::AcceptLanguage),
    ("Accept-Ranges", Known::AcceptRanges),
    ("Age", Known::Age),
    ("Authorization", Known::Authorization),
    ("Cache-Control", Known::CacheControl),
    ("Cache-Status", Known::CacheStatus),
    ("Cache-Tag", Known::CacheTag),
    ("CDN-Cache-Control", Known::CdnCacheControl),
    ("Client-Cert", Known::ClientCert),
    ("Client-Cert-Chain", Known::ClientCertChain),
    ("Connection", Known::Connection),
    ("Content-Encoding", Known::ContentEncoding),
    ("Content-Language", Known::ContentLanguage),
    ("Content-Length", Known::ContentLength),
    ("Content-Location", Known::ContentLocation),
    ("Content-Range", Known::ContentRange),
    ("Content-Type", Known::ContentType),
    ("Cookie", Known::Cookie),
    ("Date", Known::Date),
    ("ETag", Known::Etag),
    ("Expect", Known::Expect),
    ("Expires", Known::Expires),
    ("Forwarded", Known::Forwarded),
    ("Host", Known::Host),
    ("HTTP2-Settings", Known::Http2Settings),
    ("If-Match", Known::IfMatch),
    ("If-Modified-Since", Known::IfModifiedSince),
    ("If-None-Match", Known::IfNoneMatch),
    ("If-Range", Known::IfRange),
    ("If-Unmodified-Since", Known::IfUnmodifiedSince),
    ("Keep-Alive", Known::KeepAlive),
    ("Last-Modified", Known::LastModified),
    ("Location", Known::Location),
    ("Max-Forwards", Known::MaxForwards),
    ("No-Vary-Search", Known::NoVarySearch),
    ("Pragma", Known::Pragma),
    ("Proxy-Authenticate", Known::ProxyAuthenticate),
    ("Proxy-Authorization", Known::ProxyAuthorization),
    ("Proxy-Connection", Known::ProxyConnection),
    ("Proxy-Status", Known::ProxyStatus),
    ("Range", Known::Range),
    ("Referer", Known::Referer),
    ("Retry-After", Known::RetryAfter),
    ("Server", Known::Server),
    ("Set-Cookie", Known::SetCookie),
    ("Surrogate-Control", Known::SurrogateControl),
    ("Surrogate-Key", Known::SurrogateKey),
    ("TE", Known::Te),
    ("Trailer", Known::Trailer),
    ("Transfer-Encoding", Known::TransferEncoding),
    ("Upgrade", Known::Upgrade),
    ("User-Agent", Known::UserAgent),
    ("Vary", Known::Vary),
    ("Via", Known::Via),
    ("Weir-Cache-Control", Known::WeirCacheControl),
    ("X-Forwarded-For", Known::XForwardedFor),
    ("X-Forwarded-Host", Known::XForwardedHost),
    ("X-Forwarded-Proto", Known::XForwardedProto),
    ("X-Request-Id", Known::XRequestId),
];

/// Length, first and last octet of a name: no two known names share all three.
const fn key(name: &[u8]) -> u32 {
    match name {
        [] => 0,
        [only] => (*only | 0x20) as u32,
        [first, .., last] => {
            ((*first | 0x20) as u32) << 8 | ((*last | 0x20) as u32) << 16 | name.len() as u32 & 0xff
        }
    }
}

const fn slot(key: u32, factor: u32) -> usize {
    (key.wrapping_mul(factor) >> 24) as usize
}

/// For each slot one more than the position in `NAMES`, or 0; `None` when two names collide.
const fn slots(factor: u32) -> Option<[u8; 256]> {
    let mut slots = [0; 256];
    let mut index = 0;
    while index < NAMES.len() {
        let slot = slot(key(NAMES[index].0.as_bytes()), factor);
        if slots[slot] != 0 {
            return None;
        }
        index += 1;
        slots[slot] = index as u8;
    }
    Some(slots)
}

/// A factor without collisions, found by the compiler: a look-up compares with one name at most.
const fn perfect() -> (u32, [u8; 256]) {
    let mut factor: u32 = 0x9e37_79b1;
    loop {
        if let Some(slots) = slots(factor) {
            return (factor, slots);
        }
        factor = factor.wrapping_add(2);
    }
}

static PERFECT: (u32, [u8; 256]) = perfect();

/// A name in lower case, and the bit that tells the cases apart wherever it has a letter.
struct Folded {
    lower: [u8; LONGEST],
    case: [u8; LONGEST],
}

const LONGEST: usize = 19;

const fn folded() -> [Folded; NAMES.len()] {
    let mut all = [const { Folded { lower: [0; LONGEST], case: [0; LONGEST] } }; NAMES.len()];
    let mut index = 0;
    while index < NAMES.len() {
        let text = NAMES[index].0.as_bytes();
        let mut at = 0;
        while at < text.len() {
            all[index].lower[at] = text[at].to_ascii_lowercase();
            all[index].case[at] = if text[at].is_ascii_alphabetic() { 0x20 } else { 0 };
            at += 1;
        }
        index += 1;
    }
    all
}

static FOLDED: [Folded; NAMES.len()] = folded();

/// Compares a name with one of the same length, whatever its case, eight octets at a time.
fn is_same(name: &[u8], folded: &Folded, text: &str) -> bool {
    let Some(last) = name.len().checked_sub(8) else {
        return name.eq_ignore_ascii_case(text.as_bytes());
    };
    let at = |start| {
        let (own, case) = (word(name, start), word(&folded.case, start));
        own | case == word(&folded.lower, start)
    };
    at(0) && at(last) && (last <= 8 || at(8))
}

fn word(text: &[u8], start: usize) -> u64 {
    let octets = text.get(start..).and_then(<[u8]>::first_chunk);
    octets.map_or(0, |octets| u64::from_ne_bytes(*octets))
}

impl Known {
    /// Finds the small integer of a field name, whatever its case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let (factor, slots) = &PERFECT;
        let found = usize::from(slots[slot(key(name), *factor)]);
        let Some(index) = found.checked_sub(1) else { return Self::Other };
        match (NAMES.get(index), FOLDED.get(index)) {
            (Some((text, known)), Some(folded))
                if text.len() == name.len() && is_same(name, folded, text) =>
            {
                *known
            }
            _ => Self::Other,
        }
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
            for at in 0..name.len() {
                for bit in 0..8 {
                    let mut other = name.as_bytes().to_vec();
                    other[at] ^= 1 << bit;
                    let same = other.eq_ignore_ascii_case(name.as_bytes());
                    assert_eq!(Known::of(&other) == *known, same, "{}", other.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn other_names_are_other() {
        for name in
            ["", "X", "Ag", "Hosts", "Hoot", "Content-Lengt", "Content-Length-Of-A-Long-Name"]
        {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
        }
    }
}
