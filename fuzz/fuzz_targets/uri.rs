//! Request targets and hosts: what is accepted names one server and one path, and both survive
//! being sent on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{
    Framing, HeadLimits, Known, Persistence, RequestHead, TargetForm, host_of, is_authority,
    request_head,
};

fuzz_target!(|input: &[u8]| {
    let Some((method, input)) = input.split_first() else { return };
    let method = ["GET", "OPTIONS", "CONNECT"][usize::from(*method % 3)];
    let mut parts = input.splitn(2, |octet| *octet == b'\n');
    let (Some(target), Some(host)) = (parts.next(), parts.next()) else { return };
    hosts(host);
    let wire =
        [method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
    let mut head = RequestHead::default();
    if head.parse(&wire, &HeadLimits::default()).is_ok() {
        // The host may have brought fields of its own, but a second Host never passes.
        assert_eq!(head.headers.values(Known::Host).count(), 1);
        names_one_thing(&head);
        survives(&head);
    }
});

fn hosts(text: &[u8]) {
    if is_authority(text) {
        let host = host_of(text);
        assert!(!host.is_empty() && text.starts_with(host));
        assert!(text.iter().all(|octet| octet.is_ascii_graphic()));
        assert!(!text.iter().any(|octet| b"@/?#\\,%".contains(octet)));
        let port = text[host.len()..].strip_prefix(b":");
        assert!(port.is_none_or(|port| port.iter().all(u8::is_ascii_digit) && !port.is_empty()));
        assert_eq!(port.is_none(), text.len() == host.len());
    }
}

fn names_one_thing(head: &RequestHead) {
    assert!(is_authority(&head.authority));
    let method = head.method.as_str();
    match head.form {
        TargetForm::Asterisk => {
            assert_eq!((method, head.target.as_slice()), ("OPTIONS", &b"*"[..]))
        }
        TargetForm::Authority => assert_eq!((method, &head.target), ("CONNECT", &head.authority)),
        TargetForm::Origin => assert!(head.target.starts_with(b"/")),
        TargetForm::Absolute => assert!(head.target.starts_with(b"/") || method == "OPTIONS"),
    }
    let path = head.path();
    assert!(!path.contains(&b'\\') && !path.contains(&b'?'));
    let query = head.query().map_or(0, |query| query.len() + 1);
    assert_eq!(path.len() + query, head.target.len());
}

fn survives(head: &RequestHead) {
    let mut sent = head.clone();
    sent.headers.set_known(Known::Host, &head.authority);
    let mut wire = Vec::new();
    request_head(&mut wire, &sent, Framing::Absent, Persistence::Implied);
    let mut found = RequestHead::default();
    assert_eq!(found.parse(&wire, &HeadLimits::default()), Ok(()));
    assert_eq!((&found.target, &found.authority), (&head.target, &head.authority));
}
