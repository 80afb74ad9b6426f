//! Fields by which an origin can be made to take a request for another one.
//!
//! Many frameworks read the method, the path or the host of a request from fields like these. Who
//! sends one gets an answer to what the key does not show, and may not leave it there for others.

use http1::headers::Field;
use http1::{Headers, Known};

use crate::members;

/// The fields that are known to do so, beside those that a proxy writes itself.
const STEERING: [&str; 24] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-original-host",
    "x-http-host-override",
    "x-host",
    "x-forwarded-server",
    "x-forwarded-scheme",
    "x-forwarded-protocol",
    "x-forwarded-ssl",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-scheme",
    "x-url-scheme",
    "front-end-https",
    // Between the parts of Next.js.
    "x-matched-path",
    "x-now-route-matches",
    "x-invoke-path",
    "x-invoke-status",
    "x-middleware-prefetch",
];

/// The fields of a request that steer it.
pub fn steering(request: &Headers) -> impl Iterator<Item = Field<'_>> {
    let steers = |name: &[u8]| STEERING.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()));
    request.iter().filter(move |field| {
        let may_be = matches!(field.name, [b'x' | b'X' | b'f' | b'F', ..]);
        field.known == Known::Other && may_be && steers(field.name)
    })
}

/// Whether a response says by its `Vary` that it knows of a field.
#[must_use]
pub fn is_told_by(response: &Headers, name: &[u8]) -> bool {
    let mut names = response.values(Known::Vary).flat_map(members::split);
    names.any(|told| told.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_steer_are_found_in_any_case() {
        let mut request = Headers::new();
        for name in ["Host", "X-Other", "X-HTTP-Method-Override", "x-rewrite-URL", "xx-host"] {
            request.push(name.as_bytes(), b"x");
        }
        let found: Vec<_> = steering(&request).map(|field| field.name).collect();
        assert_eq!(found, [&b"X-HTTP-Method-Override"[..], b"x-rewrite-URL"]);
    }

    #[test]
    fn none_is_a_name_that_the_proxy_writes_itself() {
        for name in STEERING {
            assert_eq!(Known::of(name.as_bytes()), Known::Other, "{name}");
            assert!(name.starts_with(['x', 'f']) && name == name.to_ascii_lowercase(), "{name}");
        }
    }

    #[test]
    fn a_response_may_know_of_them() {
        let mut response = Headers::new();
        response.push(b"Vary", b"Accept, x-HOST");
        assert!(is_told_by(&response, b"X-Host"));
        assert!(!is_told_by(&response, b"X-Original-URL"));
    }
}
