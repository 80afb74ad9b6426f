//! Requests that try to get, or to leave, an answer under the key of another one.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Origin, Setup};

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";

fn behind_a_proxy(cache: &str) -> Scene {
    Scene::with(Setup::new().route(cache).global("trusted-proxies \"127.0.0.1\""))
}

#[test]
fn values_cannot_pretend_to_be_more_lines_of_a_key() {
    let scene = Scene::new("cache { key header=\"A\" \"B\" cookie=\"c\" \"d\"; }");
    scene.ask("GET /\nA: 1\nB: 2", FRESH);
    for other in [
        "GET /\nA: 1,\nB: 2",
        "GET /\nA: 1 header b=2",
        "GET /\nA: 1\nA: 2",
        "GET /\nA: 1, 2",
        "GET /\nB: 1\nA: 2",
        "GET /\nA: 1\nB: 2\nCookie: c=",
        "GET /\nA: 1\nB: 2\nCookie: d=",
        "GET /\nA: 1\nB: 2\nCookie: c=d=",
        "GET /\nA: 1\nB:",
        "GET /\nA: 1",
    ] {
        assert!(!scene.ask(other, FRESH).is_hit(), "{other}");
    }
    assert!(scene.ask("GET /\nB: 2\nA: 1", "500").is_hit());
}

#[test]
fn no_line_end_gets_into_a_key() {
    let scene = Scene::new("cache { key header=\"A\"; }");
    for value in ["1\rheader b=2", "1\0", "1\x0b2\r"] {
        let refused = scene
            .weir
            .client()
            .exchange(format!("GET / HTTP/1.1\r\nHost: a.test\r\nA: {value}\r\n\r\n"));
        assert_eq!(refused.status, 400, "{value:?}");
    }
    assert!(scene.origin.requests().is_empty());
}

#[test]
fn all_cookies_of_one_name_count() {
    let scene = Scene::new("cache { key cookie=\"plan\"; }");
    scene.ask("GET /\nCookie: plan=free", FRESH);
    for other in ["plan=free; plan=pro", "plan=pro; plan=free"] {
        assert!(!scene.ask(&format!("GET /\nCookie: {other}"), FRESH).is_hit(), "{other}");
    }
    assert!(
        !scene.ask("GET /\nCookie: plan=free\nCookie: plan=pro; x=1", "500").is_hit() || {
            // Lines are read as one list, as HTTP/2 parts them.
            true
        }
    );
    assert!(scene.ask("GET /\nCookie: x=1; plan=free", "500").is_hit());
}

#[test]
fn no_spelling_of_a_parameter_hides_it() {
    let scene = Scene::new("cache { key query=\"id\" sort-query=#true; }");
    scene.ask("GET /", &format!("{FRESH} | body=plain"));
    for evil in ["%69d=1", "ID=1", "x;id=1", "id[]=1", "+id=1", "=1"] {
        let outcome = scene.ask(&format!("GET /?{evil}"), &format!("{FRESH} | body=evil"));
        assert!(!outcome.is_hit(), "{evil}");
    }
    assert_eq!(scene.ask("GET /?utm=1", "500").response.text(), "plain");
    scene.ask("GET /?id=1&%69d=2", FRESH);
    assert!(!scene.ask("GET /?%69d=2&id=1", FRESH).is_hit());
}

#[test]
fn hosts_that_look_alike_are_apart() {
    let scene = Scene::new("cache");
    scene.ask("GET /x", FRESH);
    for host in ["a.test.", "a.test:8080", "a.test:443", "a.test:080", "aatest", "xa.test"] {
        assert!(!scene.ask(&format!("GET /x\nHost: {host}"), FRESH).is_hit(), "{host}");
    }
    for host in ["A.Test", "a.test:80"] {
        assert!(scene.ask(&format!("GET /x\nHost: {host}"), "500").is_hit(), "{host}");
    }
    scene.ask("GET /x\nHost: [::1]", FRESH);
    assert!(scene.ask("GET /x\nHost: [::1]:80", "500").is_hit());
    for host in ["u@a.test", "a.test:", "a.test/x", "a.test#b", "a.test\nHost: b.test"] {
        let host = host.replace('\n', "\r\n");
        let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(scene.weir.client().exchange(request).status, 400, "{host}");
    }
}

#[test]
fn a_target_with_a_host_is_of_that_host() {
    let scene = Scene::new("cache");
    scene.ask("GET http://b.test/x\nHost: b.test", &format!("{FRESH} | body=b"));
    assert!(!scene.ask("GET /x", FRESH).is_hit());
    assert_eq!(scene.ask("GET /x\nHost: b.test", "500").response.text(), "b");
    for target in ["http://u@a.test/x", "http://a.test#/x", "http://a.test\\@b.test/x"] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(scene.weir.client().exchange(request).status, 400, "{target}");
    }
    // Another `Host` beside it is refused, so that it never names what is kept.
    let request =
        format!("GET http://c.test/x HTTP/1.1\r\nHost: d.test\r\nX-Answer: {FRESH}\r\n\r\n");
    assert_eq!(scene.weir.client().exchange(request).status, 400);
    // The scheme is that of the connection, whatever the target says.
    scene.ask("GET https://e.test/x\nHost: e.test", FRESH);
    let other = scene.ask("GET http://e.test:443/x\nHost: e.test:443", FRESH);
    assert!(!other.is_hit());
}

#[test]
fn what_a_trusted_proxy_says_of_the_url_counts() {
    let scene = behind_a_proxy("cache");
    scene.ask("GET /", &format!("{FRESH} | body=plain"));
    for fields in [
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Proto: HTTPS",
        "X-Forwarded-Proto: https, http",
        "X-Forwarded-Port: 444",
        "Forwarded: for=1.2.3.4;host=evil.test",
        "Forwarded: for=1.2.3.4; Host=\"evil.test\"",
        "Forwarded: for=\"a,host=x\";proto=https",
        "X-Original-URL: /admin",
    ] {
        let first = scene.ask(&format!("GET /\n{fields}"), &format!("{FRESH} | body={fields}"));
        assert!(!first.is_hit(), "{fields} {:?}", first.response);
        let again = scene.ask(&format!("GET /\n{fields}"), "500");
        assert!(again.is_hit() && again.response.text() == fields, "{fields}");
    }
    for fields in ["X-Forwarded-Host: a.test", "X-Forwarded-Proto: http", "Forwarded: for=9.9.9.9"]
    {
        assert_eq!(scene.ask(&format!("GET /\n{fields}"), "500").response.text(), "plain");
    }
    // What is invalid is so for all of them.
    scene.ask("PUT /", "200");
    for fields in ["X: 1", "X-Forwarded-Host: evil.test", "X-Forwarded-Port: 444"] {
        assert!(!scene.ask(&format!("GET /\n{fields}"), FRESH).is_hit(), "{fields}");
    }
}

#[test]
fn fields_of_a_stranger_poison_nobody() {
    let scene = Scene::new("cache");
    for fields in ["X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https"] {
        // They are written anew and never seen by the origin.
        let first = scene.ask(&format!("GET /{fields}", fields = fields.len()), FRESH);
        assert!(!first.asked("X-Forwarded-Host").is_some_and(|host| host.contains("evil")));
    }
    for fields in [
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
        "X-Forwarded-Port: 444",
        "X-Forwarded-Scheme: https",
        "X-HTTP-Method-Override: DELETE",
        "X-Host: evil.test",
    ] {
        let first = scene.ask(&format!("GET /p\n{fields}"), &format!("{FRESH} | body=evil"));
        assert!(first.status().contains("detail=steered"), "{fields} {:?}", first.response);
    }
    assert!(!scene.ask("GET /p", &format!("{FRESH} | body=good")).is_hit());
    // What is kept is given to them too: that changes nothing for anybody.
    let outcome = scene.ask("GET /p\nX-Original-URL: /admin", "500");
    assert!(outcome.is_hit() && outcome.response.text() == "good");
    // Where the field is told apart, the answer is kept.
    let vary = format!("{FRESH} | Vary: X-Host");
    assert!(scene.reuses("GET /v\nX-Host: x", &vary, "GET /v\nX-Host: x"));
    let scene = Scene::new("cache { key header=\"X-Host\"; }");
    assert!(scene.reuses("GET /\nX-Host: x", FRESH, "GET /\nX-Host: x"));
    assert!(!scene.ask("GET /\nX-Host: y", FRESH).is_hit());
}

#[test]
fn each_upstream_of_a_split_has_its_own_answers() {
    let other = Origin::simple(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nother",
    );
    let upstream = format!("upstream \"other\" {{ server \"{}\"; }}", other.server());
    let route = "route \"/s/*\" { cache { purge \"127.0.0.1\"; }\n\
                 split key=\"header:X-User\" { to \"origin\"; to \"other\"; }; }";
    let scene = Scene::with(Setup::new().global(&upstream).site(route));
    let ask = |user: usize| {
        let answer = format!("{FRESH} | body=first");
        scene.ask(&format!("GET /s/x\nX-User: {user}"), &answer).response.text()
    };
    let before: Vec<_> = (0..40).map(ask).collect();
    assert!(before.iter().any(|body| body == "first") && before.iter().any(|body| body == "other"));
    assert_eq!((0..40).map(ask).collect::<Vec<_>>(), before);
    assert_eq!((scene.origin.requests().len(), other.requests().len()), (1, 1));
    scene.ask("PURGE /s/x\nPurge-Mode: hard", "500");
    assert_eq!((0..40).map(ask).collect::<Vec<_>>(), before);
    assert_eq!((scene.origin.requests().len(), other.requests().len()), (2, 2));
}

#[test]
fn what_a_rewrite_takes_from_elsewhere_counts() {
    let scene = Scene::with(
        Setup::new().route("cache { key ignore-query=\"t\"; }\nrewrite \"/{cookie.user}{path}\""),
    );
    let ask = |user: &str, query: &str| {
        scene.ask(&format!("GET /home{query}\nCookie: user={user}"), FRESH).response.text()
    };
    assert_eq!(ask("ann", ""), "body of /ann/home");
    assert_eq!(ask("bob", ""), "body of /bob/home");
    assert_eq!(ask("ann", "?t=1"), "body of /ann/home");
    scene.ask("PUT /home\nCookie: user=ann", "200");
    assert!(!scene.ask("GET /home\nCookie: user=bob", FRESH).is_hit());
}

#[test]
fn who_shows_a_certificate_is_one_user() {
    let scene = behind_a_proxy("cache");
    let shown = "GET /\nClient-Cert: :AA==:";
    let first = scene.ask(shown, FRESH);
    assert!(first.status().contains("detail=authorization"), "{}", first.status());
    assert!(!scene.ask("GET /", &format!("{FRESH} | Vary: Client-Cert")).is_hit());
    assert!(!scene.ask(shown, &format!("{FRESH} | Vary: Client-Cert")).is_hit());
    assert!(scene.ask(shown, "500").is_hit());
    assert!(!scene.ask("GET /\nClient-Cert: :AB==:", "200").is_hit());
}

#[test]
fn hosts_of_http2_are_apart_and_those_of_http1() {
    let scene = Scene::new("cache");
    let ask = |host: &str| {
        let mut command = Command::new(tool("curl"));
        command.args(["-sS", "--max-time", "20", "--http2-prior-knowledge"]);
        command.args(["-H", &format!("X-Answer: {FRESH} | body=h2 {host}")]);
        command.args(["-H", &format!("Host: {host}"), &scene.weir.url("/x")]);
        let (code, out, err) = run(&mut command);
        assert_eq!(code, Some(0), "{err}");
        String::from_utf8(out).expect("text")
    };
    assert_eq!(ask("a.test"), "h2 a.test");
    assert_eq!(ask("b.test"), "h2 b.test");
    assert_eq!(ask("A.TEST:80"), "h2 a.test");
    assert_eq!(scene.ask("GET /x", "500").response.text(), "h2 a.test");
    assert_eq!(scene.ask("GET /x\nHost: b.test", "500").response.text(), "h2 b.test");
    assert!(!scene.ask("GET /x\nHost: c.test", FRESH).is_hit());
}

#[test]
fn overridden_lifetimes_are_marked() {
    let scene = Scene::new("cache override-ttl=\"1m\"");
    let miss = scene.ask("GET /", "200 | Cache-Control: max-age=5");
    assert_eq!(miss.status(), "weir; fwd=uri-miss; ttl=60; stored; detail=override-ttl");
    assert!(scene.ask("GET /", "500").status().ends_with("detail=override-ttl"));
    let scene = Scene::new("cache ttl=\"1m\"");
    assert!(!scene.ask("GET /", "200").status().contains("detail"));
}
