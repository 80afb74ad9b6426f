//! What `/metrics` says about traffic that is known to the byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::origin::ok;
use testkit::{Gate, Origin, Setup, Weir};

const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Makes one request on a connection of its own and returns all that came back.
fn ask(weir: &Weir) -> Vec<u8> {
    let mut stream = TcpStream::connect(weir.addr()).expect("a connection");
    stream.write_all(REQUEST.as_bytes()).expect("a request");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("a response");
    response
}

#[test]
fn bytes_are_counted_on_all_four_ways() {
    let body = "b".repeat(50_000);
    let origin = Origin::simple(ok(&body));
    let weir = Weir::before(&origin);
    let response = ask(&weir);
    weir.wait_metrics(|m| m.sum("weir_connections_closed_total", &[]) == 1.0);
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_client_received_bytes_total", &[]), REQUEST.len() as f64);
    assert_eq!(metrics.sum("weir_client_sent_bytes_total", &[]), response.len() as f64);
    assert_eq!(metrics.sum("weir_build_info", &[]), 1.0);
    // Pooled connections are asked what they carried every now and then.
    let sent = origin.seen().connections()[0].len();
    weir.wait_metrics(|m| m.sum("weir_upstream_sent_bytes_total", &[]) == sent as f64);
    let received = ok(&body).len() as f64;
    weir.wait_metrics(|m| m.sum("weir_upstream_received_bytes_total", &[]) == received);
}

#[test]
fn connections_and_exchanges_are_counted_while_they_are_open() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |turn| {
        while turn.next_request().is_some() {
            waiting.pass();
            turn.send(ok("late"));
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    origin.seen().wait_requests(1);
    let open = weir.metrics();
    assert_eq!(open.sum("weir_connections_accepted_total", &[]), 1.0);
    assert_eq!(open.sum("weir_exchanges_open", &[]), 1.0);
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 1.0);
    weir.wait_metrics(|m| m.sum("weir_upstream_connections_open", &[]) == 1.0);
    gate.open();
    assert_eq!(client.response().status, 200);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
    weir.wait_metrics(|m| m.sum("weir_pool_idle", &[]) == 1.0);
    assert_eq!(weir.metrics().sum("weir_upstream_connections_open", &[]), 1.0);
    drop(client);
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
    assert_eq!(weir.metrics().sum("weir_clients_left_total", &[]), 0.0);
}

#[test]
fn a_client_that_leaves_is_counted() {
    let origin = Origin::deaf();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 1.0);
    client.reset();
    weir.wait_metrics(|m| m.sum("weir_clients_left_total", &[]) == 1.0);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
}

#[test]
fn memory_is_given_back() {
    // More clients than a worker keeps spare buffers for.
    const CLIENTS: usize = 600;
    let origin = Origin::simple(ok("c"));
    let weir = Setup::new().to(&origin).workers(1).start();
    let half = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(20_000));
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| weir.client()).collect();
    for client in &mut clients {
        client.send(&half);
    }
    let held = (CLIENTS * 20_000) as f64;
    weir.wait_metrics(|m| m.sum("weir_memory_used_bytes", &[]) >= held);
    drop(clients);
    weir.wait_metrics(|m| m.sum("weir_memory_used_bytes", &[]) < held);
}

#[test]
fn a_log_that_cannot_be_written_is_counted_and_hurts_nobody() {
    let origin = Origin::simple(ok("d"));
    let text = "listen \"$LISTEN\"\nadmin \"$ADMIN\"\naccess-log \"/dev/full\"\n\
                upstream \"origin\" { server \"$ORIGIN\"; }\n\
                site { route \"/*\" { proxy \"origin\"; }; }\n";
    let weir = Setup::whole(text).to(&origin).start();
    assert_eq!(weir.get("/").status, 200);
    weir.wait_metrics(|m| m.sum("weir_access_log_errors_total", &[]) >= 1.0);
    assert_eq!(weir.get("/").status, 200);
}
