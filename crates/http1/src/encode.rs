//! Writes heads and chunk framing.
//!
//! Framing and persistence come from the arguments and are never copied from the fields, so that
//! what one side said about them cannot reach the other.

use std::io::Write as _;

use crate::octets::{is_target, is_value};
use crate::{Field, Headers, Known, RequestHead, ResponseHead, Version};

/// What stands behind the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk of a body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// How the message will be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing is announced: no body, and no field that speaks of one.
    Absent,
    /// `Content-Length`, also with 0 and in answers to HEAD.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The body ends with the connection; nothing is announced.
    UntilClose,
}

/// What is said about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: what the version implies holds.
    Implied,
    /// `Connection: keep-alive`, for HTTP/1.0 clients.
    KeepAlive,
    /// `Connection: close`.
    Close,
    /// `Connection: upgrade`; only then the `Upgrade` field is copied.
    Upgrade,
}

/// Appends a request head in HTTP/1.1. The target goes out as it stands in `head`; octets that no
/// target may hold, as a rewrite can bring them in, are percent-encoded.
pub fn request_head(
    out: &mut Vec<u8>,
    head: &RequestHead,
    framing: Framing,
    persistence: Persistence,
) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    target(out, &head.target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    fields(out, &head.headers, persistence == Persistence::Upgrade);
    close_head(out, framing, persistence);
}

/// Appends a response head. `version` is that of the status line: HTTP/1.1 (RFC 9112 §2.3), or
/// HTTP/1.0 for clients known to need it; HTTP/2 is written as HTTP/1.1.
pub fn response_head(
    out: &mut Vec<u8>,
    version: Version,
    head: &ResponseHead,
    framing: Framing,
    persistence: Persistence,
) {
    status_line(out, version, head);
    fields(out, &head.headers, persistence == Persistence::Upgrade);
    close_head(out, framing, persistence);
}

/// Appends an interim response (1xx) other than 101.
pub fn interim_head(out: &mut Vec<u8>, head: &ResponseHead) {
    response_head(out, Version::Http11, head, Framing::Absent, Persistence::Implied);
}

fn status_line(out: &mut Vec<u8>, version: Version, head: &ResponseHead) {
    let start: &[u8] = if version == Version::Http10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " };
    out.extend_from_slice(start);
    out.extend_from_slice(itoa::Buffer::new().format(head.status).as_bytes());
    out.push(b' ');
    match head.reason.as_slice() {
        [] => out.extend_from_slice(reason(head.status).as_bytes()),
        own => reason_phrase(out, own),
    }
    out.extend_from_slice(b"\r\n");
}

fn target(out: &mut Vec<u8>, target: &[u8]) {
    // Without an early exit, so that it takes many octets at once.
    let odd = target
        .iter()
        .fold(false, |odd, octet| odd | (*octet <= b' ') | (*octet >= 0x7f) | (*octet == b'#'));
    if odd { encoded_target(out, target) } else { out.extend_from_slice(target) }
}

#[cold]
fn encoded_target(out: &mut Vec<u8>, target: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for octet in target {
        if is_target(*octet) {
            out.push(*octet);
        } else {
            let (high, low) = (octet >> 4, octet & 0xf);
            out.extend([b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
        }
    }
}

/// A parsed phrase holds nothing that ends a line. Should one that was made otherwise do so,
/// blanks keep the message in one piece.
fn reason_phrase(out: &mut Vec<u8>, phrase: &[u8]) {
    out.extend(phrase.iter().map(|octet| if is_value(*octet) { *octet } else { b' ' }));
}

fn fields(out: &mut Vec<u8>, headers: &Headers, upgrade: bool) {
    for field in headers.iter() {
        match field.known {
            Known::Connection
            | Known::ContentLength
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding => {}
            Known::Upgrade if !upgrade => {}
            _ => field_line(out, field),
        }
    }
}

fn field_line(out: &mut Vec<u8>, field: Field<'_>) {
    out.extend_from_slice(field.name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(field.value);
    out.extend_from_slice(b"\r\n");
}

fn close_head(out: &mut Vec<u8>, framing: Framing, persistence: Persistence) {
    match framing {
        Framing::Absent | Framing::UntilClose => {}
        Framing::Length(bytes) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(bytes).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(match persistence {
        Persistence::Implied => b"\r\n",
        Persistence::KeepAlive => b"Connection: keep-alive\r\n\r\n",
        Persistence::Close => b"Connection: close\r\n\r\n",
        Persistence::Upgrade => b"Connection: upgrade\r\n\r\n",
    });
}

/// Writes what stands before the data of a chunk. An empty chunk would end the body, so the
/// caller never asks for one.
pub fn chunk_prefix(scratch: &mut [u8; 20], len: usize) -> &[u8] {
    debug_assert!(len > 0, "an empty chunk ends the body");
    let mut free = scratch.as_mut_slice();
    // 16 digits and CR LF fit into 20 bytes; a short write cannot happen.
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = (len >> (place * 4)) & 0xf;
        let _ = free.write(b"0123456789abcdef".get(digit..=digit).unwrap_or_default());
    }
    let _ = free.write(CHUNK_END);
    let left = free.len();
    scratch.get(..20 - left).unwrap_or_default()
}

/// Appends the last chunk with these trailers.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&Headers>) {
    out.extend_from_slice(b"0\r\n");
    for field in trailers.into_iter().flat_map(Headers::iter) {
        field_line(out, field);
    }
    out.extend_from_slice(b"\r\n");
}

/// The reason phrase of a registered status code (IANA); empty for others.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400..=499 => client_error_reason(status),
        500..=599 => server_error_reason(status),
        _ => "",
    }
}

fn client_error_reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        _ => "",
    }
}

fn server_error_reason(status: u16) -> &'static str {
    match status {
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn noisy() -> Headers {
        headers(&[
            ("host", "h"),
            ("content-length", "9"),
            ("TRANSFER-ENCODING", "gzip"),
            ("Connection", "close, x"),
            ("Keep-Alive", "timeout=5"),
            ("proxy-connection", "a"),
            ("Upgrade", "websocket"),
            ("X", ""),
        ])
    }

    #[test]
    fn framing_is_made_and_not_copied() {
        let head = RequestHead {
            method: Method::Post,
            target: b"/a".to_vec(),
            headers: noisy(),
            ..Default::default()
        };
        for (framing, persistence, end) in [
            (Framing::Absent, Persistence::Implied, "\r\n"),
            (Framing::UntilClose, Persistence::Implied, "\r\n"),
            (
                Framing::Length(u64::MAX),
                Persistence::Close,
                "Content-Length: 18446744073709551615\r\nConnection: close\r\n\r\n",
            ),
            (
                Framing::Chunked,
                Persistence::KeepAlive,
                "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
            ),
        ] {
            let mut out = Vec::new();
            request_head(&mut out, &head, framing, persistence);
            let expected = format!("POST /a HTTP/1.1\r\nhost: h\r\nX: \r\n{end}");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn start_lines_stay_in_one_piece() {
        let target = b"/a b\r\nX: y#\x00\xff\x7f%20?c".to_vec();
        let mut out = Vec::new();
        let head = RequestHead { target, ..Default::default() };
        request_head(&mut out, &head, Framing::Absent, Persistence::Implied);
        assert_eq!(out, b"GET /a%20b%0D%0AX:%20y%23%00%FF%7F%20?c HTTP/1.1\r\n\r\n");
        out.clear();
        let reason = b"a\r\nX: y\xe9".to_vec();
        interim_head(&mut out, &ResponseHead { status: 102, reason, ..Default::default() });
        assert_eq!(out, b"HTTP/1.1 102 a  X: y\xe9\r\n\r\n");
    }

    #[test]
    fn upgrades_copy_their_field() {
        let head = ResponseHead { status: 101, headers: noisy(), ..Default::default() };
        let mut out = Vec::new();
        let version = Version::Http2;
        response_head(&mut out, version, &head, Framing::Absent, Persistence::Upgrade);
        let expected = "HTTP/1.1 101 Switching Protocols\r\nhost: h\r\nUpgrade: websocket\r\n\
                        X: \r\nConnection: upgrade\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn reasons() {
        let status_line_of = |status, reason: &[u8]| {
            let mut out = Vec::new();
            let head = ResponseHead { status, reason: reason.to_vec(), ..Default::default() };
            interim_head(&mut out, &head);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(status_line_of(103, b""), "HTTP/1.1 103 Early Hints\r\n\r\n");
        assert_eq!(status_line_of(103, b"Own"), "HTTP/1.1 103 Own\r\n\r\n");
        assert_eq!(status_line_of(599, b""), "HTTP/1.1 599 \r\n\r\n");
        for status in 0..=u16::MAX {
            assert!(reason(status).bytes().all(|octet| (b' '..=b'~').contains(&octet)));
        }
    }

    #[test]
    fn chunk_prefixes() {
        for len in [1, 9, 10, 15, 16, 255, 256, 65_536, usize::MAX] {
            let mut scratch = [0; 20];
            let prefix = chunk_prefix(&mut scratch, len);
            assert_eq!(prefix, format!("{len:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn last_chunks() {
        let mut out = Vec::new();
        last_chunk(&mut out, None);
        assert_eq!(out, LAST_CHUNK);
        out.clear();
        last_chunk(&mut out, Some(&headers(&[("A", "b")])));
        assert_eq!(out, b"0\r\nA: b\r\n\r\n");
    }
}
