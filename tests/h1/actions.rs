//! Routes, actions and edits, as a client and an origin see them.

use dialogue::{get, with_fields};
use testkit::{Origin, Response, Setup, Weir};

fn site(origin: &Origin, text: &str) -> Weir {
    Setup::new().site(text).to(origin).start()
}

/// A request for this host and target.
fn at(weir: &Weir, host: &str, target: &str) -> Response {
    weir.client().exchange(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn respond_says_what_it_is_told() {
    let weir = Setup::new()
        .site("route \"=/robots.txt\" { respond 203 body=\"User-agent: *\\n\" type=\"text/x\"; }")
        .start();
    let mut client = weir.client();
    let got = client.get("/robots.txt");
    assert_eq!((got.status, got.text().as_str()), (203, "User-agent: *\n"));
    assert_eq!(got.field("content-type"), Some("text/x"));
    assert_eq!(got.field("content-length"), Some("14"));
    assert!(got.field("date").is_some());
    let head = client.exchange("HEAD /robots.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (203, Some("14")));
    let other = client.get("/robots.txt/x");
    assert_eq!(other.text(), "ok", "an exact path has nothing below it");
}

#[test]
fn respond_does_not_take_the_body_it_does_not_need_for_a_request() {
    let weir = Setup::new().start();
    let hidden = get("/smuggled");
    let framed = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for ask in [dialogue::post("/", &hidden), dialogue::post_chunked(&framed)] {
        let mut client = weir.client();
        let got = client.exchange(ask);
        assert_eq!((got.status, got.text().as_str()), (200, "ok"));
        match got.field("connection") {
            Some("close") => client.expect_closed(),
            _ => client.expect_alive("/next"),
        }
    }
    let paths: Vec<_> = weir.wait_log(2).iter().map(|line| line.text("path")).collect();
    assert!(!paths.iter().any(|path| path == "/smuggled"), "{paths:?}");
}

#[test]
fn redirect_fills_in_the_rest_of_the_path() {
    let weir =
        Setup::new().site("route \"/old/*\" { redirect \"/new/{path.rest}\" status=308; }").start();
    let got = weir.get("/old/a/b");
    assert_eq!((got.status, got.field("location")), (308, Some("/new/a/b")));
}

#[test]
fn a_redirect_cannot_be_split() {
    let weir =
        Setup::new().site("route \"/old/*\" { redirect \"/new/{path.rest}\" status=302; }").start();
    let got = weir.get("/old/%0d%0aSet-Cookie:%20x=1");
    assert_eq!((got.status, got.field("set-cookie")), (302, None));
    let location = got.field("location").expect("Location");
    assert!(!location.contains(['\r', '\n']), "{location:?}");
}

#[test]
fn strip_prefix_and_captures_rewrite_the_path_and_keep_the_query() {
    let origin = Origin::echo();
    let weir = site(
        &origin,
        "route \"/api/*\" { rewrite strip-prefix=\"/api\"; proxy \"origin\"; }\n\
         route \"~^/u/(?<id>[0-9]+)$\" { rewrite \"/users/{id}\"; proxy \"origin\"; }",
    );
    let mut client = weir.client();
    for (asked, sent) in [
        ("/api/v1/x?q=1", "/v1/x?q=1"),
        ("/api/", "/"),
        ("/u/42?full", "/users/42?full"),
        ("/u/4x", "/u/4x"),
        ("/api/a%2Fb", "/a%2Fb"),
    ] {
        assert_eq!(client.get(asked).echoed().target(), sent, "{asked}");
    }
}

#[test]
fn header_edits_reach_both_sides() {
    let origin = Origin::answer(|r| {
        assert_eq!(r.head.all("x-env"), ["prod"]);
        assert_eq!(r.head.all("x-debug"), [""; 0]);
        assert_eq!(r.head.all("x-more"), ["1", "2"]);
        "HTTP/1.1 200 OK\r\nServer: own\r\nVary: Accept\r\nX-Frame-Options: ALLOW\r\n\
         Content-Length: 0\r\n\r\n"
            .into()
    });
    let weir = Setup::new()
        .route(
            "request-headers { set \"X-Env\" \"prod\"; remove \"X-Debug\"; \
             add \"X-More\" \"2\"; }\n\
             response-headers { set \"X-Frame-Options\" \"DENY\"; add \"Vary\" \"Origin\"; \
             remove \"Server\"; }",
        )
        .to(&origin)
        .start();
    let ask = with_fields("x-env: dev\r\nX-Debug: 1\r\nx-debug: 2\r\nX-More: 1\r\nX-Env: test\r\n");
    let got = weir.client().exchange(ask);
    assert_eq!(got.head.all("x-frame-options"), ["DENY"]);
    assert_eq!(got.head.all("vary"), ["Accept", "Origin"]);
    assert_eq!(got.head.all("server"), [""; 0]);
}

#[test]
fn the_most_specific_route_wins_whatever_the_order() {
    let routes = [
        "route \"/*\" { respond 200 body=\"any\"; }",
        "route \"/a/*\" { respond 200 body=\"prefix\"; }",
        "route \"/a/b/*\" { respond 200 body=\"longer\"; }",
        "route \"=/a/b/c\" { respond 200 body=\"exact\"; }",
        "route \"~^/r[0-9]$\" { respond 200 body=\"regex\"; }",
        "route \"/a/*\" methods=\"POST\" { respond 200 body=\"method\"; }",
    ];
    let backwards: Vec<_> = routes.iter().rev().copied().collect();
    for order in [routes.to_vec(), backwards] {
        let text = order.join("\n");
        let whole = format!("listen \"$LISTEN\"\nadmin \"$ADMIN\"\nsite {{\n{text}\n}}\n");
        let weir = Setup::whole(&whole).start();
        let mut client = weir.client();
        for (target, body) in [
            ("/", "any"),
            ("/a/x", "prefix"),
            ("/a/b/x", "longer"),
            ("/a/b/c", "exact"),
            ("/r1", "regex"),
        ] {
            assert_eq!(client.get(target).text(), body, "{target}");
        }
        assert_eq!(client.exchange(dialogue::post("/a/x", "")).text(), "method");
    }
}

#[test]
fn the_most_specific_host_wins() {
    let weir = Setup::whole(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         site { route \"/*\" { respond 200 body=\"any\"; }; }\n\
         site \"*.example.com\" { route \"/*\" { respond 200 body=\"wild\"; }; }\n\
         site \"example.com\" \"www.example.com\" { \
         route \"/*\" { respond 200 body=\"exact\"; }; }\n",
    )
    .start();
    for (host, body) in [
        ("example.com", "exact"),
        ("EXAMPLE.com:8080", "exact"),
        ("www.example.com", "exact"),
        ("a.example.com", "wild"),
        ("notexample.com", "any"),
        ("127.0.0.1", "any"),
    ] {
        assert_eq!(at(&weir, host, "/").text(), body, "{host}");
    }
}

#[test]
fn nobodys_host_or_path_is_not_found() {
    let weir = Setup::whole(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         site \"example.com\" { route \"/a/*\" { respond 200 body=\"a\"; }; }\n",
    )
    .start();
    assert_eq!(at(&weir, "example.com", "/a/").status, 200);
    assert_eq!(at(&weir, "example.com", "/b").status, 404);
    assert_eq!(at(&weir, "other.test", "/a/").status, 421);
}

#[test]
fn a_method_no_route_takes_is_405_and_says_which_are() {
    let weir = Setup::whole(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         site { route \"/a\" methods=\"POST\" \"PUT\" { respond 200; }; }\n",
    )
    .start();
    let got = weir.get("/a");
    assert_eq!(got.status, 405);
    let allow = got.field("allow").expect("Allow");
    assert!(allow.contains("POST") && allow.contains("PUT"), "{allow}");
}

#[test]
fn predicates_must_all_hold() {
    let origin = Origin::echo();
    let weir = site(
        &origin,
        "route \"/p/*\" { match header=\"X-Version\" value=\"2\"; match query=\"q\" value=\"1\"; \
         match cookie=\"c\" value=\"x\"; match client=\"127.0.0.0/8\"; \
         respond 200 body=\"all\"; }\n\
         route \"/far/*\" { match client=\"10.0.0.0/8\"; respond 200 body=\"far\"; }",
    );
    let mut client = weir.client();
    let full = "X-Version: 2\r\nCookie: a=b; c=x\r\n";
    let ask = |target: &str, fields: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
    };
    assert_eq!(client.exchange(ask("/p/?q=1", full)).text(), "all");
    for (target, fields) in [
        ("/p/", full),
        ("/p/?q=2", full),
        ("/p/?q=1", "X-Version: 2\r\n"),
        ("/p/?q=1", "X-Version: 3\r\nCookie: c=x\r\n"),
        ("/far/", ""),
    ] {
        assert_eq!(client.exchange(ask(target, fields)).echoed().target(), target);
    }
}

#[test]
fn encoded_paths_match_in_canonical_form() {
    let origin = Origin::echo();
    let weir = site(&origin, "route \"/admin/*\" { respond 403; }");
    let mut client = weir.client();
    for target in [
        "/admin/x",
        "/%61dmin/x",
        "/a/../admin/x",
        "/a/%2e%2e/admin/x",
        "/./admin/x",
        "/a/.%2E/admin/x",
        "//admin/x",
        "/admin//x",
    ] {
        let status = client.get(target).status;
        assert!(matches!(status, 400 | 403), "{target} got past the route: {status}");
    }
}

#[test]
fn error_pages_replace_bodies_and_keep_the_status() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new()
        .server(&nobody)
        .file("sorry.html", "<p>Sorry.</p>\n")
        .site("error-page 502 503 504 file=\"sorry.html\"")
        .start();
    let got = weir.get("/");
    assert_eq!((got.status, got.text().as_str()), (502, "<p>Sorry.</p>\n"));
    assert!(got.field("content-type").is_some_and(|t| t.starts_with("text/html")), "{got:?}");
}

#[test]
fn error_bodies_are_what_the_client_accepts() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new().server(&nobody).start();
    let mut client = weir.client();
    for (accept, kind) in [
        ("text/html,application/xhtml+xml;q=0.9", "text/html"),
        ("application/json", "application/"),
        ("text/plain", "text/plain"),
    ] {
        let got = client.exchange(with_fields(&format!("Accept: {accept}\r\n")));
        assert_eq!(got.status, 502);
        let own = got.field("content-type").unwrap_or_default().to_owned();
        assert!(own.starts_with(kind), "{accept}: {own}");
    }
}
