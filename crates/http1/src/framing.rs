//! How long a body is, and whether a connection lives on. Nothing else in Weir decides this.
//!
//! What RFC 9112 §6.3 lets a recipient mend is refused here instead, because the peer on the other
//! side of a repaired message may have mended it differently.

use crate::octets::{is_token_text, trim};
use crate::{Headers, Known, Method, Refusal, RequestHead, ResponseHead, Version};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// So many bytes follow; `Exact(0)` is a body that was announced as empty.
    Exact(u64),
    /// Chunks follow (RFC 9112 §7.1).
    Chunked,
    /// Everything until the connection closes; responses only.
    UntilClose,
}

/// The length of a request body.
///
/// # Errors
/// Framing that is malformed or could be read in two ways, and codings other than chunked.
pub fn request_length(head: &RequestHead) -> Result<BodyLength, Refusal> {
    Ok(match announced(head.version, &head.headers)? {
        Some(length) => length,
        None => BodyLength::None,
    })
}

/// The length of the body of a response to a request with this method.
///
/// # Errors
/// Framing that is malformed or could be read in two ways, codings other than chunked, and a body
/// announced by a 1xx or 204, which cannot have one: its bytes would be read as the next response.
pub fn response_length(method: Method, head: &ResponseHead) -> Result<BodyLength, Refusal> {
    if method == Method::Connect && (200..300).contains(&head.status) {
        return Ok(BodyLength::None);
    }
    let announced = announced(head.version, &head.headers)?;
    match head.status {
        100..=199 | 204 => match announced {
            None | Some(BodyLength::Exact(0)) => Ok(BodyLength::None),
            Some(_) => Err(Refusal::UnexpectedBody),
        },
        304 => Ok(BodyLength::None),
        _ if method == Method::Head => Ok(BodyLength::None),
        _ => Ok(announced.unwrap_or(BodyLength::UntilClose)),
    }
}

/// What the fields say about the length of the body, if they say anything.
fn announced(version: Version, headers: &Headers) -> Result<Option<BodyLength>, Refusal> {
    if !headers.contains(Known::TransferEncoding) {
        return Ok(content_length(headers)?.map(BodyLength::Exact));
    }
    if headers.contains(Known::ContentLength) {
        return Err(Refusal::LengthAndCoding);
    }
    if version == Version::Http10 {
        return Err(Refusal::CodingInHttp10);
    }
    check_codings(headers)?;
    Ok(Some(BodyLength::Chunked))
}

/// Accepts one `chunked` and nothing else.
fn check_codings(headers: &Headers) -> Result<(), Refusal> {
    let mut chunked = 0;
    let mut unknown = false;
    let mut chunked_last = false;
    let lists = headers.values(Known::TransferEncoding);
    for coding in lists.flat_map(|value| value.split(|octet| *octet == b',')).map(trim) {
        if !is_token_text(coding) {
            return Err(Refusal::BadCoding);
        }
        chunked_last = coding.eq_ignore_ascii_case(b"chunked");
        chunked += u32::from(chunked_last);
        unknown |= !chunked_last;
    }
    match (chunked, unknown) {
        (1, false) => Ok(()),
        (0, _) => Err(Refusal::UnknownCoding),
        (1, true) if chunked_last => Err(Refusal::UnknownCoding),
        (1, true) => Err(Refusal::ChunkedNotFinal),
        _ => Err(Refusal::RepeatedCoding),
    }
}

/// The value of `Content-Length`, if there is one.
///
/// # Errors
/// Anything but one plain decimal number without leading zeros. Equal repetitions, which RFC 9110
/// §8.6 allows to be merged, are refused too.
pub fn content_length(headers: &Headers) -> Result<Option<u64>, Refusal> {
    let mut values = headers.values(Known::ContentLength);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.contains(&b',') {
        return Err(Refusal::RepeatedContentLength);
    }
    decimal(value).map(Some).ok_or(Refusal::BadContentLength)
}

fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || (text.starts_with(b"0") && text.len() > 1) {
        return None;
    }
    text.iter().try_fold(0_u64, |number, octet| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Whether the sender keeps the connection open after this message (RFC 9112 §9.3).
#[must_use]
pub fn persists(version: Version, headers: &Headers) -> bool {
    let names = |name: &[u8]| connection_names(headers).any(|own| own.eq_ignore_ascii_case(name));
    match version {
        Version::Http10 => names(b"keep-alive") && !names(b"close"),
        Version::Http11 => !names(b"close"),
        Version::Http2 => true,
    }
}

/// The names in all `Connection` fields. Those that are names of fields go no further than here
/// (RFC 9110 §7.6.1).
pub fn connection_names(headers: &Headers) -> impl Iterator<Item = &[u8]> + Clone {
    let lists = headers.values(Known::Connection);
    lists
        .flat_map(|value| value.split(|octet| *octet == b','))
        .map(trim)
        .filter(|name| !name.is_empty())
}

/// Whether the message asks for another protocol or grants it: an `Upgrade` that `Connection`
/// names (RFC 9110 §7.8).
#[must_use]
pub fn is_upgrade(headers: &Headers) -> bool {
    headers.contains(Known::Upgrade)
        && connection_names(headers).any(|name| name.eq_ignore_ascii_case(b"upgrade"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn request(version: Version, fields: &[(&str, &str)]) -> Result<BodyLength, Refusal> {
        request_length(&RequestHead { version, headers: headers(fields), ..Default::default() })
    }

    fn response(
        method: Method,
        status: u16,
        fields: &[(&str, &str)],
    ) -> Result<BodyLength, Refusal> {
        let head = ResponseHead { status, headers: headers(fields), ..Default::default() };
        response_length(method, &head)
    }

    #[test]
    fn lengths() {
        for (value, outcome) in [
            ("0", Ok(0)),
            ("42", Ok(42)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(Refusal::BadContentLength)),
            ("", Err(Refusal::BadContentLength)),
            ("+1", Err(Refusal::BadContentLength)),
            ("-1", Err(Refusal::BadContentLength)),
            ("1 2", Err(Refusal::BadContentLength)),
            ("0x1", Err(Refusal::BadContentLength)),
            ("1e1", Err(Refusal::BadContentLength)),
            ("007", Err(Refusal::BadContentLength)),
            ("1.0", Err(Refusal::BadContentLength)),
            ("5, 5", Err(Refusal::RepeatedContentLength)),
            ("5,", Err(Refusal::RepeatedContentLength)),
        ] {
            let found = request(Version::Http11, &[("Content-Length", value)]);
            assert_eq!(found, outcome.map(BodyLength::Exact), "{value}");
        }
        let twice = [("Content-Length", "5"), ("content-length", "5")];
        assert_eq!(request(Version::Http11, &twice), Err(Refusal::RepeatedContentLength));
        assert_eq!(request(Version::Http11, &[]), Ok(BodyLength::None));
    }

    #[test]
    fn codings() {
        for (values, outcome) in [
            (&["chunked"][..], Ok(BodyLength::Chunked)),
            (&["CHUNKED"], Ok(BodyLength::Chunked)),
            (&["gzip"], Err(Refusal::UnknownCoding)),
            (&["identity"], Err(Refusal::UnknownCoding)),
            (&["xchunked"], Err(Refusal::UnknownCoding)),
            (&["gzip, chunked"], Err(Refusal::UnknownCoding)),
            (&["gzip", "chunked"], Err(Refusal::UnknownCoding)),
            (&["chunked, identity"], Err(Refusal::ChunkedNotFinal)),
            (&["chunked", "gzip"], Err(Refusal::ChunkedNotFinal)),
            (&["chunked, chunked"], Err(Refusal::RepeatedCoding)),
            (&["chunked", "chunked"], Err(Refusal::RepeatedCoding)),
            (&[""], Err(Refusal::BadCoding)),
            (&["", "chunked"], Err(Refusal::BadCoding)),
            (&[", chunked"], Err(Refusal::BadCoding)),
            (&["chunked;q=1"], Err(Refusal::BadCoding)),
            (&["\"chunked\""], Err(Refusal::BadCoding)),
            (&["chun ked"], Err(Refusal::BadCoding)),
        ] {
            let fields: Vec<_> = values.iter().map(|value| ("Transfer-Encoding", *value)).collect();
            assert_eq!(request(Version::Http11, &fields), outcome, "{values:?}");
        }
        let both = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
        assert_eq!(request(Version::Http11, &both), Err(Refusal::LengthAndCoding));
        assert_eq!(response(Method::Get, 200, &both), Err(Refusal::LengthAndCoding));
        let old = request(Version::Http10, &[("Transfer-Encoding", "chunked")]);
        assert_eq!(old, Err(Refusal::CodingInHttp10));
    }

    #[test]
    fn responses_without_bodies() {
        let five = [("Content-Length", "5")];
        let chunked = [("Transfer-Encoding", "chunked")];
        for (method, status, fields, outcome) in [
            (Method::Get, 200, &five, Ok(BodyLength::Exact(5))),
            (Method::Get, 200, &chunked, Ok(BodyLength::Chunked)),
            (Method::Head, 200, &five, Ok(BodyLength::None)),
            (Method::Get, 304, &five, Ok(BodyLength::None)),
            (Method::Get, 204, &five, Err(Refusal::UnexpectedBody)),
            (Method::Get, 204, &chunked, Err(Refusal::UnexpectedBody)),
            (Method::Get, 103, &five, Err(Refusal::UnexpectedBody)),
            (Method::Get, 204, &[("Content-Length", "0")], Ok(BodyLength::None)),
            (Method::Get, 200, &[("Content-Length", "0")], Ok(BodyLength::Exact(0))),
            (Method::Connect, 200, &five, Ok(BodyLength::None)),
            (Method::Connect, 407, &five, Ok(BodyLength::Exact(5))),
        ] {
            assert_eq!(response(method, status, fields), outcome, "{method} {status}");
        }
        assert_eq!(response(Method::Get, 200, &[]), Ok(BodyLength::UntilClose));
        assert_eq!(response(Method::Get, 101, &[]), Ok(BodyLength::None));
    }

    #[test]
    fn connections() {
        let of = |value| headers(&[("Connection", value)]);
        assert!(persists(Version::Http11, &Headers::new()));
        assert!(!persists(Version::Http11, &of("foo , CLOSE")));
        assert!(!persists(Version::Http10, &Headers::new()));
        assert!(persists(Version::Http10, &of("Keep-Alive")));
        assert!(!persists(Version::Http10, &of("keep-alive, close")));
        let two = headers(&[("Connection", "a,, b"), ("connection", "\tc")]);
        assert_eq!(connection_names(&two).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn upgrades_need_both_fields() {
        let both = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket")];
        assert!(is_upgrade(&headers(&both)));
        assert!(!is_upgrade(&headers(&both[..1])));
        assert!(!is_upgrade(&headers(&both[1..])));
    }
}
