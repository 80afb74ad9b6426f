//! Two proxies in a row, HTTP/2 between them.

use testkit::{Origin, Setup, Weir};

use crate::scene::{CODINGS, Scene, answer, text};

/// Weir that compresses, before another one with these nodes.
fn before(inner: &str) -> (Scene, Weir) {
    let origin = Origin::answer(answer);
    let inner = Setup::new().route(inner).to(&origin).start();
    let outer = Setup::new().route("compress").server(&inner.addr().to_string());
    let weir = outer.upstream("protocol \"h2\"").start();
    (Scene { origin, weir }, inner)
}

#[test]
fn content_that_comes_over_http2() {
    let (scene, _inner) = before("");
    for coding in CODINGS {
        for path in ["/length/2000", "/length/300000", "/chunked/300000"] {
            for protocol in ["--http1.1", "--http2-prior-knowledge"] {
                let got = scene.curl(coding, &[protocol], path);
                let bytes = path.rsplit('/').next().unwrap().parse().unwrap();
                assert_eq!(got.field("content-encoding"), Some(coding));
                assert!(got.body == text(bytes).as_bytes(), "{coding} {path}");
            }
        }
    }
}

#[test]
fn the_inner_one_compresses_and_both_know_its_tags() {
    let (scene, _inner) = before("cache\ncompress");
    let fields = "Accept-Encoding: br\r\nX-Fields: ETag: \"v1\"|Cache-Control: max-age=60\r\n";
    let first = scene.get("/length/5000", fields);
    assert_eq!((first.field("etag"), scene.skipped("coded")), (Some("\"v1~br\""), 1.0));
    let again = scene.get("/length/5000", &format!("{fields}If-None-Match: \"v1~br\"\r\n"));
    assert_eq!((again.status, again.field("etag")), (304, Some("\"v1~br\"")));
    assert_eq!(again.field("vary"), Some("Accept-Encoding"));
    assert_eq!(scene.origin.requests().len(), 1);
}
