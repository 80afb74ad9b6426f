//! Purges by URL reach what a client gets by that URL, whatever its route does to keys.

use testkit::Setup;

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";

/// Purges a URL by the command line; returns what it says.
fn purge(scene: &Scene, url: &str) -> String {
    let admin = scene.weir.admin_addr().to_string();
    let args = ["purge", "--admin", &admin, "--hard", "--url", url];
    let (code, out, err) = testkit::weir::run_to_end(&args, scene.weir.dir());
    assert_eq!(code, Some(0), "{err}");
    out
}

#[test]
fn rules_of_the_query_are_those_of_the_route() {
    let other = "route \"/list/*\" { cache { key query=\"page\"; }; proxy \"origin\"; }";
    let setup = Setup::new()
        .route("cache { key sort-query=#true ignore-query=\"utm_*\"; purge \"127.0.0.1\"; }");
    let scene = Scene::with(setup.site(other));
    for (kept, purged) in [
        ("/a?b=1&a=2", "/a?utm_source=x&a=2&b=1"),
        ("/a?a=1", "/a?a=1&utm_x=7"),
        ("/list/x?page=1&other=2", "/list/x?page=1&what=5"),
        ("/list/x", "/list/x?utm_y=1"),
    ] {
        scene.ask(&format!("GET {kept}"), FRESH);
        assert_eq!(purge(&scene, &format!("http://a.test{purged}")), "purged 1 stored responses");
        assert!(!scene.ask(&format!("GET {kept}"), FRESH).is_hit(), "{purged}");
    }
    scene.ask("GET /list/x?page=2", FRESH);
    purge(&scene, "http://a.test/list/x?page=3");
    assert!(scene.ask("GET /list/x?page=2", "500").is_hit(), "another page stays");
    scene.ask("PURGE /a?a=1&utm_q=1\nPurge-Mode: hard", "500");
    assert!(!scene.ask("GET /a?a=1", FRESH).is_hit());
}

#[test]
fn all_routes_that_may_take_the_url_count() {
    let other =
        "route \"/*\" { match header=\"X\"; cache { key query=\"id\"; }; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().route("cache { key cookie=\"c\"; }").site(other));
    scene.ask("GET /p?id=1&x=2\nX: 1", FRESH);
    scene.ask("GET /p?id=1&x=2\nCookie: c=1", FRESH);
    purge(&scene, "HTTP://A.test:80/p?id=1&x=2");
    assert!(!scene.ask("GET /p?id=1&x=2\nX: 1", FRESH).is_hit());
    assert!(!scene.ask("GET /p?id=1&x=2\nCookie: c=1", FRESH).is_hit());
}

#[test]
fn classes_of_devices_and_posts_go_with_their_url() {
    let scene = Scene::new("cache { key device=#true; post; }");
    let posted = || {
        let request = "POST /p HTTP/1.1\r\nHost: a.test\r\n\
                       X-Answer: 200 | Cache-Control: max-age=60\r\n\
                       Content-Length: 1\r\n\r\nx";
        scene.weir.client().exchange(request).head.all("cache-status").join("")
    };
    let phone = "User-Agent: x (iPhone)";
    scene.ask(&format!("GET /p\n{phone}"), FRESH);
    posted();
    assert!(posted().starts_with("weir; hit"));
    purge(&scene, "http://a.test/p");
    assert!(!scene.ask(&format!("GET /p\n{phone}"), FRESH).is_hit());
    assert!(posted().contains("uri-miss"));
}

#[test]
fn urls_that_responses_have_made_one_go_together() {
    let scene = Scene::new("cache");
    let rule = format!("{FRESH} | No-Vary-Search: params=(\"x\")");
    scene.ask("GET /p?a=1&x=1", &rule);
    purge(&scene, "http://a.test/p?x=7&a=1");
    assert!(!scene.ask("GET /p?a=1&x=1", &rule).is_hit());
}

#[test]
fn a_change_by_one_route_counts_for_the_rules_of_others() {
    let other = "route \"/*\" methods=\"POST\" { cache; proxy \"origin\"; }";
    let scene = Scene::with(Setup::new().route("cache { key ignore-query=\"t\"; }").site(other));
    scene.ask("GET /p?a=1&t=1", FRESH);
    scene.ask("POST /p?t=5&a=1", "200");
    assert!(!scene.ask("GET /p?a=1", FRESH).is_hit());
}
