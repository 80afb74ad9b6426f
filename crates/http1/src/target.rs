//! Reads a request target: which form it has, and the origin form that it means.
//!
//! Visible ASCII is accepted but for `#`, and but for `\` in a path, which some origins take for a
//! slash. `"<>^{|}` and the grave accent are no part of the grammar (RFC 3986), but browsers send
//! some of them, and they have one reading only. Bytes above 0x7f are refused: servers decode
//! them differently, so the route that we match might not be the one that the origin sees.

use crate::authority::{is_authority, is_host_and_port};
use crate::octets::is_target;
use crate::{Method, Refusal, TargetForm};

/// A request target in parts, borrowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The form that was sent.
    pub(crate) form: TargetForm,
    /// The authority of the absolute form and of the authority form; else empty.
    pub(crate) authority: &'a [u8],
    /// The port that the scheme of the absolute form stands for; else empty.
    pub(crate) default_port: &'static [u8],
    /// The origin form. A path that the absolute form leaves out is missing here too.
    pub(crate) origin: &'a [u8],
}

/// Reads the target of a request with this method.
pub(crate) fn read<'a>(method: Method, text: &'a [u8]) -> Result<Target<'a>, Refusal> {
    let target = match (method, text) {
        (Method::Connect, _) if is_host_and_port(text) => {
            Target { form: TargetForm::Authority, authority: text, default_port: b"", origin: text }
        }
        (Method::Connect, _) => return Err(Refusal::BadTarget),
        (_, [b'/', ..]) => {
            Target { form: TargetForm::Origin, authority: b"", default_port: b"", origin: text }
        }
        (Method::Options, b"*") => {
            Target { form: TargetForm::Asterisk, authority: b"", default_port: b"", origin: text }
        }
        _ => absolute(text)?,
    };
    if target.form != TargetForm::Authority && !is_clean(target.origin) {
        return Err(Refusal::BadTarget);
    }
    Ok(target)
}

/// Reads `http://authority/path?query`. Other schemes are not ours to serve.
fn absolute(text: &[u8]) -> Result<Target<'_>, Refusal> {
    let (rest, default_port): (_, &'static [u8]) = match strip_scheme(text, b"http://") {
        Some(rest) => (rest, b"80"),
        None => (strip_scheme(text, b"https://").ok_or(Refusal::BadTarget)?, b"443"),
    };
    let end = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at_checked(end).ok_or(Refusal::BadTarget)?;
    if !is_authority(authority) {
        return Err(Refusal::BadTarget);
    }
    Ok(Target { form: TargetForm::Absolute, authority, default_port, origin })
}

fn strip_scheme<'a>(text: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Writes the origin form, with the path that the absolute form may leave out (RFC 9112 §3.2.1;
/// for OPTIONS that is `*`, RFC 9112 §3.2.4).
pub(crate) fn write_origin(out: &mut Vec<u8>, method: Method, target: &Target<'_>) {
    match target.origin {
        [] if method == Method::Options => out.push(b'*'),
        [] => out.push(b'/'),
        [b'?', ..] => {
            out.push(b'/');
            out.extend_from_slice(target.origin);
        }
        origin => out.extend_from_slice(origin),
    }
}

fn is_clean(origin: &[u8]) -> bool {
    if !origin.iter().all(|octet| is_target(*octet)) {
        return false;
    }
    memchr::memchr(b'\\', origin)
        .is_none_or(|at| memchr::memchr(b'?', origin).is_some_and(|query| query < at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(method: Method, text: &str) -> Option<(TargetForm, String)> {
        let target = read(method, text.as_bytes()).ok()?;
        let mut out = Vec::new();
        write_origin(&mut out, method, &target);
        Some((target.form, String::from_utf8(out).unwrap()))
    }

    #[test]
    fn the_four_forms() {
        use TargetForm::*;
        for (method, text, form, expected) in [
            (Method::Get, "/a?b", Origin, "/a?b"),
            (Method::Get, "//a", Origin, "//a"),
            (Method::Get, "http://h", Absolute, "/"),
            (Method::Get, "HTTP://h:81/a?b", Absolute, "/a?b"),
            (Method::Get, "https://h?b", Absolute, "/?b"),
            (Method::Options, "http://h", Absolute, "*"),
            (Method::Options, "http://h/", Absolute, "/"),
            (Method::Options, "*", Asterisk, "*"),
            (Method::Connect, "h:443", Authority, "h:443"),
        ] {
            assert_eq!(origin(method, text), Some((form, expected.into())), "{text}");
        }
    }

    #[test]
    fn forms_that_do_not_fit_are_refused() {
        for (method, text) in [
            (Method::Get, "*"),
            (Method::Get, "h:443"),
            (Method::Get, "a"),
            (Method::Get, "ftp://h/"),
            (Method::Get, "http:/h"),
            (Method::Get, "http://"),
            (Method::Get, "http:///a"),
            (Method::Get, "http://u@h/"),
            (Method::Connect, "/"),
            (Method::Connect, "h"),
            (Method::Connect, "http://h:80/"),
            (Method::Options, "**"),
        ] {
            assert_eq!(read(method, text.as_bytes()), Err(Refusal::BadTarget), "{text}");
        }
    }

    #[test]
    fn odd_octets() {
        assert!(origin(Method::Get, "/<>\"^`{|}%zz?\\").is_some());
        for text in ["/#", "/a\\b", "/a\\b?c", "/a b", "/\u{7f}", "/\u{e9}", "/\0", "http://h/#"] {
            assert_eq!(read(Method::Get, text.as_bytes()), Err(Refusal::BadTarget), "{text:?}");
        }
    }
}
