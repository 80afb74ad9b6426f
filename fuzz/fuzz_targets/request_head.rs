//! Request heads: cuts change nothing, what we accept `httparse` reads in the same way, and what
//! we would send on is read back as what we understood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{
    Framing, HeadLimits, HeadScanner, Known, Persistence, RequestHead, TargetForm, Version,
    is_authority, request_head, request_length,
};

fuzz_target!(|input: &[u8]| {
    let limits = HeadLimits { head_bytes_max: 2000, headers_max: 100, uri_bytes_max: 200 };
    let whole = HeadScanner::new_request().find_end(input, &limits);
    let mut scanner = HeadScanner::new_request();
    let trickled = (0..=input.len())
        .map(|end| scanner.find_end(&input[..end], &limits))
        .find(|outcome| *outcome != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(whole, trickled);
    let _ = RequestHead::default().parse(input, &limits);
    let Ok(Some(end)) = whole else { return };
    let mut head = RequestHead::default();
    if head.parse(&input[..end], &limits).is_ok() {
        agrees_with_httparse(&head, &input[..end]);
        is_clean(&head);
        survives(&head);
        let _ = request_length(&head);
    }
});

fn agrees_with_httparse(head: &RequestHead, bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut oracle = httparse::Request::new(&mut fields);
    assert_eq!(oracle.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
    assert_eq!(oracle.method, Some(head.method.as_str()));
    assert_eq!(oracle.version, Some(u8::from(head.version == Version::Http11)));
    let ours = head.headers.iter().map(|field| (field.name, field.value));
    assert!(ours.eq(oracle.headers.iter().map(|field| (field.name.as_bytes(), field.value))));
    if head.form != TargetForm::Absolute {
        assert_eq!(oracle.path.map(str::as_bytes), Some(head.target.as_slice()));
    }
}

fn is_clean(head: &RequestHead) {
    assert!(!head.target.is_empty());
    assert!(head.target.iter().all(|octet| octet.is_ascii_graphic() && *octet != b'#'));
    let anonymous = head.authority.is_empty() && head.version == Version::Http10;
    assert!(anonymous || is_authority(&head.authority));
    for field in head.headers.iter() {
        assert!(!field.name.is_empty());
        assert!(!field.value.iter().any(|octet| b"\r\n\0".contains(octet)));
    }
}

fn survives(head: &RequestHead) {
    let mut sent = head.clone();
    if !head.authority.is_empty() {
        sent.headers.set_known(Known::Host, &head.authority);
    }
    let mut wire = Vec::new();
    request_head(&mut wire, &sent, Framing::Length(7), Persistence::Close);
    let mut found = RequestHead::default();
    let outcome = found.parse(&wire, &HeadLimits::default());
    if head.authority.is_empty() {
        return;
    }
    assert_eq!(outcome, Ok(()));
    assert_eq!((found.method, &found.target), (head.method, &head.target));
    assert_eq!(found.authority, head.authority);
    for known in [Known::ContentLength, Known::TransferEncoding, Known::Connection] {
        assert!(found.headers.values(known).count() <= 1);
    }
    assert_eq!(found.headers.value(Known::ContentLength), Some(&b"7"[..]));
}
