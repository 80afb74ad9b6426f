//! Fields by which some origins are told of another host, scheme, path or method than the
//! request's own. Nothing of them is in a URL, so that an answer to a request with one could
//! become everybody's.

use http1::{Headers, Known};

/// Their names in lower case.
const NAMES: [&str; 17] = [
    "front-end-https",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-url-scheme",
];

/// Those that a request has: name, in lower case, and value.
pub fn overrides(headers: &Headers) -> impl Iterator<Item = (&'static str, &[u8])> {
    headers.iter().filter_map(|field| {
        if field.known != Known::Other || !matches!(field.name, [b'x' | b'X' | b'f' | b'F', ..]) {
            return None;
        }
        let is_one = |name: &&&str| field.name.eq_ignore_ascii_case(name.as_bytes());
        NAMES.iter().find(is_one).map(|name| (*name, field.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_by_name() {
        let mut headers = Headers::new();
        headers.push(b"X-Original-URL", b"/admin");
        headers.push(b"X-Forwarded-For", b"1.2.3.4");
        headers.push(b"X-Fine", b"1");
        headers.push(b"FRONT-END-HTTPS", b"on");
        let found: Vec<_> = overrides(&headers).collect();
        assert_eq!(found, [("x-original-url", &b"/admin"[..]), ("front-end-https", &b"on"[..])]);
    }

    #[test]
    fn none_is_a_name_that_the_proxy_writes_itself() {
        for name in NAMES {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
}
