//! Response heads: cuts change nothing, what we accept `httparse` reads in the same way, and what
//! we would send on is read back as what we understood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_http1::{
    BodyLength, Framing, HeadLimits, HeadScanner, Known, Method, Persistence, ResponseHead,
    Version, response_head, response_length,
};

fuzz_target!(|input: &[u8]| {
    let limits = HeadLimits { head_bytes_max: 2000, headers_max: 100, uri_bytes_max: 200 };
    let whole = HeadScanner::new_response().find_end(input, &limits);
    let mut scanner = HeadScanner::new_response();
    let trickled = (0..=input.len())
        .map(|end| scanner.find_end(&input[..end], &limits))
        .find(|outcome| *outcome != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(whole, trickled);
    let _ = ResponseHead::default().parse(input, &limits);
    let Ok(Some(end)) = whole else { return };
    let mut head = ResponseHead::default();
    if head.parse(&input[..end], &limits).is_ok() {
        agrees_with_httparse(&head, &input[..end]);
        survives(&head);
        lengths_make_sense(&head);
    }
});

fn agrees_with_httparse(head: &ResponseHead, bytes: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut oracle = httparse::Response::new(&mut fields);
    assert_eq!(oracle.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
    assert_eq!(oracle.code, Some(head.status));
    assert_eq!(oracle.version, Some(u8::from(head.version == Version::Http11)));
    let ours = head.headers.iter().map(|field| (field.name, field.value));
    assert!(ours.eq(oracle.headers.iter().map(|field| (field.name.as_bytes(), field.value))));
    let reason = oracle.reason.unwrap_or_default().as_bytes();
    assert!(head.reason == reason || !head.reason.is_ascii());
}

fn survives(head: &ResponseHead) {
    let mut wire = Vec::new();
    response_head(&mut wire, head.version, head, Framing::Length(7), Persistence::Close);
    let mut found = ResponseHead::default();
    assert_eq!(found.parse(&wire, &HeadLimits::default()), Ok(()));
    assert_eq!((found.status, found.version), (head.status, head.version));
    assert!(head.reason.is_empty() || head.reason == found.reason);
    assert_eq!(found.headers.values(Known::ContentLength).collect::<Vec<_>>(), [b"7"]);
    assert!(!found.headers.contains(Known::TransferEncoding));
}

fn lengths_make_sense(head: &ResponseHead) {
    if let Ok(length) = response_length(Method::Get, head) {
        let chunked = head.headers.contains(Known::TransferEncoding);
        let counted = head.headers.contains(Known::ContentLength);
        assert!(!(chunked && counted));
        assert!(length != BodyLength::Chunked || head.version == Version::Http11);
        assert!(length != BodyLength::UntilClose || !(chunked || counted));
    }
    if let Ok(length) = response_length(Method::Head, head) {
        assert_eq!(length, BodyLength::None);
    }
}
