//! The way to HTTPS: redirects from the plain port, and the promise to come back encrypted.

use testkit::{Authority, Client, Setup, TlsClient, Weir};

use crate::scene::{NAMES, certificate, listen, pair};

fn location(weir: &Weir, request: &str) -> (u16, Option<String>) {
    let response = weir.client().exchange(request);
    (response.status, response.field("location").map(str::to_owned))
}

fn to(status: u16, location: &str) -> (u16, Option<String>) {
    (status, Some(location.to_owned()))
}

#[test]
fn every_request_is_redirected_to_the_same_place() {
    let origin = testkit::Origin::echo();
    let weir = Setup::new().to(&origin).listener("redirect-https").start();
    let get = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let cases = [
        ("/", "a.test", "https://a.test/"),
        ("/a/b%20c?d=e&f=%2F", "a.test", "https://a.test/a/b%20c?d=e&f=%2F"),
        ("/x?", "a.test:8080", "https://a.test/x?"),
        ("//evil.test/x", "a.test", "https://a.test//evil.test/x"),
        ("/", "[::1]:80", "https://[::1]/"),
        ("http://b.test:81/abs?q", "b.test:81", "https://b.test/abs?q"),
    ];
    for (target, host, want) in cases {
        assert_eq!(location(&weir, &get(target, host)), to(308, want), "{target} {host}");
    }
    let post = dialogue::post("/form", "a=b");
    assert_eq!(location(&weir, &post), to(308, "https://a.test/form"));
    let options = "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(location(&weir, options), to(308, "https://a.test/"));
    assert!(origin.requests().is_empty());
    // The connection goes on.
    let mut client = weir.client();
    for _ in 0..3 {
        assert_eq!(client.get("/again").status, 308);
    }
}

#[test]
fn port_and_status_can_be_chosen() {
    let weir = Setup::new().listener("redirect-https port=8443 status=301").start();
    let request = "GET /p?q HTTP/1.1\r\nHost: a.test:80\r\n\r\n";
    assert_eq!(location(&weir, request), to(301, "https://a.test:8443/p?q"));
    let without_host = "GET /p HTTP/1.0\r\n\r\n";
    let response = weir.client().exchange(without_host);
    let bad = response.field("location").is_some_and(|found| found.contains("///"));
    assert!(!bad && !response.text().contains("https:///"), "{response:?}");
}

#[test]
fn browsers_promise_is_asked_for_on_encrypted_connections_only() {
    let authority = Authority::new();
    let plain = testkit::port::free_addr();
    let setup = pair(Setup::new(), "leaf", &authority.leaf(&NAMES));
    let setup = setup.global(&format!("listen \"{plain}\""));
    let setup = setup.site("hsts max-age=\"366d\" subdomains=#true preload=#true");
    let weir = listen(setup, &certificate("leaf")).start();
    let client = TlsClient::trusting(&authority);
    let response = client.connect(weir.addr()).get("/");
    let field = response.field("strict-transport-security");
    assert_eq!(field, Some("max-age=31622400; includeSubDomains; preload"));
    assert!(testkit::port::wait_listening(plain.port(), testkit::PATIENCE, || true));
    let response = Client::connect(plain).get("/");
    assert_eq!((response.status, response.field("strict-transport-security")), (200, None));
}

#[test]
fn hsts_by_default_is_a_year_and_replaces_what_the_origin_says() {
    let authority = Authority::new();
    let origin = testkit::Origin::simple(dialogue::response(
        "200 OK",
        "Content-Length: 2\r\nStrict-Transport-Security: max-age=1\r\n",
        "hi",
    ));
    let setup = pair(Setup::new().to(&origin).site("hsts"), "leaf", &authority.leaf(&NAMES));
    let weir = listen(setup, &certificate("leaf")).start();
    let response = TlsClient::trusting(&authority).connect(weir.addr()).get("/");
    assert_eq!(response.field("strict-transport-security"), Some("max-age=31536000"));
}
