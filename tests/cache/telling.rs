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
