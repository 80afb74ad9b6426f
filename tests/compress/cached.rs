//! The cache keeps what the origin sent; each client gets it in its own coding.

use crate::scene::{CODINGS, Scene, text};

const KEPT: &str = "X-Fields: ETag: \"v1\"|Cache-Control: max-age=60";

fn scene() -> Scene {
    Scene::with("cache\ncompress")
}

#[test]
fn one_fetch_serves_every_coding() {
    let scene = scene();
    for path in ["/length/2000", "/length/100000", "/chunked/100000"] {
        let bytes = path.rsplit('/').next().unwrap().parse().unwrap();
        let before = scene.origin.requests().len();
        for coding in CODINGS.iter().chain(&["identity"]).chain(&CODINGS) {
            let got = scene.curl(coding, &["-H", KEPT], path);
            let expected = (*coding != "identity").then_some(*coding);
            assert_eq!(got.field("content-encoding"), expected, "{path}");
            let tag = expected.map_or("\"v1\"".to_owned(), |coding| format!("\"v1~{coding}\""));
            assert_eq!(got.field("etag"), Some(tag.as_str()));
            assert!(got.body == text(bytes).as_bytes(), "{coding} of {path}");
        }
        assert_eq!(scene.origin.requests().len(), before + 1, "{path}");
    }
}

#[test]
fn a_hit_answers_conditions_for_coded_content() {
    let scene = scene();
    let fields = format!("{KEPT}\r\nAccept-Encoding: br\r\n");
    scene.get("/length/5000", &fields);
    for (tag, status) in
        [("\"v1~br\"", 304), ("\"v1~gzip\"", 304), ("\"v1\"", 304), ("\"v2~br\"", 200)]
    {
        let got = scene.get("/length/5000", &format!("{fields}If-None-Match: {tag}\r\n"));
        assert_eq!(got.status, status, "{tag}");
        assert_eq!(got.field("vary"), Some("Accept-Encoding"));
        let expected = if status == 304 { tag } else { "\"v1~br\"" };
        assert_eq!(got.field("etag"), Some(expected));
    }
    assert_eq!(scene.origin.requests().len(), 1);
}

#[test]
fn ranges_of_what_is_kept_are_not_coded() {
    let scene = scene();
    let fields = format!("{KEPT}\r\nAccept-Encoding: gzip\r\n");
    scene.get("/length/5000", &fields);
    let ranged = |condition: &str| {
        scene.get("/length/5000", &format!("{fields}Range: bytes=10-19\r\n{condition}"))
    };
    let part = ranged("");
    assert_eq!((part.status, part.field("content-encoding")), (206, None));
    assert_eq!(part.body, &text(5000).as_bytes()[10..20]);
    assert_eq!(ranged("If-Range: \"v1\"\r\n").status, 206);
    let whole = ranged("If-Range: \"v1~gzip\"\r\n");
    assert_eq!((whole.status, whole.body.len()), (200, 5000));
    assert_eq!(scene.origin.requests().len(), 1);
}

#[test]
fn content_that_is_there_is_not_flushed_in_between() {
    let scene = scene();
    let fields = format!("{KEPT}\r\nAccept-Encoding: gzip\r\n");
    scene.get("/length/900000", &format!("{KEPT}\r\n"));
    let hit = scene.get("/length/900000", &fields);
    assert_eq!((hit.field("content-encoding"), scene.origin.requests().len()), (Some("gzip"), 1));
    // What a flush leaves (RFC 1951 §3.2.4): an empty block without compression.
    let flushes = hit.body.windows(4).filter(|bytes| *bytes == [0, 0, 255, 255]).count();
    assert_eq!(flushes, 0);
}
