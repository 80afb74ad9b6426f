//! What is left as it is and why, and what the head says.

use crate::scene::{Scene, text};

const GZIP: &str = "Accept-Encoding: gzip\r\n";

/// A response with these fields goes out as it came, for this reason; `Vary` says whether other
/// clients could get it otherwise.
fn stays(scene: &Scene, fields: &str, path: &str, (reason, varies): (&str, bool)) {
    let before = scene.skipped(reason);
    let got = scene.get(path, fields);
    let expected = fields.contains("Content-Encoding").then_some("x");
    assert_eq!(got.field("content-encoding"), expected, "{fields}");
    let vary = got.field("vary").is_some_and(|vary| vary.contains("Accept-Encoding"));
    assert_eq!(vary, varies, "{fields}: {:?}", got.field("vary"));
    if !path.contains("noise") {
        let bytes = path.rsplit('/').next().unwrap().parse().unwrap();
        assert!(got.body == text(bytes).as_bytes(), "{fields}");
    }
    assert_eq!(scene.skipped(reason), before + 1.0, "{reason}: {fields}");
}

#[test]
fn what_is_left_as_it_is() {
    let scene = Scene::new();
    let long = "/length/5000";
    for (fields, reason) in [
        ("X-Fields: Content-Encoding: x\r\n", "coded"),
        ("X-Fields: Cache-Control: public, No-Transform\r\n", "no-transform"),
        ("Cache-Control: no-transform\r\n", "no-transform"),
        ("X-Fields: Content-Type: image/png\r\n", "type"),
        ("X-Fields: Content-Type: application/grpc\r\n", "type"),
        ("X-Fields: Content-Type:\r\n", "type"),
    ] {
        stays(&scene, &format!("{fields}{GZIP}"), long, (reason, false));
    }
    stays(&scene, GZIP, "/length/1023", ("size", false));
    stays(&scene, "", long, ("client", true));
    stays(&scene, "Accept-Encoding: gzip;q=0, identity\r\n", long, ("client", true));
    stays(&scene, &format!("Range: bytes=0-9\r\n{GZIP}"), long, ("range", true));
    stays(&scene, GZIP, "/length/50000/noise", ("incompressible", true));
}

#[test]
fn parts_are_left_alone_and_errors_of_origins_are_not() {
    let scene = Scene::new();
    for status in [206, 416] {
        let part = "X-Fields: Content-Range: bytes 0-1999/9999\r\n";
        let got = scene.get("/length/2000", &format!("{GZIP}X-Status: {status}\r\n{part}"));
        assert_eq!((got.status, got.field("content-encoding")), (status, None));
        assert_eq!(got.body, text(2000).as_bytes());
    }
    let error = scene.get("/length/2000", &format!("{GZIP}X-Status: 404\r\n"));
    assert_eq!((error.status, error.field("content-encoding")), (404, Some("gzip")));
}

#[test]
fn head_says_what_get_says() {
    let scene = Scene::new();
    let fields = format!("{GZIP}X-Fields: ETag: \"v1\"|Accept-Ranges: bytes\r\n");
    for path in ["/length/50000", "/chunked/50000"] {
        let get = scene.get(path, &fields);
        let head = scene.ask("HEAD", path, &fields);
        for name in ["content-encoding", "etag", "vary", "accept-ranges", "content-length"] {
            assert_eq!(head.field(name), get.field(name), "{name} of {path}");
        }
        assert_eq!(head.field("etag"), Some("\"v1~gzip\""));
        assert_eq!(head.field("accept-ranges"), None);
    }
}

#[test]
fn fields_about_the_content_follow_it() {
    let scene = Scene::new();
    let of_origin = "X-Fields: ETag: W/\"w\"|Vary: Origin|Content-Digest: sha-256=:x:|\
                     Repr-Digest: sha-256=:x:|Content-MD5: x|Accept-Ranges: bytes\r\n";
    let got = scene.get("/length/5000", &format!("{GZIP}{of_origin}"));
    assert_eq!(got.field("etag"), Some("W/\"w\""), "a weak tag is for all codings");
    assert_eq!(got.field("vary"), Some("Origin, Accept-Encoding"));
    for name in ["content-digest", "repr-digest", "content-md5", "accept-ranges"] {
        assert_eq!(got.field(name), None, "{name}");
    }
    let plain = scene.get("/length/5000", of_origin);
    assert_eq!(plain.field("vary"), Some("Origin, Accept-Encoding"));
    assert_eq!(plain.field("content-md5"), Some("x"));
    assert_eq!(plain.field("accept-ranges"), Some("bytes"));
}

#[test]
fn what_the_client_accepts_goes_to_the_origin() {
    let scene = Scene::new();
    scene.get("/length/5000", "Accept-Encoding: gzip, br\r\n");
    assert_eq!(scene.origin.seen().last().field("accept-encoding"), Some("gzip, br"));
    let hiding = Scene::with("compress\nrequest-headers { remove \"Accept-Encoding\"; }");
    let got = hiding.get("/length/5000", GZIP);
    assert_eq!(got.field("content-encoding"), Some("gzip"));
    assert_eq!(hiding.origin.seen().last().field("accept-encoding"), None);
}

#[test]
fn types_and_sizes_are_settings() {
    let scene = Scene::with("compress types=\"image/png\" size-min=\"3000B\"");
    let png = "X-Fields: Content-Type: Image/PNG; x=y\r\n";
    let coding = |path: &str, fields: &str| {
        let got = scene.get(path, &format!("{GZIP}{fields}"));
        got.field("content-encoding").map(str::to_owned)
    };
    assert_eq!(coding("/length/3000", png).as_deref(), Some("gzip"));
    assert_eq!(coding("/length/2999", png), None);
    assert_eq!(coding("/length/3000", ""), None);
}

#[test]
fn pages_for_our_own_errors_are_whole() {
    let page = "sorry ".repeat(1000);
    let weir = testkit::Setup::new()
        .server("127.0.0.1:1")
        .route(&format!("compress\nerror-page 502 503 body=\"{page}\" type=\"text/html\""))
        .start();
    let scene = Scene { origin: testkit::Origin::deaf(), weir };
    let got = scene.get("/", GZIP);
    assert_eq!(got.field("content-encoding"), None);
    assert_eq!(got.text(), page);
    assert_eq!(scene.skipped("error"), 1.0);
}

#[test]
fn bytes_are_counted_before_and_after() {
    let scene = Scene::new();
    let sent = scene.get("/length/100000", GZIP).body.len() as f64;
    scene.get("/length/100000", "Accept-Encoding: br\r\n");
    let metrics = scene.weir.metrics();
    let of = |name: &str, coding: &str| metrics.sum(name, &[&format!("coding=\"{coding}\"")]);
    assert_eq!(of("weir_compress_input_bytes_total", "gzip"), 100_000.0);
    assert_eq!(of("weir_compress_output_bytes_total", "gzip"), sent);
    assert_eq!(of("weir_compress_input_bytes_total", "br"), 100_000.0);
    let responses =
        ["gzip", "br", "zstd"].map(|coding| of("weir_compress_responses_total", coding));
    assert_eq!(responses, [1.0, 1.0, 0.0]);
    let logged = scene.weir.wait_log(2);
    assert!(logged.iter().any(|line| line.number("bytes_out") == sent), "{sent}");
}

#[test]
fn without_memory_to_spare_content_goes_out_as_it_is() {
    let origin = testkit::Origin::answer(crate::scene::answer);
    let setup = testkit::Setup::new().global("limits memory-max=\"2MiB\"").route("compress");
    let weir = setup.to(&origin).start();
    let scene = Scene { origin, weir };
    let got = scene.curl("zstd", &[], "/length/500000");
    assert_eq!(got.field("content-encoding"), None);
    assert!(got.body == text(500_000).as_bytes());
    assert_eq!(scene.skipped("memory"), 1.0);
    let limits = scene.weir.metrics().sum("weir_limits_hit_total", &["limit=\"memory-max\""]);
    assert_eq!(limits, 1.0);
}
