//! Every coding, however the content comes and goes.

use testkit::Framing;

use crate::scene::{CODINGS, Scene, text};

#[test]
fn every_coding_over_every_protocol() {
    let scene = Scene::with("compress size-min=\"1B\"");
    for coding in CODINGS {
        for protocol in ["--http1.1", "--http2-prior-knowledge", "--http1.0"] {
            for path in [
                "/length/0",
                "/length/1",
                "/chunked/0",
                "/chunked/1",
                "/length/1024",
                "/chunked/5000",
                "/length/40000",
                "/length/300000",
                "/chunked/300000",
            ] {
                let bytes: usize = path.rsplit('/').next().unwrap().parse().unwrap();
                let got = scene.curl(coding, &[protocol], path);
                assert!(got.body == text(bytes).as_bytes(), "{coding} {protocol} {path}");
                let is_coded = bytes >= 1024 && got.field("content-encoding") == Some(coding);
                assert!(is_coded || bytes < 1024, "{coding} {protocol} {path}: {}", got.head);
            }
        }
    }
}

#[test]
fn what_a_browser_sends_gets_zstd() {
    let scene = Scene::new();
    let got = scene.curl("gzip, deflate, br, zstd", &[], "/length/5000");
    assert_eq!(got.field("content-encoding"), Some("zstd"));
    let preferring = Scene::with("compress \"br\" \"gzip\"");
    let got = preferring.curl("gzip, deflate, br, zstd", &[], "/length/5000");
    assert_eq!(got.field("content-encoding"), Some("br"));
    assert_eq!(preferring.curl("zstd", &[], "/length/5000").field("content-encoding"), None);
}

#[test]
fn every_level_is_decoded() {
    for (coding, levels) in [("zstd", 1..=12), ("br", 2..=6), ("gzip", 1..=9)] {
        let route = |level: i32| {
            let path = format!("/length/{}", 200_000 + level);
            format!("route \"{path}\" {{ compress {coding}-level={level}; proxy \"origin\"; }}\n")
        };
        let site: String = levels.clone().map(route).collect();
        let origin = testkit::Origin::answer(crate::scene::answer);
        let weir = testkit::Setup::new().site(&site).to(&origin).start();
        let scene = Scene { origin, weir };
        for level in levels {
            let got = scene.curl(coding, &[], &format!("/length/{}", 200_000 + level));
            assert_eq!(got.field("content-encoding"), Some(coding));
            assert!(got.body == text(200_000 + level as usize).as_bytes(), "{coding} {level}");
        }
    }
}

#[test]
fn short_content_that_is_there_keeps_a_length_and_long_content_has_none() {
    let scene = Scene::new();
    let short = scene.get("/length/2000", "Accept-Encoding: gzip\r\n");
    assert_eq!(short.field("content-encoding"), Some("gzip"));
    let (length, body) = (short.field("content-length"), short.body.len());
    // Where the origin was slow with the body, it is streamed.
    assert!(length.is_none_or(|length| length == body.to_string()), "{length:?} {body}");
    assert!(body < 1000);
    let long = scene.get("/length/200000", "Accept-Encoding: gzip\r\n");
    assert_eq!((long.framing, long.field("content-length")), (Framing::Chunked, None));
}

#[test]
fn own_answers_are_compressed_too() {
    let body = text(5000).replace('"', "'");
    let route =
        format!("compress\nrespond 200 type=\"text/html\" body=\"{}\"", body.replace('\n', "\\n"));
    let weir = testkit::Setup::new().site(&format!("route \"/own\" {{\n{route}\n}}")).start();
    let scene = Scene { origin: testkit::Origin::deaf(), weir };
    let got = scene.curl("br", &[], "/own");
    assert_eq!(got.field("content-encoding"), Some("br"));
    assert!(
        got.field("content-length").is_some_and(|length| length.parse::<u32>().unwrap() < 2000)
    );
    assert_eq!(got.body, body.as_bytes());
}

#[test]
fn trailers_go_on() {
    let scene = Scene::new();
    let got = scene.get("/chunked/5000", "Accept-Encoding: gzip\r\nTE: trailers\r\n");
    assert_eq!(got.field("content-encoding"), Some("gzip"));
    assert_eq!(got.trailers, [("X-Sum".to_owned(), "1".to_owned())]);
}
