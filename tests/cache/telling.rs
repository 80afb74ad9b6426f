//! What the cache tells of itself (RFC 9211).

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";

#[test]
fn rfc9211_each_answer_says_how_it_came() {
    let scene = Scene::new("cache show-key=#true");
    let miss = scene.ask("GET /?a\"b", FRESH);
    assert_eq!(miss.status(), "weir; fwd=uri-miss; ttl=60; stored; key=\"http://a.test/?a\\\"b\"");
    let hit = scene.ask("GET /?a\"b", "500").status();
    assert!(hit.starts_with("weir; hit; ttl="), "{hit}");
    let scene = Scene::new("cache");
    let expect = |request: &str, answer: &str, status: &str| {
        assert_eq!(scene.ask(request, answer).status(), status, "{request}");
    };
    expect("GET /p", "200 | Cache-Control: private", "weir; fwd=uri-miss; detail=private");
    expect("POST /p", "200", "weir; fwd=method");
    expect("OPTIONS /p", "200", "weir; fwd=method");
    let chain = scene.ask("GET /c", &format!("{FRESH} | Cache-Status: origin; hit"));
    assert_eq!(chain.status(), "origin; hit, weir; fwd=uri-miss; ttl=60; stored");
    let silent = Scene::new("cache status=#false");
    assert_eq!(silent.ask("GET /", FRESH).status(), "");
    assert_eq!(silent.ask("GET /", "500").status(), "");
}

#[test]
fn origins_are_told_of_the_surrogate() {
    let scene = Scene::new("cache");
    let miss = scene.ask("GET /", FRESH);
    assert_eq!(miss.asked("Surrogate-Capability"), Some("weir=\"Surrogate/1.0\""));
}

#[test]
fn a_lifetime_of_the_operator_shares_no_cookie() {
    let scene = Scene::new("cache override-ttl=\"1m\"");
    let cookie =
        |outcome: &super::scene::Outcome| outcome.response.field("set-cookie").map(str::to_owned);
    let first = scene.ask("GET /", "200 | Set-Cookie: session=1");
    assert_eq!(cookie(&first).as_deref(), Some("session=1"), "it is for the one who asked");
    let second = scene.ask("GET /", "500");
    assert!(second.is_hit() && cookie(&second).is_none(), "{:?}", second.response);
    let scene = Scene::new("cache ttl=\"1m\"");
    let refused = scene.ask("GET /", "200 | Set-Cookie: session=1");
    assert_eq!(refused.status(), "weir; fwd=uri-miss; detail=set-cookie");
}

#[test]
fn a_head_says_why_it_keeps_nothing() {
    let scene = Scene::new("cache");
    assert_eq!(scene.ask("HEAD /", FRESH).status(), "weir; fwd=uri-miss; detail=head");
}

#[test]
fn the_log_and_the_command_line_show_what_the_cache_did() {
    let scene = Scene::new("cache");
    for (request, answer) in [
        ("GET /", FRESH),
        ("GET /", "500"),
        ("GET /\nCache-Control: no-cache", "500"),
        ("POST /", "500"),
    ] {
        scene.ask(request, answer);
    }
    let lines = scene.weir.wait_log(4);
    let told: Vec<_> = lines.iter().map(|line| line.text("cache").to_owned()).collect();
    assert_eq!(told, ["miss", "hit", "miss", "bypass"]);
    let admin = scene.weir.admin_addr().to_string();
    let args = ["cache", "stats", "--admin", &admin];
    let (code, out, err) = testkit::weir::run_to_end(&args, scene.weir.dir());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("cache default\n  hits        33.3%  of 3 requests;"), "{out}");
    assert!(out.contains("33.3%  of 3 at * /*\n") && out.contains("  memory          1"), "{out}");
}
