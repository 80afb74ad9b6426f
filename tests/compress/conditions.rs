//! Entity tags of coded content on their way back.

use crate::scene::{CODINGS, Scene};

const OF_ORIGIN: &str = "X-Fields: ETag: \"v1\"\r\n";

#[test]
fn a_coded_tag_comes_back_as_the_origins_and_the_304_has_it_again() {
    let scene = Scene::new();
    for coding in CODINGS {
        let accepts = format!("Accept-Encoding: {coding}\r\n{OF_ORIGIN}");
        let tag = format!("\"v1~{coding}\"");
        let first = scene.get("/length/5000", &accepts);
        assert_eq!(first.field("etag"), Some(tag.as_str()));
        let again = scene.get("/length/5000", &format!("{accepts}If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.field("etag")), (304, Some(tag.as_str())));
        assert_eq!(again.field("vary"), Some("Accept-Encoding"));
        assert_eq!(again.field("content-encoding"), None);
        let seen = scene.origin.seen().last();
        assert_eq!(seen.field("if-none-match"), Some(format!("{tag}, \"v1\"").as_str()));
    }
}

#[test]
fn a_client_without_codings_keeps_the_origins_tag() {
    let scene = Scene::new();
    let plain = scene.get("/length/5000", OF_ORIGIN);
    assert_eq!(plain.field("etag"), Some("\"v1\""));
    let again = scene.get("/length/5000", &format!("{OF_ORIGIN}If-None-Match: \"v1\"\r\n"));
    assert_eq!((again.status, again.field("etag")), (304, Some("\"v1\"")));
}

#[test]
fn changes_are_made_to_what_the_client_has_seen() {
    let scene = Scene::new();
    let text = "PUT /length/0 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\
                If-Match: \"v1~zstd\"\r\n\r\n";
    scene.weir.client().exchange(text);
    let seen = scene.origin.seen().last();
    assert_eq!(seen.field("if-match"), Some("\"v1~zstd\", \"v1\""));
}

#[test]
fn the_rest_of_coded_content_is_never_taken_from_what_is_not_coded() {
    let scene = Scene::new();
    let fields = format!("{OF_ORIGIN}Range: bytes=9-\r\nIf-Range: \"v1~zstd\"\r\n");
    let got = scene.get("/length/5000", &format!("{fields}Accept-Encoding: zstd\r\n"));
    assert_eq!(scene.origin.seen().last().field("if-range"), Some("\"v1~zstd\""));
    assert_eq!((got.status, got.field("content-encoding")), (200, None));
}
