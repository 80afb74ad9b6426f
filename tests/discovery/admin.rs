//! Servers that the operator adds and takes away.

use serde_json::{Value, json};
use testkit::origin::ok;
use testkit::{Client, Origin, Response, Setup, Weir};

use crate::load::Load;

fn send(weir: &Weir, line: &str, body: &str) -> Response {
    let length = body.len();
    let request = format!("{line} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    Client::connect(weir.admin_addr()).exchange(request)
}

fn add(weir: &Weir, server: &str) -> Response {
    send(weir, "POST /upstreams/origin/servers", &json!({ "address": server }).to_string())
}

fn remove(weir: &Weir, server: &str) -> u16 {
    send(weir, &format!("DELETE /upstreams/origin/servers/{server}"), "").status
}

#[test]
fn servers_come_and_go_by_the_hundred_without_a_failed_request() {
    let (one, other) = (Origin::simple(ok("one")), Origin::simple(ok("other")));
    let setup = Setup::new().to(&one).upstream(
        "balance \"round-robin\"\nconnections max=2 queue=100\n\
         health-check \"/\" interval=\"50ms\"",
    );
    let weir = setup.start();
    let load = Load::on(&weir, 8);
    for turn in 0..100 {
        assert_eq!(add(&weir, &other.server()).status, 201, "turn {turn}");
        load.wait(10);
        assert_eq!(remove(&weir, &other.server()), 204, "turn {turn}");
    }
    load.wait(50);
    let before = other.requests().len();
    assert!(before > 100, "only {before} requests for the one that comes and goes");
    load.end();
    // A request is over for its client a moment before it is over here.
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 0.0);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 0.0);
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_config_generation", &[]), 1.0, "no new configuration");
    let all = metrics.sum("weir_upstream_responses_total", &[&one.server()]);
    assert!(all > 100.0, "what stays keeps its counts");
    // The server that stays was asked on, undisturbed by what came and went.
    let passed =
        |m: &testkit::Metrics| m.sum("weir_upstream_probes_total", &[&one.server(), "passed"]);
    let probes = passed(&metrics);
    weir.wait_metrics(|m| passed(m) > probes);
}

#[test]
fn what_is_wrong_changes_nothing() {
    let origin = Origin::simple(ok("one"));
    let weir = Setup::new().to(&origin).upstream("servers-max 2").start();
    for body in ["", "[]", "{}", "{\"address\":\"10.0.0.1\"}", "{\"address\":\"a:1\",\"x\":1}"] {
        let response = send(&weir, "POST /upstreams/origin/servers", body);
        assert_eq!(response.status, 400, "{body}");
        let told: Value = serde_json::from_str(&response.text()).expect("JSON");
        assert!(told["error"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    }
    assert_eq!(send(&weir, "POST /upstreams/nobody/servers", "{}").status, 404);
    assert_eq!(add(&weir, &origin.server()).status, 409, "it is there already");
    assert_eq!(remove(&weir, &origin.server()), 409, "it is written in the configuration");
    assert_eq!(remove(&weir, "10.0.0.1:80"), 404);
    assert_eq!(add(&weir, "10.0.0.1:80").status, 201);
    assert_eq!(add(&weir, "10.0.0.2:80").status, 409, "that is more than `servers-max`");
    assert_eq!(weir.metrics().sum("weir_upstream_servers", &[]), 2.0);
}

#[test]
fn the_word_on_a_server_is_remembered_while_it_is_away() {
    let (one, other) = (Origin::simple(ok("one")), Origin::simple(ok("other")));
    let weir = Setup::new().to(&one).start();
    let path = format!("PUT /upstreams/origin/servers/{}", other.server());
    assert_eq!(add(&weir, &other.server()).status, 201);
    assert_eq!(send(&weir, &path, "{\"state\":\"drain\",\"weight\":9}").status, 200);
    assert_eq!(remove(&weir, &other.server()), 204);
    let shown: Value = serde_json::from_str(&add(&weir, &other.server()).text()).expect("JSON");
    assert_eq!((&shown["state"], &shown["weight"]), (&json!("drain"), &json!(9)));
    (0..10).for_each(|_| assert_eq!(weir.get("/").text(), "one"));
}
