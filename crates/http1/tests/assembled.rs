//! Heads that arrive in parts, over arbitrary and over nearly right input: what is accepted is read
//! back over HTTP/1.1 as one request with the same meaning.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use proptest::prelude::*;
use weir_http1::{
    Framing, HeadLimits, HeadScanner, Known, Method, Persistence, PseudoFields, RequestHead,
    request_head,
};

const LIMITS: HeadLimits =
    HeadLimits { head_bytes_max: 1 << 20, headers_max: 512, uri_bytes_max: 1 << 16 };

/// Text near what is allowed, with the octets that break HTTP/1.1 where they get through.
fn text(normal: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        20 => prop::sample::select(normal.as_bytes()),
        1 => prop::sample::select(&b"\r\n\0 :#?\t,@\x7f\xff"[..]),
    ];
    prop::collection::vec(octet, 0..12)
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    text("abc/?=%.").prop_map(|mut rest| {
        rest.insert(0, b'/');
        rest
    })
}

fn check(pseudo: &PseudoFields<'_>, fields: &[(Vec<u8>, Vec<u8>)]) -> bool {
    let mut head = RequestHead::default();
    let given = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    if head.assemble(pseudo, given, &LIMITS).is_err() || head.method == Method::Connect {
        return false;
    }
    let mut sent = head.clone();
    sent.headers.set_known(Known::Host, &head.authority);
    let mut wire = Vec::new();
    request_head(&mut wire, &sent, Framing::Absent, Persistence::Implied);
    assert_eq!(HeadScanner::new_request().find_end(&wire, &LIMITS), Ok(Some(wire.len())));
    let mut found = RequestHead::default();
    found.parse(&wire, &LIMITS).unwrap();
    assert_eq!((found.method, &found.target), (head.method, &head.target));
    assert_eq!(found.authority, head.authority);
    for known in [Known::ContentLength, Known::TransferEncoding, Known::Connection] {
        assert!(!found.headers.contains(known));
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_is_smuggled(
        method in text("GETPOST"),
        authority in text("abc.:1"),
        path in path(),
        fields in prop::collection::vec((text("abcx-"), text("abc ;=")), 0..6),
    ) {
        let (method, scheme) = (method.as_slice(), &b"https"[..]);
        check(&PseudoFields { method, scheme, authority: &authority, path: &path }, &fields);
    }

    #[test]
    fn what_is_right_is_taken(
        path in "/[a-z0-9/._-]{0,20}",
        host in "[a-z]{1,10}\\.example",
        fields in prop::collection::vec(("x-[a-z]{1,8}", "[a-zA-Z0-9=;]{1,12}"), 0..6),
    ) {
        let bytes = |text: String| text.into_bytes();
        let fields: Vec<_> =
            fields.into_iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        let (authority, path) = (host.as_bytes(), path.as_bytes());
        let pseudo = PseudoFields { method: b"GET", scheme: b"http", authority, path };
        prop_assert!(check(&pseudo, &fields));
    }
}
