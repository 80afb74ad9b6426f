//! Which `host[:port]` is accepted, and when two of them name the same server.
//!
//! Narrower than RFC 9110 §7.2: percent-encoding and sub-delims are refused, because no name in
//! use has them and servers disagree about what they mean. So is a colon without a port.

use std::net::Ipv6Addr;

use crate::octets::is_host;

/// The longest name of a host, in bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 255;

/// Whether this is a host with an optional port: a name, an IPv4 address or an IPv6 literal in
/// brackets. User information, an empty host and an empty port are not accepted.
#[must_use]
pub fn is_authority(text: &[u8]) -> bool {
    split(text).is_some_and(|(host, port)| is_host_text(host) && port.is_none_or(is_port))
}

/// Whether host and port are there: the authority form of CONNECT (RFC 9112 §3.2.3).
pub(crate) fn is_host_and_port(text: &[u8]) -> bool {
    is_authority(text) && split(text).is_some_and(|(_, port)| port.is_some())
}

/// Whether two authorities name the same server: hosts without regard to case, and a port that
/// is the scheme's own may be left out.
pub(crate) fn is_same(one: &[u8], other: &[u8], default_port: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
        || without(one, default_port).eq_ignore_ascii_case(without(other, default_port))
}

fn without<'a>(authority: &'a [u8], default_port: &[u8]) -> &'a [u8] {
    match split(authority) {
        Some((host, Some(port))) if port == default_port => host,
        _ => authority,
    }
}

/// Splits at the colon before the port, if there is one.
fn split(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let host_len = match text {
        [b'[', ..] => memchr::memchr(b']', text)? + 1,
        _ => memchr::memchr(b':', text).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_len)?;
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] => Some((host, Some(port))),
        _ => None,
    }
}

fn is_host_text(host: &[u8]) -> bool {
    match host {
        [b'[', literal @ .., b']'] => {
            std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        name => {
            !name.is_empty()
                && name.len() <= HOST_BYTES_MAX
                && name.iter().all(|octet| is_host(*octet))
        }
    }
}

fn is_port(port: &[u8]) -> bool {
    let digits = !port.is_empty() && port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    digits && port.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')) <= 65_535
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_names_and_literals() {
        for good in ["a", "A-b.c_d~", "a:80", "1.2.3.4:65535", "[::1]", "[2001:db8::1]:0", "a."] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":",
            ":80",
            "a:",
            "a:65536",
            "a:000080",
            "a:+1",
            "a b",
            "a,b",
            "a/b",
            "u@a",
            "a#",
            "a?",
            "a:80:80",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[]",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
            "[v1.a]",
            "a%2eb",
            "é",
            "a\\b",
            "a]",
            "*",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
        assert!(is_authority(&[b'a'; 255]) && !is_authority(&[b'a'; 256]));
    }

    #[test]
    fn sameness_ignores_case_and_the_default_port() {
        assert!(is_same(b"Example.com", b"example.COM:80", b"80"));
        assert!(!is_same(b"example.com", b"example.com:80", b"443"));
        assert!(!is_same(b"example.com:8080", b"example.com", b"80"));
        assert!(is_same(b"[::1]:443", b"[::1]", b"443"));
    }
}
