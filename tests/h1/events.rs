//! Streaming: what one side has sent, the other has, with nothing more needed.

use dialogue::get;
use testkit::{Gate, Origin, Weir};

/// Sends the next event only when the client has confirmed the last.
fn one_by_one(head: &'static str, frame: fn(&str) -> String, end: &'static str) {
    let gate = Gate::default();
    let confirmed = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send(head);
        for number in 1..=5 {
            c.send(frame(&format!("data: {number}\n\n")));
            confirmed.pass();
        }
        c.send(end);
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/events"));
    for number in 1..=5 {
        let mark = format!("data: {number}\n\n");
        client.read_until(mark.as_bytes()).unwrap_or_else(|e| panic!("event {number}: {e:?}"));
        gate.open();
    }
}

#[test]
fn chunked_events_arrive_one_by_one() {
    one_by_one(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        |event| format!("{:x}\r\n{event}\r\n", event.len()),
        "0\r\n\r\n",
    );
}

#[test]
fn close_delimited_events_arrive_one_by_one() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    one_by_one(head, str::to_owned, "");
}

#[test]
fn parts_of_a_counted_body_arrive_one_by_one() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n";
    one_by_one(head, str::to_owned, "");
}

#[test]
fn the_head_arrives_before_any_body() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        waiting.pass();
        c.send("hi");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    client.read_head().expect("the head alone");
    gate.open();
    client.expect("hi");
}

#[test]
fn parts_of_an_upload_arrive_one_by_one() {
    let gate = Gate::default();
    let arrived = gate.clone();
    let origin = Origin::script(move |c| {
        c.read_head().expect("a head");
        for part in ["alpha", "beta", "gamma"] {
            c.read_until(part.as_bytes()).expect(part);
            arrived.open();
        }
        c.read_until(b"0\r\n\r\n").expect("the end");
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in ["5\r\nalpha\r\n", "4\r\nbeta\r\n", "5\r\ngamma\r\n"] {
        client.send(part);
        gate.pass();
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_half_chunk_arrives_before_its_other_half() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nfirst");
        waiting.pass();
        c.send("later\r\n0\r\n\r\n");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    client.read_until(b"first").expect("the first half");
    gate.open();
    client.read_until(b"later").expect("the second half");
}
