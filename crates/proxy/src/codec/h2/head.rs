//! Heads between the h2 crate's types and ours.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http1::{
    BodyLength, HeadLimits, Headers, Known, PseudoFields, Refusal, RequestHead, ResponseHead,
    framing,
};

/// Bytes that a field counts beside its name and value (RFC 9113 §6.5.2).
const FIELD_OVERHEAD_BYTES: usize = 32;

/// Fields that describe one HTTP/1.1 connection: HTTP/2 has none of them (RFC 9113 §8.2.2).
const CONNECTION_FIELDS: [Known; 6] = [
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::ContentLength,
];

/// Reads a request's head; `ended` when no body follows.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(
    parts: &http::request::Parts,
    ended: bool,
    (head, limits): (&mut RequestHead, &HeadLimits),
) -> Result<BodyLength, Refusal> {
    // The crate has seen a scheme, and shows it only beside an authority.
    let scheme = parts.uri.scheme_str().unwrap_or("http");
    let authority = parts.uri.authority().map_or("", |authority| authority.as_str());
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let pseudo = PseudoFields {
        method: parts.method.as_str().as_bytes(),
        scheme: scheme.as_bytes(),
        authority: authority.as_bytes(),
        path: path.as_bytes(),
    };
    let fields =
        parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    head.assemble(&pseudo, fields, limits)?;
    body_length(&head.headers, ended)
}

/// The length of a body, which ends with its stream (RFC 9113 §8.1.1).
///
/// # Errors
/// When `Content-Length` is malformed.
pub(crate) fn body_length(headers: &Headers, ended: bool) -> Result<BodyLength, Refusal> {
    Ok(match framing::content_length(headers)? {
        Some(bytes) if ended && bytes > 0 => return Err(Refusal::Truncated),
        _ if ended => BodyLength::None,
        Some(bytes) => BodyLength::Exact(bytes),
        None => BodyLength::Chunked,
    })
}

/// Bytes of the fields as they are counted against limits, however few came over the wire.
pub(crate) fn expanded_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD_BYTES)
        .sum()
}

/// A response's head for the h2 crate. Connection fields stay here; the length is the one that we
/// know, not the one that came.
pub(super) fn response(head: &ResponseHead, length: Option<u64>) -> http::Response<()> {
    let mut response = http::Response::new(());
    if let Ok(status) = http::StatusCode::from_u16(head.status) {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    copy_fields(&head.headers, headers);
    if let Some(bytes) = length {
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    response
}

/// Copies the fields that HTTP/2 may carry.
pub(crate) fn copy_fields(from: &Headers, into: &mut HeaderMap) {
    into.reserve(from.len() + 1);
    for field in from.iter() {
        if field.known != Known::Other && CONNECTION_FIELDS.contains(&field.known) {
            continue;
        }
        let name = HeaderName::from_bytes(field.name);
        // A field that HTTP/2 cannot carry was not let in by the parser either.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) {
            into.append(name, value);
        }
    }
}

/// Trailer fields as ours. What must not be a trailer (RFC 9110 §6.5.1) is left out: the next to
/// read them may merge them into the head.
pub(crate) fn trailers(map: &HeaderMap) -> Headers {
    let mut headers = Headers::default();
    let kept = |name: &HeaderName| !http1::trailers::is_forbidden(name.as_str().as_bytes());
    for (name, value) in map.iter().filter(|(name, _)| kept(name)) {
        headers.push(name.as_str().as_bytes(), value.as_bytes());
    }
    headers
}

/// Trailer fields for the h2 crate.
pub(crate) fn trailer_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    copy_fields(headers, &mut map);
    map
}
