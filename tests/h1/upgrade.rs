//! Upgrade becomes a tunnel on the origin's 101 and not before (RFC 9110 §7.8).

use dialogue::{get, with_fields};
use testkit::{Broken, Client, Gate, Origin, Setup, Weir};

const ASK: &str = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Version: 13\r\n\r\n";
const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn upgraded(weir: &Weir) -> Client {
    let mut client = weir.client();
    let response = client.exchange(ASK);
    assert_eq!(response.status, 101);
    assert_eq!(response.field("upgrade"), Some("websocket"));
    assert!(response.field("connection").is_some_and(|v| v.eq_ignore_ascii_case("upgrade")));
    client
}

#[test]
fn bytes_flow_both_ways_after_101() {
    let origin = Origin::script(|c| {
        let seen = c.request();
        assert_eq!(seen.field("upgrade"), Some("websocket"));
        assert!(seen.field("connection").is_some_and(|v| v.eq_ignore_ascii_case("upgrade")));
        assert!(seen.field("sec-websocket-key").is_some());
        c.send(SWITCH).send("hello from the origin");
        assert_eq!(c.read_exact(5).expect("client bytes"), b"\0\r\n\xff!");
        c.send("bye");
    });
    let weir = Weir::before(&origin);
    let mut client = upgraded(&weir);
    client.expect("hello from the origin");
    client.send(b"\0\r\n\xff!");
    client.expect("bye");
    client.expect_closed();
    drop(client);
    let log = weir.wait_log(1);
    assert_eq!((log.len(), log[0].status()), (1, 101));
}

#[test]
fn other_protocols_than_websocket_upgrade_too() {
    let origin = Origin::script(|c| {
        assert_eq!(c.request().field("upgrade"), Some("own/1"));
        c.send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: own/1\r\n\r\n");
        assert_eq!(c.read_exact(2).expect("client bytes"), b"hi");
        c.send("ho");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let ask = with_fields("Connection: upgrade\r\nUpgrade: own/1\r\n");
    assert_eq!(client.exchange(ask).status, 101);
    client.send("hi");
    client.expect("ho");
}

#[test]
fn an_end_of_one_direction_leaves_the_other_open() {
    let origin = Origin::script(|c| {
        c.request();
        c.send(SWITCH);
        assert_eq!(c.read_to_end().expect("an orderly end"), b"last words");
        c.send("and an answer");
    });
    let weir = Weir::before(&origin);
    let mut client = upgraded(&weir);
    client.send("last words");
    client.half_close();
    client.expect("and an answer");
    client.expect_closed();
}

#[test]
fn a_tunnel_that_carries_nothing_is_closed_and_counted() {
    let origin = Origin::script(|c| {
        c.request();
        c.send(SWITCH);
        assert_eq!(c.read_to_end().expect("an orderly end"), b"");
    });
    let weir = Setup::new().global("timeouts tunnel-idle=\"300ms\"").to(&origin).start();
    upgraded(&weir).expect_closed();
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["tunnel-idle"]) >= 1.0);
}

#[test]
fn an_origin_that_resets_ends_the_tunnel() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send(SWITCH);
        waiting.pass();
        c.sock().linger_zero();
    });
    let weir = Weir::before(&origin);
    let mut client = upgraded(&weir);
    gate.open();
    client.expect_closed();
}

#[test]
fn a_client_that_leaves_ends_the_tunnel() {
    let ended = Gate::default();
    let told = ended.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send(SWITCH);
        assert!(matches!(c.read_some(), Err(Broken::Eof(_) | Broken::Reset(_))));
        told.open();
    });
    let weir = Weir::before(&origin);
    upgraded(&weir).reset();
    ended.pass();
}

#[test]
fn large_traffic_flows_both_ways_at_once() {
    const TOTAL: u64 = 20_000_000;
    let origin = Origin::script(|c| {
        c.request();
        c.send(SWITCH);
        let mut sink = c.sock().share();
        let writer = std::thread::spawn(move || {
            testkit::pattern::Pattern::default().write(&mut sink, TOTAL)
        });
        testkit::pattern::Pattern::default().check(&mut **c, TOTAL).expect("the client's bytes");
        writer.join().expect("a writer").expect("sent");
    });
    let weir = Weir::before(&origin);
    let mut client = upgraded(&weir);
    let mut sink = client.sock().share();
    let writer =
        std::thread::spawn(move || testkit::pattern::Pattern::default().write(&mut sink, TOTAL));
    testkit::pattern::Pattern::default().check(&mut *client, TOTAL).expect("the origin's bytes");
    writer.join().expect("a writer").expect("sent");
    // What is sent is still on its way through Weir.
    origin.seen().wait_idle();
}

#[test]
fn an_origin_may_decline() {
    let origin = Origin::simple("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let response = client.exchange(ASK);
    assert_eq!((response.status, response.text().as_str()), (200, "no"));
    client.expect_alive("/still-http");
    assert_eq!(origin.seen().lines(), ["GET /chat", "GET /still-http"]);
}

#[test]
fn upgrade_without_connection_upgrade_is_no_upgrade() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let seen = weir.client().exchange(with_fields("Upgrade: websocket\r\n")).echoed();
    assert_eq!(seen.field("upgrade"), None);
}

#[test]
fn upgrade_in_http10_is_ignored() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).echoed().field("upgrade"), None);
}

#[test]
fn an_unasked_101_is_a_bad_gateway() {
    let origin = Origin::script(|c| {
        c.request();
        c.send(SWITCH);
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    assert_eq!(client.response().status, 502);
}
