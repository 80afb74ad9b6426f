//! The attacks on caches that are known by a name: what one client sends must not become what
//! others get, nor cost more than it brings.

use testkit::origin::ok;
use testkit::{Origin, Setup};

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";

/// Poisoning by host: the authority that counts is the one that the key has, and what untrusted
/// clients say of it in other fields goes nowhere.
#[test]
fn a_host_of_the_clients_own_choice() {
    let scene = Scene::new("cache");
    let fields = "X-Forwarded-Host: evil.test\nForwarded: host=evil.test;proto=gopher\n\
                  X-Forwarded-Proto: gopher\nX-Forwarded-For: 10.0.0.1";
    let miss = scene.ask(&format!("GET /\n{fields}"), FRESH);
    assert_eq!(miss.asked("X-Forwarded-Host"), Some("a.test"));
    assert_eq!(miss.asked("X-Forwarded-Proto"), Some("http"));
    for field in miss.sent.unwrap().head.fields {
        assert!(!field.1.contains("evil") && !field.1.contains("gopher"), "{field:?}");
    }
    let absolute = scene.ask("GET http://b.test/\nHost: b.test", &format!("{FRESH} | body=of b"));
    assert_eq!(absolute.asked("Host"), Some("b.test"));
    assert_eq!(scene.ask("GET /\nHost: b.test", "500").response.text(), "of b");
    assert_eq!(scene.ask("GET /", "500").response.text(), "body of /");
    let mut client = scene.weir.client();
    let two = client.exchange("GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(two.status, 400);
    let mut client = scene.weir.client();
    let twice = client.exchange("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n");
    assert_eq!(twice.status, 400);
}

/// CPDoS by method override, and poisoning by fields that stand for the path or the host.
#[test]
fn fields_that_make_a_request_another_one() {
    let scene = Scene::new("cache");
    for (index, field) in [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: HEAD",
        "x-method-override: POST",
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
        "X-Host: evil.test",
        "X-Forwarded-Server: evil.test",
        "X-Forwarded-Scheme: http",
        "X-Forwarded-Port: 1",
        "X-Forwarded-SSL: off",
        "X-Invoke-Status: 500",
        "X-Now-Route-Matches: 1",
        "X-Forwarded-Prefix: //evil.test",
    ]
    .into_iter()
    .enumerate()
    {
        let steered = scene.ask(&format!("GET /{index}\n{field}"), &format!("{FRESH} | body=evil"));
        assert!(steered.status().contains("detail=steered"), "{field} {}", steered.status());
        let plain = scene.ask(&format!("GET /{index}"), FRESH);
        assert_eq!(plain.response.text(), format!("body of /{index}"), "{field}");
        assert!(scene.ask(&format!("GET /{index}\n{field}"), "500").is_hit(), "{field}");
    }
    let told = format!("{FRESH} | Vary: X-Host");
    assert!(scene.reuses("GET /told\nX-Host: x", &told, "GET /told\nX-Host: x"));
    assert!(!scene.ask("GET /told\nX-Host: y", FRESH).is_hit());
    let scene = Scene::new("cache { key header=\"X-Host\"; }");
    assert!(scene.reuses("GET /\nX-Host: x", FRESH, "GET /\nX-Host: x"));
    let trusting = Setup::new().route("cache").global("trusted-proxies \"127.0.0.1\"");
    let scene = Scene::with(trusting);
    // It may pass on what its client says, so that what it says is part of the key.
    let edge = "GET /\nX-Forwarded-Server: edge";
    assert!(scene.reuses(edge, FRESH, edge));
    assert!(!scene.ask("GET /\nX-Forwarded-Server: other", FRESH).is_hit());
}

/// The same by a 304, a part or a HEAD that such a request brings about.
#[test]
fn fields_that_make_a_validation_another_one() {
    let scene = Scene::new("cache");
    let evil = "X-Forwarded-Prefix: //evil.test";
    scene.ask("GET /", "200 | Cache-Control: max-age=0 | ETag: \"a\" | Link: good");
    let renewed = "304 | Cache-Control: max-age=60 | ETag: \"a\" | Link: evil";
    assert_eq!(scene.ask(&format!("GET /\n{evil}"), renewed).response.field("Link"), Some("evil"));
    let next = scene.ask("GET /", "304 | ETag: \"a\"");
    assert_eq!((next.is_hit(), next.response.field("Link")), (false, Some("good")));
    let first =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 0-1/4 | body=go";
    scene.ask("GET /part\nRange: bytes=0-1", first);
    let rest =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 2-3/4 | body=ne";
    assert_eq!(scene.ask(&format!("GET /part\n{evil}"), rest).response.text(), "gone");
    assert!(!scene.ask("GET /part", FRESH).is_hit());
    scene.ask("GET /head", FRESH);
    let head = format!("HEAD /head\nCache-Control: no-cache\n{evil}");
    scene.ask(&head, &format!("{FRESH} | ETag: \"evil\""));
    assert!(scene.ask("GET /head", "500").is_hit());
}

/// A session of one client that comes with a 304, as middleware sets it everywhere.
#[test]
fn a_cookie_by_way_of_a_304() {
    let scene = Scene::new("cache");
    scene.ask("GET /", "200 | Cache-Control: max-age=60 | Age: 90 | ETag: \"a\"");
    let renewed = scene.ask("GET /", "304 | ETag: \"a\" | Set-Cookie: session=1");
    assert_eq!(renewed.response.field("Set-Cookie"), Some("session=1"));
    let hit = scene.ask("GET /", "500");
    assert!(hit.is_hit());
    assert_eq!(hit.response.field("Set-Cookie"), None);
}

/// A GET with content, which an origin may read and the key does not have.
#[test]
fn a_fat_get_goes_past_the_cache() {
    let scene = Scene::new("cache");
    let mut client = scene.weir.client();
    let fields = "Host: a.test\r\nX-Answer: 200 | Cache-Control: max-age=60 | body=evil";
    let ask = format!("GET / HTTP/1.1\r\n{fields}\r\nContent-Length: 4\r\n\r\nevil");
    assert_eq!(client.exchange(&ask).text(), "evil");
    assert_eq!(scene.ask("GET /", FRESH).response.text(), "body of /");
    assert_eq!(client.exchange(&ask).text(), "evil", "nor is it answered from there");
    assert_eq!(scene.ask("GET /", "500").response.text(), "body of /");
}

/// CVE-2025-4366: content that a hit does not read is not taken for the next request.
#[test]
fn content_of_a_request_that_hits_is_no_request() {
    let scene = Scene::new("cache");
    scene.ask("GET /", FRESH);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for framing in [
        format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len()),
    ] {
        for method in ["GET", "HEAD"] {
            let mut client = scene.weir.client();
            client.ask(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{framing}"));
            client.ask("GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
            assert_eq!(client.response().status, 200);
            assert_eq!(client.response().text(), "body of /next");
            client.expect_closed();
        }
    }
    assert!(!scene.origin.seen().lines().iter().any(|line| line.contains("hidden")));
}

/// Cache deception: what is for one user is not kept because its path looks like a file's.
#[test]
fn deception_by_a_path_that_looks_static() {
    let scene = Scene::new("cache ttl=\"1h\"");
    for (path, directives) in [
        ("/account/x.css", "Cache-Control: private"),
        ("/account/y.js", "Cache-Control: no-store"),
        ("/account;z.png", "Cache-Control: no-cache"),
        ("/account%0a.png", "Set-Cookie: session=1"),
    ] {
        let request = format!("GET {path}");
        assert!(!scene.reuses(&request, &format!("200 | {directives}"), &request), "{path}");
    }
}

/// Deception by a path that is two: the route by which an origin would read it decides.
#[test]
fn deception_by_a_path_that_two_read_differently() {
    let plain = "route \"/account\" { proxy \"origin\"; }\n\
                 route \"/static/*\" { cache ttl=\"1h\"; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().site(plain));
    assert!(scene.reuses("GET /static/x", "200", "GET /static/x"));
    for path in
        ["/static/../account", "/static/%2e%2e/account", "//account", "/static/./../account"]
    {
        let request = format!("GET {path}");
        assert!(!scene.reuses(&request, "200", &request), "{path}");
    }
    let escaped = scene.ask("GET /static/..%2faccount", "200");
    assert!(escaped.is_hit() && escaped.response.status == 400, "{}", escaped.response.status);
}

/// CPDoS: an error that one client has provoked is not for the others.
#[test]
fn errors_by_headers_too_large_or_malformed() {
    let scene = Scene::new("cache error-ttl=\"1h\"");
    for status in [400, 413, 429, 431] {
        let request = format!("GET /{status}");
        assert!(!scene.reuses(&request, &status.to_string(), &request), "{status}");
    }
    assert!(scene.reuses("GET /404", "404", "GET /404"));
    for field in [format!("X: {}", "x".repeat(200_000)), "X: \u{1}".into(), "X\u{0}: 1".into()] {
        let mut client = scene.weir.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n\r\n"));
        let text = client.everything();
        assert!(text.starts_with("HTTP/1.1 4"), "{text}");
    }
    assert_eq!(scene.ask("GET /", FRESH).response.status, 200);
}

/// Keys are what the client wrote: what two servers may read differently is not one key.
#[test]
fn no_key_is_made_of_two_spellings() {
    let scene = Scene::new("cache");
    scene.ask("GET /a/b?x=1&y=2", FRESH);
    for other in [
        "/a/%62?x=1&y=2",
        "/a//b?x=1&y=2",
        "/a/./b?x=1&y=2",
        "/a/b/?x=1&y=2",
        "/a/b?y=2&x=1",
        "/a/b?x=1&Y=2",
        "/a/b?x=%31&y=2",
        "/a/b;v=1?x=1&y=2",
        "/A/b?x=1&y=2",
    ] {
        assert!(!scene.ask(&format!("GET {other}"), FRESH).is_hit(), "{other}");
    }
    assert!(!scene.ask("GET /a/b?x=1&y=2\nHost: a.test:8080", FRESH).is_hit());
    assert!(!scene.ask("GET /a/b?x=1&y=2\nHost: a.test.", FRESH).is_hit());
}

/// Response splitting: bytes behind an answer are not the answer to what is asked next.
#[test]
fn a_second_answer_behind_the_first() {
    let origin = Origin::answer(|request| match request.target() {
        "/evil" => [ok("first"), ok("poison")].concat(),
        _ => {
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\ngood".into()
        }
    });
    let weir = Setup::new().to(&origin).route("cache").start();
    for count in 0..20 {
        assert_eq!(weir.get("/evil").text(), "first");
        assert_eq!(weir.get(&format!("/good/{count}")).text(), "good");
    }
}

/// Smuggling by an answer whose length is doubtful: it is an error, and nothing of it is kept.
#[test]
fn an_answer_with_two_lengths() {
    for fields in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Transfer-Encoding: chunked, identity",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n{fields}\r\n\r\n");
        let origin = Origin::script(move |turn| {
            turn.request();
            turn.send(format!("{head}4\r\nevil\r\n0\r\n\r\n"));
        });
        let weir = Setup::new().to(&origin).route("cache").upstream("retry attempts=0").start();
        assert_eq!(weir.get("/").status, 502, "{fields}");
        assert_eq!(weir.get("/").status, 502, "{fields}");
        assert_eq!(origin.requests().len(), 2, "{fields}");
    }
}

/// HEAD and GET: neither the missing content of the one nor its fields stand in for the other's.
#[test]
fn head_never_makes_a_get() {
    let scene = Scene::new("cache");
    scene.ask("HEAD /", &format!("{FRESH} | body=long content"));
    assert_eq!(scene.ask("GET /", FRESH).response.text(), "body of /");
    scene.ask("HEAD /\nCache-Control: no-cache", &format!("{FRESH} | body=x | Content-Type: a/b"));
    let again = scene.ask("GET /", FRESH);
    assert!(!again.is_hit(), "another length: it is stale");
    assert_eq!(again.response.text(), "body of /");
    scene.ask("HEAD /error", "404 | Cache-Control: max-age=60");
    assert_eq!(scene.ask("GET /error", FRESH).response.status, 200);
}

/// Hop-by-hop abuse: a client cannot name fields away that a proxy writes or that select, nor
/// does what the origin names for one connection reach the next client.
#[test]
fn fields_that_connection_names() {
    let scene = Scene::new("cache");
    let answer = format!("{FRESH} | Vary: Accept-Language | body=default");
    let ask = "GET /\nAccept-Language: de\nConnection: Accept-Language";
    let miss = scene.ask(ask, &answer);
    let seen = miss.asked("Accept-Language").is_some();
    assert_eq!(scene.ask("GET /\nAccept-Language: de", FRESH).is_hit(), seen, "the origin's view");
    let named = "Connection: X-Forwarded-For, X-Forwarded-Host, Host, Cookie, Authorization, Via";
    let ask = format!("GET /own\n{named}\nCookie: a=b\nAuthorization: x");
    let miss = scene.ask(&ask, FRESH);
    assert_eq!(miss.asked("Cookie"), Some("a=b"));
    assert_eq!(miss.asked("Authorization"), Some("x"));
    assert_eq!(miss.asked("X-Forwarded-Host"), Some("a.test"));
    assert!(miss.asked("X-Forwarded-For").is_some() && miss.asked("Via").is_some());
    assert!(!scene.ask("GET /own", FRESH).is_hit(), "it had credentials");
    let listed = format!("{FRESH} | Connection: Secret | Secret: 1 | Keep-Alive: 5 | Upgrade: h2c");
    scene.ask("GET /listed", &listed);
    let hit = scene.ask("GET /listed", "500").response;
    for gone in ["Secret", "Keep-Alive", "Upgrade", "Connection"] {
        assert_eq!(hit.field(gone), None, "{gone}");
    }
}

/// A request for another protocol is not answered by content, nor its answer kept.
#[test]
fn an_upgrade_goes_past_the_cache() {
    let scene = Scene::new("cache");
    scene.ask("GET /", FRESH);
    let upgrade = "GET /\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
    assert!(!scene.ask(upgrade, &format!("{FRESH} | body=evil")).is_hit());
    assert_eq!(scene.ask("GET /", "500").response.text(), "body of /");
}

/// An address that a client claims does not let it purge.
#[test]
fn a_purge_by_an_address_of_the_clients_own_choice() {
    let scene = Scene::new("cache { purge \"10.0.0.0/8\"; }");
    scene.ask("GET /", FRESH);
    for field in ["X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"] {
        assert_eq!(scene.ask(&format!("PURGE /\n{field}"), "200").response.status, 403);
    }
    assert!(scene.ask("GET /", "500").is_hit());
}
