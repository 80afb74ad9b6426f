//! Persistence, pipelining, half-closed sockets and clients that leave (RFC 9112 §9).

use dialogue::{get, post, post_chunked, with_fields};
use testkit::{Broken, Framing, Gate, Origin, Weir};

#[test]
fn one_client_connection_uses_one_upstream_connection() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    for target in ["/1", "/2", "/3"] {
        assert_eq!(client.get(target).echoed().target(), target);
    }
    assert_eq!(origin.seen().connections().len(), 1);
}

#[test]
fn connection_close_is_answered_and_obeyed() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let response = client.exchange(with_fields("Connection: close\r\n"));
    assert_eq!(response.status, 200);
    assert_eq!(response.field("connection"), Some("close"));
    client.expect_closed();
}

#[test]
fn an_http10_client_is_closed_on_and_gets_no_chunks() {
    let origin =
        Origin::simple("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let response = client.exchange("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!((response.status, response.text().as_str()), (200, "hi"));
    assert_eq!(response.framing, Framing::Close);
    assert_eq!(response.field("transfer-encoding"), None);
    client.expect_closed();
}

#[test]
fn an_http10_client_without_host_is_served() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let response = weir.client().exchange("GET /old HTTP/1.0\r\n\r\n");
    assert_eq!(response.status, 200);
    assert_eq!(response.echoed().target(), "/old");
}

#[test]
fn an_http10_client_may_ask_to_keep_the_connection() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET /k HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n";
    let mut client = weir.client();
    let first = client.exchange(ask);
    assert_eq!(first.status, 200);
    match first.field("connection") {
        Some("keep-alive") => assert_eq!(client.exchange(ask).status, 200),
        _ => client.expect_closed(),
    }
}

#[test]
fn an_http10_origin_is_understood() {
    let origin = Origin::simple("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold");
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!((response.status, response.text().as_str()), (200, "old"));
        assert!(response.head.start.starts_with("HTTP/1.1 "), "{:?}", response.head);
        assert_ne!(response.framing, Framing::Close, "the client's connection outlives it");
    }
    assert_eq!(origin.seen().connections().len(), 2, "the origin's does not");
}

#[test]
fn an_http10_origin_with_a_length_is_not_reused_unasked() {
    let origin = Origin::simple("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!((client.get("/").text(), client.get("/").text()), ("hi".into(), "hi".into()));
    assert_eq!(origin.seen().connections().len(), 2);
}

/// Ten requests of every kind of framing, and what their responses must be.
fn mix() -> (String, Vec<(&'static str, &'static str)>) {
    let mut bytes = String::new();
    let mut expected = Vec::new();
    for round in 0..2 {
        let name = ["a", "b"][round];
        bytes += &get("/get");
        expected.push(("GET /get", ""));
        bytes += &post("/post", name);
        expected.push(("POST /post", name));
        bytes += &post_chunked("1\r\nx\r\n3;e=1\r\nyzz\r\n0\r\nT: 1\r\n\r\n");
        expected.push(("POST /", "xyzz"));
        bytes += "DELETE /d HTTP/1.1\r\nHost: a.test\r\n\r\n";
        expected.push(("DELETE /d", ""));
        bytes += "PUT /put HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
        expected.push(("PUT /put", ""));
    }
    (bytes, expected)
}

#[test]
fn ten_pipelined_requests_in_one_write() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let (bytes, expected) = mix();
    let mut client = weir.client();
    client.send(&bytes);
    for (line, body) in &expected {
        let echoed = client.response().echoed();
        assert_eq!(format!("{} {}", echoed.method(), echoed.target()), *line);
        assert_eq!(echoed.text(), *body);
    }
    let lines: Vec<_> = expected.iter().map(|(line, _)| (*line).to_owned()).collect();
    assert_eq!(origin.seen().lines(), lines);
}

#[test]
fn ten_pipelined_requests_in_odd_pieces() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let (bytes, expected) = mix();
    for piece in [1, 7, 61] {
        let mut client = weir.client();
        client.send_pieces(bytes.as_bytes().chunks(piece));
        for (_, body) in &expected {
            assert_eq!(client.response().echoed().text(), *body);
        }
    }
    assert_eq!(origin.requests().len(), 30);
}

#[test]
fn a_pipelined_head_and_get_are_not_confused() {
    let origin = Origin::simple("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let head = "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    client.ask(head).ask(get("/")).ask(head).ask(get("/"));
    let bodies = [(); 4].map(|()| client.response().text());
    assert_eq!(bodies, ["", "hello", "", "hello"]);
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").status, 200);
    client.send("\r\n");
    client.expect_alive("/2");
}

#[test]
fn a_client_that_half_closes_after_its_last_request_gets_its_response() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        waiting.pass();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    // Only a client that has announced its last request may close and still be there.
    client.send(with_fields("Connection: close\r\n"));
    client.half_close();
    origin.seen().wait_requests(1);
    gate.open();
    assert_eq!(client.response().text(), "late");
    client.expect_closed();
}

#[test]
fn an_http10_client_that_half_closes_gets_its_response() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("GET /old HTTP/1.0\r\nHost: a.test\r\n\r\n");
    client.half_close();
    assert_eq!(client.response().echoed().target(), "/old");
}

#[test]
fn a_client_that_half_closes_after_a_pipeline_gets_all_of_it() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let last = "GET /3 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    client.send([get("/1"), get("/2"), last.into()].concat());
    client.half_close();
    for target in ["/1", "/2", "/3"] {
        assert_eq!(client.response().echoed().target(), target);
    }
    client.expect_closed();
}

#[test]
fn a_client_that_closes_a_lasting_connection_cancels_the_upstream_exchange_at_once() {
    let gone = Gate::default();
    let told = gone.clone();
    let origin = Origin::script(move |c| {
        c.request();
        assert!(matches!(c.read_some(), Err(Broken::Eof(_) | Broken::Reset(_))));
        told.open();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    origin.seen().wait_requests(1);
    client.into_wire().close();
    gone.pass();
    assert_eq!(weir.wait_log(1).len(), 1);
}

#[test]
fn a_client_that_resets_cancels_the_upstream_exchange_at_once() {
    let gone = Gate::default();
    let told = gone.clone();
    let origin = Origin::script(move |c| {
        c.request();
        assert!(matches!(c.read_some(), Err(Broken::Eof(_) | Broken::Reset(_))));
        told.open();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    origin.seen().wait_requests(1);
    client.reset();
    gone.pass();
    let log = weir.wait_log(1);
    assert_eq!(log.len(), 1, "a client that left is logged too");
}

#[test]
fn a_client_that_closes_while_streaming_cancels_the_upstream_exchange() {
    let gone = Gate::default();
    let told = gone.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while c.try_send("5\r\nhello\r\n") {}
        told.open();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    client.read_head().expect("the response begins");
    client.into_wire().close();
    gone.pass();
}

#[test]
fn a_client_that_leaves_during_its_upload_ends_the_upstream_request_visibly() {
    let origin = Origin::script(|c| {
        c.read_head().expect("a head");
        match c.read_to_end() {
            Ok(had) | Err(Broken::Reset(had)) => assert!(had.len() < 10, "made up bytes"),
            Err(other) => panic!("{other:?}"),
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
    origin.seen().wait_connections(1);
    client.reset();
    origin.seen().wait_idle();
}
