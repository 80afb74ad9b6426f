//! The operator's word on servers, by the admin listener.

use serde_json::Value;
use testkit::origin::ok;
use testkit::{Client, Origin, Response, Setup, Weir};

fn put(weir: &Weir, path: &str, body: &str) -> Response {
    let length = body.len();
    let request =
        format!("PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    Client::connect(weir.admin_addr()).exchange(request)
}

fn shown(weir: &Weir, server: &str) -> Value {
    let text = Client::connect(weir.admin_addr()).get("/upstreams").text();
    let upstreams: Value = serde_json::from_str(&text).expect("JSON");
    let servers = upstreams[0]["servers"].as_array().expect("servers").clone();
    servers.into_iter().find(|known| known["address"] == server).expect("the server")
}

fn ask(weir: &Weir, times: usize) {
    let mut client = weir.client();
    (0..times).for_each(|_| assert_eq!(client.get("/").status, 200));
}

#[test]
fn servers_are_drained_weighed_and_taken_back_without_a_failed_request() {
    let (one, other) = (Origin::simple(ok("one")), Origin::simple(ok("other")));
    let setup = Setup::new().to(&one).to(&other).upstream("balance \"round-robin\"");
    let weir = setup.workers(1).start();
    let path = format!("/upstreams/origin/servers/{}", one.server());
    assert_eq!(shown(&weir, &one.server())["standing"], "up");
    for state in ["drain", "down"] {
        let response = put(&weir, &path, &format!("{{\"state\":\"{state}\"}}"));
        assert_eq!(response.status, 200);
        let before = one.requests().len();
        ask(&weir, 10);
        assert_eq!(one.requests().len(), before, "{state}");
        assert_eq!(shown(&weir, &one.server())["state"], state);
    }
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &[&one.server()]) == 0.0);
    assert_eq!(put(&weir, &path, "{\"state\":\"ready\",\"weight\":3}").status, 200);
    let before = one.requests().len();
    ask(&weir, 40);
    assert_eq!(one.requests().len() - before, 30);
    assert_eq!(put(&weir, &path, "{\"weight\":null}").status, 200);
    assert_eq!(shown(&weir, &one.server())["weight"], 1);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let origin = Origin::simple(ok("one"));
    let weir = Weir::before(&origin);
    let path = format!("/upstreams/origin/servers/{}", origin.server());
    for body in [
        "",
        "[]",
        "{\"state\":\"off\"}",
        "{\"weight\":65536}",
        "{\"wait\":1}",
        "{\"weight\":7,\"state\":\"asleep\"}",
    ] {
        let response = put(&weir, &path, body);
        assert_eq!(response.status, 400, "{body}");
        let told: Value = serde_json::from_str(&response.text()).expect("JSON");
        assert!(told["error"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    assert_eq!(put(&weir, "/upstreams/nobody/servers/a:1", "{}").status, 404);
    assert_eq!(put(&weir, "/upstreams/origin/servers/a:1", "{}").status, 404);
    assert_eq!(shown(&weir, &origin.server())["weight"], 1);
    ask(&weir, 3);
}

#[test]
fn who_is_avoided_and_why_is_logged() {
    let (gone, good) = (testkit::port::free_addr().to_string(), Origin::simple(ok("yes")));
    let weir = Setup::new().server(&gone).to(&good).upstream("eject base=\"3s\"").start();
    ask(&weir, 10);
    // Servers are looked at once a second, so some of the three may have gone by.
    let told = |start: &str, end: &str| {
        weir.stderr().iter().any(|own| own.contains(start) && own.ends_with(end))
    };
    weir.wait_metrics(|_| told(&format!("server {gone} is avoided for "), "s: unreachable"));
    weir.wait_metrics(|_| told(&format!("server {gone} is used again"), ""));
}
