//! gRPC where a proxy has to know of it: its deadlines, and errors in the form that it reads.
//!
//! Everything else about it is HTTP/2 with trailers.

use std::time::Duration;

use http1::{Headers, Known, RequestHead};

use crate::fault::{Fault, Kind};

/// Codes of the status that clients of gRPC read.
mod code {
    pub(super) const UNKNOWN: u8 = 2;
    pub(super) const DEADLINE_EXCEEDED: u8 = 4;
    pub(super) const PERMISSION_DENIED: u8 = 7;
    pub(super) const RESOURCE_EXHAUSTED: u8 = 8;
    pub(super) const UNIMPLEMENTED: u8 = 12;
    pub(super) const INTERNAL: u8 = 13;
    pub(super) const UNAVAILABLE: u8 = 14;
    pub(super) const UNAUTHENTICATED: u8 = 16;
}

/// Whether a message is gRPC or gRPC-Web.
#[must_use]
pub fn is_grpc(headers: &Headers) -> bool {
    let media = headers.value(Known::ContentType).unwrap_or_default();
    let (name, rest) = media.split_at_checked(b"application/grpc".len()).unwrap_or_default();
    let ends = matches!(rest.first(), None | Some(b'+' | b';' | b'-' | b' '));
    name.eq_ignore_ascii_case(b"application/grpc") && ends
}

/// How long the client will wait for a call, where it says so.
#[must_use]
pub fn deadline(request: &RequestHead) -> Option<Duration> {
    if !is_grpc(&request.headers) {
        return None;
    }
    let value = request.headers.values_named(b"grpc-timeout").next()?;
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let amount: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// The status code of gRPC that a fault of ours is told as.
#[must_use]
pub fn status(fault: Fault) -> u8 {
    match (fault.kind, fault.status()) {
        (Kind::TotalTimeout | Kind::HttpResponseTimeout, _) => code::DEADLINE_EXCEEDED,
        (Kind::BodyTooLarge, _) => code::RESOURCE_EXHAUSTED,
        (_, 400) => code::INTERNAL,
        (_, 401) => code::UNAUTHENTICATED,
        (_, 403) => code::PERMISSION_DENIED,
        (_, 404) => code::UNIMPLEMENTED,
        (_, 429 | 502 | 503 | 504) => code::UNAVAILABLE,
        _ => code::UNKNOWN,
    }
}

/// The fields of an answer that has nothing but a status.
pub fn write_status(fault: Fault, headers: &mut Headers) {
    headers.push(b"grpc-status", status(fault).to_string().as_bytes());
    headers.push(b"grpc-message", &escape(fault.detail()));
}

/// Percent-encodes what is not printable ASCII.
fn escape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        for (name, value) in fields {
            head.headers.push(name.as_bytes(), value.as_bytes());
        }
        head
    }

    #[test]
    fn media_types() {
        for (media, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC;x=y", true),
            ("application/grpc-web-text", true),
            ("application/grpcx", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_grpc(&request(&[("content-type", media)]).headers), grpc, "{media}");
        }
    }

    #[test]
    fn deadlines() {
        let deadline = |text| {
            deadline(&request(&[("content-type", "application/grpc"), ("grpc-timeout", text)]))
        };
        assert_eq!(deadline("10S"), Some(Duration::from_secs(10)));
        assert_eq!(deadline("250m"), Some(Duration::from_millis(250)));
        assert_eq!(deadline("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "10", "10x", "-1S", "999999999S"] {
            assert_eq!(deadline(bad), None, "{bad}");
        }
        assert_eq!(super::deadline(&request(&[("grpc-timeout", "1S")])), None);
    }

    #[test]
    fn statuses() {
        assert_eq!(status(Fault::proxy(Kind::TotalTimeout)), 4);
        assert_eq!(status(Fault::client(Kind::NoRoute)), 12);
        assert_eq!(status(Fault::proxy(Kind::DestinationUnavailable)), 14);
        assert_eq!(escape("a%b\n"), b"a%25b%0A");
    }
}
