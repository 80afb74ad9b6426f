//! What responses are known by, and which of several is selected (RFC 9111 §2, §4.1).

use testkit::Setup;

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";

#[test]
fn never_the_wrong_host_path_or_query() {
    let scene = Scene::new("cache");
    scene.ask("GET /a?x=1", FRESH);
    for other in ["GET /a?x=2", "GET /a", "GET /A?x=1", "GET /a?x=1&", "GET /a?x=1\nHost: b.test"] {
        assert!(!scene.ask(other, FRESH).is_hit(), "{other}");
    }
    for same in ["GET /a?x=1", "GET /a?x=1\nHost: A.TEST", "GET /a?x=1\nHost: a.test:80"] {
        assert!(scene.ask(same, "500").is_hit(), "{same}");
    }
}

#[test]
fn never_the_wrong_scheme() {
    let scene = Scene::with(Setup::new().route("cache").global("trusted-proxies \"127.0.0.1\""));
    scene.ask("GET /", FRESH);
    assert!(!scene.ask("GET /\nX-Forwarded-Proto: https", FRESH).is_hit());
    assert!(scene.ask("GET /\nX-Forwarded-Proto: http", "500").is_hit());
}

#[test]
fn never_the_answer_of_another_route() {
    let route = "route \"/*\" { match header=\"X-Version\" value=\"2\"; cache; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().route("cache").site(route));
    scene.ask("GET /", &format!("{FRESH} | body=one"));
    scene.ask("GET /\nX-Version: 2", &format!("{FRESH} | body=two"));
    assert_eq!(scene.ask("GET /", "500").response.text(), "one");
    assert_eq!(scene.ask("GET /\nX-Version: 2", "500").response.text(), "two");
}

#[test]
fn s4_1_vary_selects() {
    let scene = Scene::new("cache");
    let vary = |body: &str| format!("{FRESH} | Vary: Accept-Language, X | body={body}");
    scene.ask("GET /\nX: 1", &vary("one"));
    let second = scene.ask("GET /\nX: 2", &vary("two"));
    assert!(second.status().contains("fwd=vary-miss"), "{}", second.status());
    scene.ask("GET /\nX: 2\nAccept-Language: de, en", &vary("three"));
    for (fields, body) in [
        ("X: 1", "one"),
        ("X:  1 ", "one"),
        ("X: 2", "two"),
        ("X: 2\nAccept-Language: EN,de", "three"),
    ] {
        let outcome = scene.ask(&format!("GET /\n{fields}"), "500");
        assert!(outcome.is_hit(), "{fields}");
        assert_eq!(outcome.response.text(), body, "{fields}");
    }
    assert!(!scene.ask("GET /", FRESH).is_hit(), "a field that is not there is not an empty one");
}

#[test]
fn keys_as_the_operator_wants_them() {
    let scene = Scene::new(
        "cache { key sort-query=#true ignore-query=\"utm_*\" header=\"X-Device\" \
         cookie=\"plan\"; }",
    );
    scene.ask("GET /?b=1&a=2&utm_source=x", FRESH);
    assert!(scene.ask("GET /?a=2&b=1", "500").is_hit());
    assert!(!scene.ask("GET /?a=2&b=1\nX-Device: phone", FRESH).is_hit());
    assert!(!scene.ask("GET /?a=2&b=1\nCookie: plan=pro; x=1", FRESH).is_hit());
    assert!(scene.ask("GET /?a=2&b=1\nCookie: x=2; plan=pro", "500").is_hit());
    let scene = Scene::new("cache { key query=\"id\"; }");
    assert!(scene.reuses("GET /?id=1&x=1", FRESH, "GET /?id=1&x=2"));
    assert!(!scene.ask("GET /?id=2", FRESH).is_hit());
}

#[test]
fn who_goes_past_the_cache() {
    let scene =
        Scene::new("cache { bypass cookie=\"session\"; bypass header=\"X-Preview\" value=\"1\"; }");
    scene.ask("GET /", FRESH);
    let past = scene.ask("GET /\nCookie: session=1", "200 | body=own");
    assert_eq!(past.response.text(), "own");
    assert!(past.status().contains("fwd=bypass"), "{}", past.status());
    assert!(!scene.ask("GET /\nX-Preview: 1", "200").is_hit());
    assert!(scene.ask("GET /\nX-Preview: 2", "500").is_hit());
}

#[test]
fn a_sticky_cookie_is_for_one_client() {
    let scene = Scene::with(Setup::new().route("cache").upstream("sticky cookie=\"at\""));
    let first = scene.ask("GET /", &format!("{FRESH} | Set-Cookie: a=b"));
    assert_eq!(first.response.head.all("Set-Cookie").len(), 2);
    let second = scene.ask("GET /", "500");
    assert!(second.is_hit());
    assert_eq!(second.response.head.all("Set-Cookie"), ["a=b"]);
    assert!(scene.reuses(
        "GET /ttl",
        &format!("200 | ETag: \"a\" | Expires: {}", super::date(60)),
        "GET /ttl"
    ));
}

#[test]
fn stores_are_apart() {
    let global = "cache { memory \"1MiB\"; }\ncache \"other\" { memory \"1MiB\"; }";
    let route = "route \"/*\" { match header=\"X\"; cache \"other\"; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().global(global).route("cache").site(route));
    scene.ask("GET /", FRESH);
    assert!(!scene.ask("GET /\nX: 1", FRESH).is_hit());
    assert!(scene.ask("GET /\nX: 1", "500").is_hit());
}
