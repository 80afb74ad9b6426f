//! `weir explain` asks a running Weir, and what a request then meets is what it has said.

use serde_json::Value;
use testkit::weir::run_to_end;

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";

/// What the running process says of a request.
fn explain(scene: &Scene, args: &[&str]) -> Value {
    let admin = scene.weir.admin_addr().to_string();
    let whole = [&["explain", "--json", "--admin", &admin], args].concat();
    let (code, out, err) = run_to_end(&whole, scene.weir.dir());
    assert_eq!(code, Some(0), "{args:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// Explains a request of `a.test`, sends it, and compares both: the key, and what the cache did.
/// Returns the explanation.
fn compare(scene: &Scene, (line, fields): (&str, &[&str]), answer: &str) -> Value {
    let (method, target) = line.split_once(' ').unwrap();
    // Weir is reached at its own port; what counts is the host.
    let url = format!("http://a.test{target}");
    let before = scene.origin.requests().len();
    let given: Vec<&str> = fields.iter().flat_map(|field| ["-H", *field]).collect();
    let told = explain(scene, &[&[method, url.as_str()][..], &given].concat());
    assert_eq!(scene.origin.requests().len(), before, "nothing is asked of the origin");
    let cache = &told["cache"];
    let outcome = scene.ask(&format!("{line}\n{}", fields.join("\n")), answer);
    let status = outcome.status();
    let key: String = cache["key"].as_str().unwrap().replace('\n', "?").replace('"', "\\\"");
    assert!(status.contains(&format!("key=\"{key}\"")), "{key:?} in {status}");
    let did = match (cache["would"].as_str().unwrap(), cache["forward"].as_str()) {
        ("forward", Some(why)) => format!("weir; fwd={why};"),
        ("hit" | "stale" | "stale-while-revalidate", None) => "weir; hit;".to_owned(),
        other => panic!("{other:?}: {told:#}"),
    };
    assert!(status.starts_with(&did), "explained {did}, was {status}");
    told
}

fn would(told: &Value) -> (&str, &str) {
    let text = |value: &'static str| told["cache"][value].as_str().unwrap_or_default();
    (text("would"), text("forward"))
}

#[test]
fn miss_and_hit() {
    let scene = Scene::new("cache show-key=#true");
    let told = compare(&scene, ("GET /x?q=\"", &[]), FRESH);
    assert_eq!(would(&told), ("forward", "uri-miss"));
    assert_eq!(told["cache"]["stored"], serde_json::json!([]));
    let tagged = format!("{FRESH} | Surrogate-Key: one two | body=12345");
    compare(&scene, ("GET /y", &[]), &tagged);
    let told = compare(&scene, ("GET /y", &[]), "500");
    assert_eq!(would(&told), ("hit", ""));
    let stored = &told["cache"]["stored"][0];
    assert_eq!((&stored["selected"], &stored["fresh"]), (&true.into(), &true.into()));
    assert_eq!((&stored["status"], &stored["bytes"]), (&200.into(), &5.into()));
    assert_eq!(stored["lifetime_s"], 60);
    assert!(stored["ttl_s"].as_i64().unwrap() <= 60);
    assert_eq!(stored["tags"], serde_json::json!(["one", "two"]));
    let told = compare(&scene, ("HEAD /y", &[]), "500");
    assert_eq!(would(&told), ("hit", ""));
}

#[test]
fn a_look_counts_for_nothing() {
    let scene = Scene::new("cache");
    scene.ask("GET /", FRESH);
    let before = scene.weir.metrics().sum("weir_cache_hits_total", &[]);
    for _ in 0..3 {
        explain(&scene, &["http://a.test/"]);
        explain(&scene, &["http://a.test/other"]);
    }
    let metrics = scene.weir.metrics();
    assert_eq!(metrics.sum("weir_cache_hits_total", &[]), before);
    assert_eq!(metrics.sum("weir_cache_misses_total", &[]), 1.0);
    assert_eq!(metrics.sum("weir_cache_objects", &[]), 1.0);
    assert_eq!(scene.weir.wait_log(1).len(), 1, "a line for the one request alone");
}

#[test]
fn what_is_stale() {
    let scene = Scene::new("cache show-key=#true { purge \"127.0.0.1\"; }");
    scene.ask("GET /", "200 | Cache-Control: max-age=0 | ETag: \"a\"");
    let told = compare(&scene, ("GET /", &[]), "304 | ETag: \"a\"");
    assert_eq!(would(&told), ("forward", "stale"));
    scene.ask("GET /beside", "200 | Cache-Control: max-age=0, stale-while-revalidate=60");
    let told = compare(&scene, ("GET /beside", &[]), FRESH);
    assert_eq!(would(&told), ("stale-while-revalidate", ""));
    let stale = "200 | Cache-Control: max-age=0 | ETag: \"a\"";
    scene.ask("GET /client", stale);
    let told = compare(&scene, ("GET /client", &["Cache-Control: max-stale"]), stale);
    assert_eq!(would(&told), ("stale", ""));
    // A purge that has been noted and not yet carried out is seen, and is still there afterwards.
    scene.ask("GET /purged", FRESH);
    let args = ["purge", "--all", "--admin", &scene.weir.admin_addr().to_string()];
    assert_eq!(run_to_end(&args, scene.weir.dir()).0, Some(0));
    for _ in 0..2 {
        let told = explain(&scene, &["http://a.test/purged"]);
        assert_eq!(would(&told), ("forward", "stale"));
    }
    let told = compare(&scene, ("GET /purged", &[]), "304 | ETag: \"a\"");
    assert_eq!(told["cache"]["stored"][0]["fresh"], false);
}

#[test]
fn variants() {
    let scene = Scene::new("cache show-key=#true");
    let varied = format!("{FRESH} | Vary: X, Accept-Language");
    scene.ask("GET /\nX: 1\nAccept-Language: de", &varied);
    let told = compare(&scene, ("GET /", &["X: 2"]), &varied);
    assert_eq!(would(&told), ("forward", "vary-miss"));
    let told = compare(&scene, ("GET /", &["X: 1", "Accept-Language: DE"]), "500");
    assert_eq!(would(&told), ("hit", ""));
    let stored = told["cache"]["stored"].as_array().unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0]["vary"], serde_json::json!({"accept-language": "de", "x": "1"}));
    assert_eq!(stored[1]["vary"], serde_json::json!({"accept-language": null, "x": "2"}));
    assert_eq!((&stored[0]["selected"], &stored[1]["selected"]), (&true.into(), &false.into()));
}

#[test]
fn parts() {
    let scene = Scene::new("cache show-key=#true");
    let part =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 0-1/5 | body=ab";
    let told = compare(&scene, ("GET /", &["Range: bytes=0-1"]), part);
    assert_eq!(would(&told), ("forward", "uri-miss"));
    let told = compare(&scene, ("GET /", &["Range: bytes=1-1"]), "500");
    assert_eq!(would(&told), ("hit", ""));
    assert_eq!(told["cache"]["stored"][0]["part"], "0-1/5");
    let told = compare(&scene, ("GET /", &[]), FRESH);
    assert_eq!(would(&told), ("forward", "partial"));
}

#[test]
fn what_passes_by() {
    let cache = "cache show-key=#true {\n bypass header=\"X-No\"\n bypass cookie=\"session\"\n}";
    let scene = Scene::new(cache);
    scene.ask("GET /", FRESH);
    let told = compare(&scene, ("GET /", &["Cookie: session=1"]), "200");
    assert_eq!(would(&told), ("forward", "bypass"));
    assert_eq!(told["cache"]["bypass"]["text"], "bypass cookie=\"session\"");
    let at = told["cache"]["bypass"]["at"].as_str().unwrap();
    let file = std::fs::read_to_string(scene.weir.dir().join("weir.kdl")).unwrap();
    let line: usize = at.rsplit_once(':').unwrap().1.parse().unwrap();
    assert!(file.lines().nth(line - 1).unwrap().contains("bypass cookie"), "{at}");
    let told = compare(&scene, ("GET /", &["If-Match: \"a\""]), "200");
    assert_eq!(would(&told), ("forward", "bypass"));
    assert_eq!(told["cache"]["bypass"], Value::Null, "no rule says so");
    let told = compare(&scene, ("OPTIONS /", &[]), "200");
    assert_eq!(would(&told), ("forward", "method"));
}

#[test]
fn directives_of_the_request() {
    let scene = Scene::new("cache show-key=#true");
    scene.ask("GET /", FRESH);
    let told = compare(&scene, ("GET /", &["Cache-Control: no-cache"]), FRESH);
    assert_eq!(would(&told), ("forward", "request"));
    let told = explain(&scene, &["http://a.test/none", "-H", "Cache-Control: only-if-cached"]);
    assert_eq!(would(&told), ("only-if-cached", "uri-miss"));
    let asked = scene.ask("GET /none\nCache-Control: only-if-cached", "200");
    assert_eq!(asked.response.status, 504);
}

#[test]
fn the_key_is_the_one_that_serves() {
    let key = "cache show-key=#true {\n\
               key sort-query=#true ignore-query=\"utm_*\" \
               header=\"X-Forwarded-Proto\" cookie=\"plan\"\n}";
    // Rewritten and edited on the way, as the request is.
    let scene = Scene::new(&format!(
        "{key}\nmatch header=\"X\"\nrewrite strip-prefix=\"/a\"\n\
         request-headers {{ set \"X-Forwarded-Proto\" \"changed\"; }}"
    ));
    let fields = ["X: 1", "Cookie: plan=gold; other=1", "X-Forwarded-Proto: lie"];
    let told = compare(&scene, ("GET /a/b?z=1&utm_source=m&a=2", &fields), FRESH);
    assert_eq!(would(&told), ("forward", "uri-miss"));
    let told = compare(&scene, ("GET /a/b?a=2&z=1", &fields), "500");
    assert_eq!(would(&told), ("hit", ""));
    let key = told["cache"]["key"].as_str().unwrap();
    assert!(key.starts_with("http://a.test/a/b?a=2&z=1\n") && key.contains("changed"), "{key}");
}

#[test]
fn purges_are_told_of() {
    let scene = Scene::new("cache { purge \"10.0.0.0/8\"; }");
    let purge = |from: &str| {
        let told = explain(&scene, &["PURGE", "http://a.test/", "--from", from]);
        told["cache"]["would"].as_str().unwrap().to_owned()
    };
    assert_eq!(purge("10.1.2.3"), "purge");
    assert_eq!(purge("127.0.0.1"), "purge-refused");
    assert_eq!(scene.ask("PURGE /", "200").response.status, 403);
}

#[test]
fn people_get_text_and_servers_with_their_standing() {
    let scene = Scene::new("cache ttl=\"1h\"");
    scene.ask("GET /", FRESH);
    let admin = scene.weir.admin_addr().to_string();
    let args = ["explain", "http://a.test/", "--admin", &admin];
    let (code, out, _) = run_to_end(&args, scene.weir.dir());
    assert_eq!(code, Some(0));
    let server = format!("{}, weight 1, up", scene.origin.server());
    for part in [
        "store default",
        "key http://a.test/",
        "ttl=3600s",
        "stored, fresh: status 200",
        "from the cache: hit",
        &server,
    ] {
        assert!(out.contains(part), "{part:?} in {out}");
    }
}

#[test]
fn a_question_that_is_none_is_refused() {
    let scene = Scene::new("cache");
    for body in ["", "[]", "{}", "{\"url\":\"/x\"}", "{\"url\":\"http://a/\",\"x\":1}"] {
        let length = body.len();
        let request =
            format!("POST /explain HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        let response = testkit::Client::connect(scene.weir.admin_addr()).exchange(request);
        assert_eq!(response.status, 400, "{body}");
    }
    let (code, _, err) =
        run_to_end(&["explain", "http://a/", "--admin", "127.0.0.1:1"], scene.weir.dir());
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot reach the admin listener at 127.0.0.1:1"), "{err}");
}
