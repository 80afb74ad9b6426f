//! Finds out why a head was not understood. Cold: it runs only for heads that are refused anyway.

use crate::Refusal;
use crate::limits::NAME_BYTES_MAX;
use crate::method::METHOD_BYTES_MAX;
use crate::octets::{is_target, is_token, is_token_text, is_value};

/// What the first line of a head should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartLine {
    /// A request line.
    Request,
    /// A status line.
    Status,
}

/// The first fault of a head, from its top. A fault that this does not know is put down to the
/// first line.
#[cold]
pub(crate) fn diagnose(head: &[u8], start_line: StartLine) -> Refusal {
    let mut rest = head;
    let mut in_fields = false;
    while !rest.is_empty() {
        let line = match next_line(&mut rest) {
            Ok(line) => line,
            Err(refusal) => return refusal,
        };
        let fault = match (in_fields, line) {
            (false, []) => None,
            (true, []) => break,
            (false, _) => first_line(line, start_line),
            (true, _) => field_line(line),
        };
        if let Some(refusal) = fault {
            return refusal;
        }
        in_fields |= !line.is_empty();
    }
    match start_line {
        StartLine::Request => Refusal::BadRequestLine,
        StartLine::Status => Refusal::BadStatusLine,
    }
}

/// Takes the next line off `rest`, without its CR LF.
fn next_line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Refusal> {
    let end = memchr::memchr(b'\n', rest).ok_or(Refusal::Truncated)?;
    let (line, after) = rest.split_at_checked(end).ok_or(Refusal::Truncated)?;
    *rest = after.get(1..).unwrap_or_default();
    let [text @ .., b'\r'] = line else { return Err(Refusal::BareLf) };
    if text.contains(&b'\r') { Err(Refusal::BareCr) } else { Ok(text) }
}

fn first_line(line: &[u8], start_line: StartLine) -> Option<Refusal> {
    match start_line {
        StartLine::Request => request_line(line),
        StartLine::Status => status_line(line),
    }
}

fn request_line(line: &[u8]) -> Option<Refusal> {
    let mut parts = line.split(|octet| *octet == b' ');
    let (method, target, version) = (parts.next()?, parts.next(), parts.next());
    if !is_token_text(method) {
        return Some(Refusal::BadRequestLine);
    }
    if method.len() > METHOD_BYTES_MAX {
        return Some(Refusal::MethodTooLong);
    }
    let (Some(target), Some(version), None) = (target, version, parts.next()) else {
        return Some(Refusal::BadRequestLine);
    };
    if target.is_empty() {
        return Some(Refusal::BadRequestLine);
    }
    if !target.iter().all(|octet| is_target(*octet)) {
        return Some(Refusal::BadTarget);
    }
    version_fault(version)
}

fn status_line(line: &[u8]) -> Option<Refusal> {
    let version_len = memchr::memchr(b' ', line).unwrap_or(line.len());
    let (version, rest) = line.split_at_checked(version_len)?;
    if !version.starts_with(b"HTTP/") {
        return Some(Refusal::BadStatusLine);
    }
    version_fault(version).or_else(|| match rest {
        [b' ', a, b, c] | [b' ', a, b, c, b' ', ..]
            if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            None
        }
        _ => Some(Refusal::BadStatusLine),
    })
}

fn version_fault(version: &[u8]) -> Option<Refusal> {
    match version {
        b"HTTP/1.0" | b"HTTP/1.1" => None,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Some(Refusal::UnsupportedVersion)
        }
        _ => Some(Refusal::BadVersion),
    }
}

/// The fault of a field line, as also a trailer has it; `None` for a good line.
pub(crate) fn field_line(line: &[u8]) -> Option<Refusal> {
    if let [b' ' | b'\t', ..] = line {
        return Some(Refusal::ObsFold);
    }
    let Some(colon) = memchr::memchr(b':', line) else { return Some(Refusal::BadHeaderName) };
    let (name, value) = line.split_at_checked(colon)?;
    match name {
        [] => Some(Refusal::EmptyHeaderName),
        [text @ .., b' ' | b'\t'] if is_token_text(crate::octets::trim(text)) => {
            Some(Refusal::SpaceBeforeColon)
        }
        _ if !name.iter().all(|octet| is_token(*octet)) => Some(Refusal::BadHeaderName),
        _ if name.len() > NAME_BYTES_MAX => Some(Refusal::HeaderNameTooLong),
        _ if !value.iter().all(|octet| is_value(*octet)) => Some(Refusal::BadHeaderValue),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_counts() {
        for (head, refusal) in [
            ("GET / HTTP/1.1\r\n : x\r\n\r\n", Refusal::ObsFold),
            ("GET / HTTP/1.1\r\n: x\r\n : y\r\n\r\n", Refusal::EmptyHeaderName),
            ("GET / HTTP/1.1\r\nA : x\r\n\r\n", Refusal::SpaceBeforeColon),
            ("GET / HTTP/1.1\r\nA B: x\r\n\r\n", Refusal::BadHeaderName),
            ("GET / HTTP/1.1\r\nA\r\n\r\n", Refusal::BadHeaderName),
            ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", Refusal::BadHeaderValue),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", Refusal::BareCr),
            ("GET / HTTP/1.1\r\nA: b\nc\r\n\r\n", Refusal::BareLf),
            ("GET  / HTTP/1.1\r\n\r\n", Refusal::BadRequestLine),
            ("GET /\r\n\r\n", Refusal::BadRequestLine),
            ("G(T / HTTP/1.1\r\n\r\n", Refusal::BadRequestLine),
            ("GET /\u{7f} HTTP/1.1\r\n\r\n", Refusal::BadTarget),
            ("GET / HTTP/1.2\r\n\r\n", Refusal::UnsupportedVersion),
            ("GET / HTTP/1\r\n\r\n", Refusal::BadVersion),
            ("GET / http/1.1\r\n\r\n", Refusal::BadVersion),
            ("GET / HTTP/1.1", Refusal::Truncated),
        ] {
            assert_eq!(diagnose(head.as_bytes(), StartLine::Request), refusal, "{head:?}");
        }
    }

    #[test]
    fn status_lines() {
        for (head, refusal) in [
            ("HTTP/2.0 200\r\n\r\n", Refusal::UnsupportedVersion),
            ("HTTP/1.10 200\r\n\r\n", Refusal::BadVersion),
            ("HTTP/1.1 20\r\n\r\n", Refusal::BadStatusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", Refusal::BadStatusLine),
            ("HTTP/1.1  200 OK\r\n\r\n", Refusal::BadStatusLine),
            ("ICY 200 OK\r\n\r\n", Refusal::BadStatusLine),
        ] {
            assert_eq!(diagnose(head.as_bytes(), StartLine::Status), refusal, "{head:?}");
        }
    }
}
