//! What operators see of the cache: by route in the metrics, by store and key at the admin
//! listener.

use testkit::origin::ok;
use testkit::{Origin, Setup, Turn, Weir};

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";
const STALE: &str = "200 | Cache-Control: max-age=60 | Age: 90 | ETag: \"a\"";

/// Waits until a metric of the cache is this for a label.
fn wait(weir: &Weir, name: &str, label: &str, number: usize) {
    weir.wait_metrics(|m| m.sum(name, &[label]) == number as f64);
}

fn admin(weir: &Weir, path: &str) -> (u16, String) {
    let response = testkit::Client::connect(weir.admin_addr()).get(path);
    (response.status, response.text())
}

#[test]
fn requests_are_counted_by_route_and_outcome() {
    let scene = Scene::with(
        Setup::new().site("route \"/a/*\" { cache; proxy \"origin\"; }").route("cache"),
    );
    let mut from_cache = 0;
    for (request, answer, outcome) in [
        ("GET /a/1", FRESH, "miss"),
        ("GET /a/1", "500", "hit"),
        ("GET /a/1\nCache-Control: no-cache", "304 | ETag: \"a\"", "revalidated"),
        ("GET /a/2", &format!("{STALE} | Cache-Control: stale-if-error=60"), "miss"),
        ("GET /a/2", "503", "stale"),
        ("GET /a/3\nCache-Control: only-if-cached", "200", "failed"),
        ("POST /a/1", "500", "bypass"),
        ("GET /a/4", "garbage", "failed"),
    ] {
        let series = |m: &testkit::Metrics| {
            let labels = ["route=\"* /a/*\"", &format!("outcome=\"{outcome}\"")];
            m.sum("weir_cache_requests_total", &labels)
        };
        let before = series(&scene.weir.metrics());
        let response = scene.ask(request, answer).response;
        scene.weir.wait_metrics(|m| series(m) == before + 1.0);
        if ["hit", "revalidated", "stale"].contains(&outcome) {
            from_cache += response.body.len();
        }
    }
    scene.ask("GET /b", FRESH);
    wait(&scene.weir, "weir_cache_requests_total", "route=\"* /*\"", 1);
    wait(&scene.weir, "weir_cache_requests_total", "route=\"* /a/*\"", 8);
    wait(&scene.weir, "weir_cache_sent_bytes_total", "route=\"* /a/*\"", from_cache);
    wait(&scene.weir, "weir_cache_stores_total", "route=\"* /a/*\"", 2);
}

#[test]
fn reasons_are_counted() {
    let scene = Scene::new("cache { bypass query=\"past\"; }");
    let kept = format!("{FRESH} | Vary: X");
    for (request, answer, reason) in [
        ("GET /", kept.as_str(), "uri-miss"),
        ("GET /\nX: 1", &kept, "vary-miss"),
        ("GET /\nCache-Control: no-cache", &kept, "request"),
        ("GET /old", STALE, "uri-miss"),
        ("GET /old", STALE, "stale"),
        ("GET /?past", "200", "bypass"),
        ("POST /", "200", "method"),
        (
            "GET /part\nRange: bytes=0-1",
            "206 | Cache-Control: max-age=60 | Content-Range: bytes 0-1/9 | body=ab",
            "uri-miss",
        ),
        ("GET /part", FRESH, "partial"),
    ] {
        let label = format!("reason=\"{reason}\"");
        let count = |m: &testkit::Metrics| m.sum("weir_cache_forwards_total", &[&label]);
        let before = count(&scene.weir.metrics());
        scene.ask(request, answer);
        scene.weir.wait_metrics(|m| count(m) == before + 1.0);
    }
    for (answer, reason) in [
        ("200 | Cache-Control: private", "private"),
        ("200 | Set-Cookie: a=b | ETag: \"a\"", "set-cookie"),
        ("206 | Cache-Control: max-age=60", "partial"),
    ] {
        scene.ask(&format!("GET /{reason}"), answer);
        wait(&scene.weir, "weir_cache_not_kept_total", &format!("reason=\"{reason}\""), 1);
    }
    scene.ask("GET /s", STALE);
    scene.ask("GET /s", "304 | Cache-Control: private | ETag: \"a\"");
    wait(&scene.weir, "weir_cache_not_kept_total", "reason=\"private\"", 2);
}

#[test]
fn fills_are_timed_and_those_that_do_not_end_are_told() {
    let origin = Origin::script(|turn: &mut Turn| {
        while let Some(request) = turn.next_request() {
            let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n";
            match request.target() {
                "/long" => {
                    let chunk = "x".repeat(9000);
                    let chunked = "Transfer-Encoding: chunked\r\n\r\n2328\r\n";
                    turn.send(format!("{head}{chunked}{chunk}\r\n0\r\n\r\n"));
                }
                "/short" => {
                    turn.send(format!("{head}Content-Length: 100\r\n\r\nshort"));
                    return;
                }
                _ => {
                    turn.send(format!("{head}Content-Length: 2\r\n\r\nok"));
                }
            }
        }
    });
    let weir = Setup::new()
        .to(&origin)
        .global("cache { object-bytes-max \"8KiB\"; }")
        .route("cache")
        .start();
    assert_eq!(weir.get("/").text(), "ok");
    wait(&weir, "weir_cache_fill_seconds_count", "route=\"* /*\"", 1);
    assert_eq!(weir.get("/long").body.len(), 9000);
    wait(&weir, "weir_cache_not_kept_total", "reason=\"too-large\"", 1);
    let mut client = weir.client();
    client.ask("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    client.everything();
    wait(&weir, "weir_cache_not_kept_total", "reason=\"incomplete\"", 1);
    wait(&weir, "weir_cache_fill_seconds_count", "", 1);
    assert!(weir.metrics().sum("weir_cache_fill_seconds_sum", &[]) > 0.0);
}

#[test]
fn what_finds_no_room_is_told() {
    let body = "x".repeat(700_000);
    let origin = Origin::simple(ok(&body));
    let store = "cache { memory \"1MiB\"; object-bytes-max \"1MiB\"; }";
    let weir = Setup::new().to(&origin).global(store).route("cache ttl=\"1h\"").start();
    assert_eq!(weir.get("/").body.len(), body.len());
    wait(&weir, "weir_cache_not_kept_total", "reason=\"no-room\"", 1);
}

#[test]
fn refreshes_beside_answers_are_no_requests() {
    let scene = Scene::new("cache stale-while-revalidate=\"1m\"");
    for (path, answer, result) in [
        ("/a", "304 | ETag: \"a\"", "validated"),
        ("/b", FRESH, "fetched"),
        ("/c", "garbage", "failed"),
    ] {
        scene.ask(&format!("GET {path}"), STALE);
        scene.ask(&format!("GET {path}"), answer);
        wait(&scene.weir, "weir_cache_refreshes_total", &format!("result=\"{result}\""), 1);
    }
    wait(&scene.weir, "weir_cache_requests_total", "outcome=\"stale\"", 3);
    wait(&scene.weir, "weir_cache_requests_total", "", 6);
    wait(&scene.weir, "weir_cache_forwards_total", "", 3);
}

#[test]
fn stores_show_what_they_have_done() {
    let scene =
        Scene::with(Setup::new().global("cache \"b\" { memory \"1MiB\"; }").route("cache \"b\""));
    assert!(admin(&scene.weir, "/cache").1.contains("\"hit_ratio\": null"));
    let hit = {
        scene.ask("GET /", FRESH);
        scene.ask("GET /", "500");
        scene.ask("GET /", "500").response
    };
    wait(&scene.weir, "weir_cache_requests_total", "", 3);
    let listed = admin(&scene.weir, "/cache").1;
    let saved = format!("\"bytes_saved\": {}", 2 * hit.body.len());
    for shown in ["\"hits\": 2", "\"misses\": 1", "\"hit_ratio\": 0.6667", &saved] {
        assert!(listed.contains(shown), "{shown} in {listed}");
    }
}

#[test]
fn the_hot_key_is_on_top_of_thousands_of_cold_ones() {
    let origin = Origin::simple(ok("fine"));
    let weir = Setup::new().to(&origin).route("cache ttl=\"1h\"").start();
    let mut client = weir.client();
    for number in 0..3000 {
        client.get(&format!("/cold/{number}"));
        if number % 10 == 0 {
            client.get("/hot?token=x");
        }
    }
    let (status, shown) = admin(&weir, "/cache/top?n=1");
    assert_eq!(status, 200);
    assert!(shown.contains("/hot?token=x\""), "{shown}");
    assert!(!shown.contains("/cold/"), "{shown}");
    for counted in ["\"hits\": 299", "\"misses\": 1", "\"hit_ratio\": 0.9967", "\"unseen_max\": 0"]
    {
        assert!(shown.contains(counted), "{counted} in {shown}");
    }
    let all = admin(&weir, "/cache/top?n=256&cache=").1;
    assert_eq!(all.matches("\"key\"").count(), 256, "no more are watched");
    for (query, status) in [("n=0", 400), ("x=1", 400), ("cache=none", 404)] {
        let (refused, why) = admin(&weir, &format!("/cache/top?{query}"));
        assert_eq!(refused, status, "{query}: {why}");
    }
    let address = weir.admin_addr().to_string();
    let run = |more: &[&str]| {
        let whole = [&["cache", "top", "--admin", &address], more].concat();
        testkit::weir::run_to_end(&whole, weir.dir())
    };
    let (code, out, _) = run(&["-n", "1"]);
    assert_eq!(code, Some(0));
    let line = out.lines().last().expect("a line");
    assert!(line.ends_with("/hot?token=x") && line.contains("99.7%"), "{out}");
    let (code, _, err) = run(&["--cache", "none"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("no cache `none`"), "{err}");
    assert_eq!(run(&["-n", "0"]).0, Some(2));
}
