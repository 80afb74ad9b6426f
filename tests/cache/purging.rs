//! Purges by the method `PURGE` and by the operator.

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";

#[test]
fn a_url_is_made_stale_or_removed() {
    let scene = Scene::new("cache { purge \"127.0.0.0/8\"; }");
    scene.ask("GET /", FRESH);
    scene.ask("GET /other", FRESH);
    let soft = scene.ask("PURGE /", "500");
    assert!(soft.is_hit());
    assert_eq!((soft.response.status, soft.response.text().as_str()), (200, "{\"purged\":1}\n"));
    let validated = scene.ask("GET /", "304 | Cache-Control: max-age=60 | ETag: \"a\"");
    assert_eq!(validated.asked("If-None-Match"), Some("\"a\""));
    assert!(scene.ask("GET /", "500").is_hit());
    scene.ask("PURGE /\nPurge-Mode: hard", "500");
    let fetched = scene.ask("GET /", FRESH);
    assert_eq!(fetched.asked("If-None-Match"), None);
    assert!(scene.ask("GET /other", "500").is_hit());
    assert_eq!(scene.weir.metrics().sum("weir_cache_purges_total", &[]), 2.0);
}

#[test]
fn all_that_was_told_apart_goes() {
    let scene = Scene::new("cache { purge \"127.0.0.1\"; key header=\"X\"; }");
    for value in ["1", "2"] {
        scene.ask(&format!("GET /\nX: {value}"), FRESH);
    }
    scene.ask("PURGE /\nPurge-Mode: hard", "500");
    for value in ["1", "2"] {
        assert!(!scene.ask(&format!("GET /\nX: {value}"), FRESH).is_hit());
    }
}

/// Purges by the admin listener.
fn purge(scene: &Scene, body: &str) -> (u16, String) {
    let length = body.len();
    let request =
        format!("POST /cache/purge HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    let response = testkit::Client::connect(scene.weir.admin_addr()).exchange(request);
    (response.status, response.text())
}

#[test]
fn the_operator_purges_by_url_prefix_host_tag_or_all() {
    let scene = Scene::new("cache");
    let paths = ["/a/1", "/a/2", "/b"];
    let fill = || {
        for path in paths {
            let tagged = if path == "/b" { "" } else { " | Surrogate-Key: x y" };
            scene.ask(&format!("GET {path}"), &format!("{FRESH}{tagged}"));
        }
    };
    for (body, kept) in [
        ("{\"url\":\"http://A.test/a/1\",\"mode\":\"hard\"}", [false, true, true]),
        ("{\"prefix\":\"http://a.test/a/\",\"mode\":\"hard\"}", [false, false, true]),
        ("{\"host\":\"a.test\",\"mode\":\"hard\"}", [false, false, false]),
        ("{\"host\":\"b.test\",\"mode\":\"hard\"}", [true, true, true]),
        ("{\"tag\":\"y\",\"mode\":\"hard\"}", [false, false, true]),
        ("{\"all\":true,\"mode\":\"hard\"}", [false, false, false]),
    ] {
        fill();
        assert_eq!(purge(&scene, body).0, 200, "{body}");
        let hits = paths.map(|path| scene.ask(&format!("GET {path}"), "404").is_hit());
        assert_eq!(hits, kept, "{body}");
    }
    fill();
    purge(&scene, "{\"tag\":\"x\"}");
    let soft = scene.ask("GET /a/1", "304 | Cache-Control: max-age=60 | ETag: \"a\"");
    assert_eq!(soft.asked("If-None-Match"), Some("\"a\""));
    let listed = testkit::Client::connect(scene.weir.admin_addr()).get("/cache").text();
    assert!(listed.contains("\"objects\": 3"), "{listed}");
    scene.weir.wait_metrics(|m| m.sum("weir_cache_objects", &["cache=\"default\""]) == 3.0);
    let metrics = scene.weir.metrics();
    assert!(metrics.sum("weir_cache_bytes", &[]) > 1000.0);
    assert_eq!(metrics.sum("weir_cache_evictions_total", &[]), 0.0);
}

#[test]
fn the_operator_purges_from_the_command_line() {
    let scene = Scene::new("cache");
    let admin = scene.weir.admin_addr().to_string();
    let run = |args: &[&str]| {
        let whole = [&["purge", "--admin", &admin], args].concat();
        testkit::weir::run_to_end(&whole, scene.weir.dir())
    };
    scene.ask("GET /", FRESH);
    let (code, out, _) = run(&["--url", "http://a.test/", "--hard"]);
    assert_eq!((code, out.as_str()), (Some(0), "purged 1 stored responses"));
    assert!(!scene.ask("GET /", FRESH).is_hit());
    assert_eq!(run(&["--all"]).0, Some(0));
    assert_eq!(scene.ask("GET /", FRESH).asked("If-None-Match"), Some("\"a\""));
    let (code, _, err) = run(&["--tag", "x", "--cache", "none"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("nothing was purged: no cache `none`"), "{err}");
    assert_eq!(run(&[]).0, Some(2), "it says what to purge");
    assert_eq!(run(&["--all", "--tag", "x"]).0, Some(2));
}

#[test]
fn a_purge_that_is_wrong_purges_nothing() {
    let scene = Scene::new("cache");
    scene.ask("GET /", FRESH);
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        ("{}", 400),
        ("{\"url\":\"/x\"}", 400),
        ("{\"all\":false}", 400),
        ("{\"all\":true,\"tag\":\"x\"}", 400),
        ("{\"all\":true,\"mode\":\"rough\"}", 400),
        ("{\"all\":true,\"cache\":\"none\"}", 404),
    ] {
        assert_eq!(purge(&scene, body).0, status, "{body}");
    }
    assert!(scene.ask("GET /", "500").is_hit());
}

#[test]
fn others_are_refused() {
    let scene = Scene::new("cache { purge \"10.0.0.0/8\"; }");
    scene.ask("GET /", FRESH);
    let refused = scene.ask("PURGE /", "200");
    assert!(refused.is_hit());
    assert_eq!(refused.response.status, 403);
    assert!(scene.ask("GET /", "500").is_hit());
    // Without the setting it is a method like any other.
    let scene = Scene::new("cache");
    assert!(!scene.ask("PURGE /", "200").is_hit());
}
