//! `No-Vary-Search`: one response for all URLs that differ only in what it names.

use std::thread;

use testkit::{Gate, Origin, Setup, Turn};

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";

fn with(rule: &str) -> String {
    format!("{FRESH} | No-Vary-Search: {rule}")
}

#[test]
fn what_does_not_matter_is_not_looked_at() {
    let scene = Scene::new("cache");
    scene.ask("GET /p?a=1&utm=x&b=2", &with("params=(\"utm\"), key-order"));
    for same in ["/p?a=1&b=2", "/p?b=2&utm=y&a=1", "/p?a=%31&b=2&", "/p?utm&a=1&b=2"] {
        assert!(scene.ask(&format!("GET {same}"), "500").is_hit(), "{same}");
    }
    for other in ["/p?a=2&b=2", "/p?a=1", "/p?a=1&b=2&UTM=1", "/p/?a=1&b=2", "/q?a=1&b=2"] {
        assert!(!scene.ask(&format!("GET {other}"), "200").is_hit(), "{other}");
    }
    assert!(!scene.ask("GET /p?a=1&b=2\nHost: b.test", "200").is_hit());
}

#[test]
fn only_what_is_excepted_matters() {
    let scene = Scene::new("cache");
    scene.ask("GET /p?id=1&x=1", &with("params, except=(\"id\")"));
    assert!(scene.ask("GET /p?y=2&id=1", "500").is_hit());
    assert!(!scene.ask("GET /p?id=2", &with("params, except=(\"id\")")).is_hit());
    assert!(scene.ask("GET /p?id=2&z", "500").is_hit());
    scene.ask("GET /all?x=1", &with("params"));
    assert!(scene.ask("GET /all", "500").is_hit());
}

#[test]
fn what_is_not_valid_changes_nothing() {
    let scene = Scene::new("cache");
    for (path, rule) in
        [("/a", "params=(a)"), ("/b", "except=(\"x\")"), ("/c", "params=?0"), ("/d", "what")]
    {
        scene.ask(&format!("GET {path}?x=1"), &with(rule));
        assert!(!scene.ask(&format!("GET {path}?x=2"), "200").is_hit(), "{rule}");
        assert!(scene.ask(&format!("GET {path}?x=1"), "500").is_hit(), "{rule}");
    }
}

#[test]
fn a_response_without_the_field_answers_its_own_url() {
    let scene = Scene::new("cache");
    scene.ask("GET /p?a=1", &with("params=(\"x\")"));
    scene.ask("GET /p?a=2&x=1", &format!("{FRESH} | body=alone"));
    assert_eq!(scene.ask("GET /p?a=2&x=1", "500").response.text(), "alone");
    assert!(!scene.ask("GET /p?a=2&x=2", &format!("{FRESH} | body=other")).is_hit());
    assert!(scene.ask("GET /p?a=1&x=9", "500").is_hit(), "the rule of the others still counts");
}

#[test]
fn another_rule_lets_nothing_through_that_was_kept_by_the_first() {
    let scene = Scene::new("cache");
    scene.ask("GET /p?a=1&b=1", &with("params=(\"a\")"));
    assert!(scene.ask("GET /p?b=1", "500").is_hit());
    // Now `b` does not matter, and `a` does.
    scene.ask("GET /p?a=1&b=2", &with("params=(\"b\")"));
    assert!(scene.ask("GET /p?a=1", "500").is_hit());
    assert!(!scene.ask("GET /p?b=1", &with("params=(\"b\")")).is_hit());
    assert!(!scene.ask("GET /p?a=2&b=1", &with("params=(\"a\")")).is_hit());
    // By a third one, `/p?b=1` is the form of a URL that the first did not mean.
    scene.ask("GET /p?z=1&c=1", &with("params=(\"c\")"));
    assert!(!scene.ask("GET /p?b=1&c=3", &with("params=(\"c\")")).is_hit());
    // The first rule is back, but not what was kept by it.
    assert!(!scene.ask("GET /p?a=3&b=2", &with("params=(\"a\")")).is_hit());
}

#[test]
fn a_validation_may_bring_another_rule() {
    let scene = Scene::new("cache");
    let stale = "200 | Cache-Control: max-age=0 | ETag: \"a\" | No-Vary-Search: params";
    scene.ask("GET /p?a=1", stale);
    let validated = scene.ask("GET /p?a=2", "304 | ETag: \"a\" | Cache-Control: max-age=60");
    assert_eq!(validated.asked("If-None-Match"), Some("\"a\""));
    assert!(scene.ask("GET /p?a=3", "500").is_hit());
    let scene = Scene::new("cache");
    scene.ask("GET /p?a=1", stale);
    let other = "304 | ETag: \"a\" | Cache-Control: max-age=60 | No-Vary-Search: key-order";
    assert_eq!(scene.ask("GET /p?a=2", other).response.status, 200);
    assert!(!scene.ask("GET /p?a=3", "200").is_hit(), "`params` does not count any more");
}

#[test]
fn rules_of_the_operator_go_first() {
    let scene = Scene::new("cache { key ignore-query=\"utm_*\" sort-query=#true; }");
    scene.ask("GET /p?b=1&a=1&utm_x=1", &with("params=(\"a\")"));
    assert!(scene.ask("GET /p?utm_y=1&a=2&b=1", "500").is_hit());
    assert!(!scene.ask("GET /p?b=2", "200").is_hit());
}

#[test]
fn routes_for_the_same_path_have_their_own_rules() {
    let route = "route \"/*\" { match header=\"X\"; cache; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().route("cache").site(route));
    scene.ask("GET /p?a=1", &with("params"));
    scene.ask("GET /p?a=1\nX: 1", FRESH);
    assert!(!scene.ask("GET /p?a=2\nX: 1", FRESH).is_hit());
    assert!(scene.ask("GET /p?a=2", "500").is_hit());
}

#[test]
fn a_purge_or_a_change_of_any_of_the_urls_is_one_of_all() {
    let scene = Scene::new("cache { purge \"127.0.0.1\"; }");
    let rule = with("params=(\"x\")");
    for clear in ["PURGE /p?a=1&x=8\nPurge-Mode: hard", "PUT /p?x=9&a=1", "DELETE /p?a=1"] {
        scene.ask("GET /p?a=1&x=1", &rule);
        assert!(scene.ask("GET /p?a=1&x=2", "500").is_hit());
        scene.ask(clear, "200");
        assert!(!scene.ask("GET /p?a=1&x=2", &rule).is_hit(), "{clear}");
        scene.ask("PUT /p?a=1", "200");
    }
    scene.ask("GET /p?a=1&x=1", &rule);
    scene.ask("POST /elsewhere", "201 | Location: /p?x=5&a=1");
    assert!(!scene.ask("GET /p?a=1", &rule).is_hit(), "named by `Location`");
}

#[test]
fn equivalent_urls_at_once_are_one_fetch() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::script(move |turn: &mut Turn| {
            while let Some(request) = turn.next_request() {
                if request.target().contains("wait") {
                    gate.pass();
                }
                // What has `own` in it is for its URL alone.
                let rule = if request.target().contains("own") {
                    ""
                } else {
                    "No-Vary-Search: params=(\"x\")\r\n"
                };
                let body = request.target().to_owned();
                let length = body.len();
                turn.send(format!(
                    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n{rule}\
                     Content-Length: {length}\r\n\r\n{body}"
                ));
            }
        })
    };
    let weir = Setup::new().to(&origin).route("cache").start();
    assert_eq!(weir.get("/p?a=0").status, 200);
    let ask_all = |query: &'static str, fetches: usize| {
        let before = origin.requests().len();
        thread::scope(|scope| {
            let ask = |number: usize| {
                let weir = &weir;
                scope.spawn(move || weir.get(&format!("/p?{query}&x={number}")).text())
            };
            let first = ask(0);
            origin.seen().wait_requests(before + 1);
            let rest: Vec<_> = (1..4).map(ask).collect();
            // They are on their way; whether they wait or come later makes no difference here.
            (0..fetches).for_each(|_| gate.open());
            let first = first.join().unwrap();
            let rest = rest.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>();
            (first, rest, origin.requests().len() - before)
        })
    };
    let (first, rest, count) = ask_all("wait", 1);
    assert!(rest.iter().all(|body| *body == first) && count == 1, "{first} {rest:?} {count}");
    let (first, rest, count) = ask_all("wait&own", 4);
    assert_eq!((first.as_str(), count), ("/p?wait&own&x=0", 4));
    assert_eq!(rest, ["/p?wait&own&x=1", "/p?wait&own&x=2", "/p?wait&own&x=3"]);
}

#[test]
fn many_rules_take_no_more_than_they_may() {
    let scene = Scene::with(
        Setup::new().route("cache").global("cache { no-vary-search-bytes-max \"4KiB\"; }"),
    );
    for path in 0..40 {
        scene.ask(&format!("GET /{path}?x=1"), &with("params"));
    }
    assert!(scene.ask("GET /39?x=2", "500").is_hit());
    assert!(!scene.ask("GET /0?x=2", "200").is_hit(), "its rule made room");
    let limit = &["limit=\"no-vary-search-bytes-max\""];
    assert!(scene.weir.metrics().sum("weir_limits_hit_total", limit) > 10.0);
    let off = Scene::with(
        Setup::new().route("cache").global("cache { no-vary-search-bytes-max \"16B\"; }"),
    );
    off.ask("GET /?x=1", &with("params"));
    assert!(!off.ask("GET /?x=2", "200").is_hit());
    assert!(off.ask("GET /?x=1", "500").is_hit());
}
