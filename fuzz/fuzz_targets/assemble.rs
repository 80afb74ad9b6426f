//! Heads that arrive in parts: what is accepted can be sent over HTTP/1.1 and is read there as it
//! was meant, with no field more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{
    Framing, HeadLimits, HeadScanner, Known, Method, Persistence, PseudoFields, RequestHead,
    TargetForm, request_head,
};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|octet| *octet == b'|');
    let mut next = || parts.next().unwrap_or_default();
    let (method, scheme, authority, path) = (next(), next(), next(), next());
    let pseudo = PseudoFields { method, scheme, authority, path };
    let fields = parts.map(|part| {
        let colon = part.iter().skip(1).position(|octet| *octet == b':').map(|at| at + 1);
        let (name, value) = part.split_at(colon.unwrap_or(part.len()));
        (name, value.get(1..).unwrap_or_default())
    });
    let limits = HeadLimits { head_bytes_max: 4000, headers_max: 50, uri_bytes_max: 200 };
    let mut head = RequestHead::default();
    if head.assemble(&pseudo, fields, &limits).is_ok() && head.method != Method::Connect {
        survives(&head);
    }
});

fn survives(head: &RequestHead) {
    let mut sent = head.clone();
    sent.headers.set_known(Known::Host, &head.authority);
    let mut wire = Vec::new();
    request_head(&mut wire, &sent, Framing::Absent, Persistence::Implied);
    let limits = HeadLimits { head_bytes_max: 1 << 20, headers_max: 512, uri_bytes_max: 1 << 16 };
    let end = HeadScanner::new_request().find_end(&wire, &limits);
    assert_eq!(end, Ok(Some(wire.len())), "one request and nothing behind it");
    let mut found = RequestHead::default();
    assert_eq!(found.parse(&wire, &limits), Ok(()));
    assert_eq!((found.method, &found.target), (head.method, &head.target));
    assert_eq!(found.authority, head.authority);
    assert_eq!(found.form == TargetForm::Asterisk, head.form == TargetForm::Asterisk);
    let framing =
        [Known::ContentLength, Known::TransferEncoding, Known::Connection, Known::Upgrade];
    assert!(framing.iter().all(|known| !found.headers.contains(*known)));
    assert!(found.headers.len() <= sent.headers.len());
}
