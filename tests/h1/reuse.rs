//! Reused upstream connections that turn out dead: replayed when that is safe, never otherwise.

use dialogue::{get, post};
use testkit::origin::ok;
use testkit::{Gate, Origin, Setup, Turn, Weir};

/// Serves one request on each connection, then waits for the second and closes on it unread or
/// unanswered, as `second` says.
fn one_then(second: impl Fn(&mut Turn) + Send + Sync + 'static) -> Origin {
    Origin::script(move |c| {
        let first = c.request();
        c.send(ok(first.target()));
        if c.index == 0 {
            second(c);
        } else {
            while let Some(next) = c.next_request() {
                c.send(ok(next.target()));
            }
        }
    })
}

#[test]
fn a_get_on_a_connection_that_dies_is_sent_again() {
    let origin = one_then(|c| drop(c.read_head()));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    assert_eq!(client.get("/2").text(), "/2");
    assert_eq!(origin.seen().connections().len(), 2);
    assert_eq!(weir.wait_log(2).len(), 2, "one line for each request of the client");
}

#[test]
fn a_get_on_a_connection_that_resets_is_sent_again() {
    let origin = one_then(|c| {
        drop(c.read_head());
        c.sock().linger_zero();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    assert_eq!(client.get("/2").text(), "/2");
}

#[test]
fn a_connection_closed_while_idle_is_not_used() {
    let (close, closed) = (Gate::default(), Gate::default());
    let (waiting, told) = (close.clone(), closed.clone());
    let origin = one_then(move |c| {
        waiting.pass();
        c.sock().shutdown(std::net::Shutdown::Both);
        told.open();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    close.open();
    closed.pass();
    assert_eq!(client.exchange(post("/2", "body")).text(), "/2");
    assert_eq!(origin.seen().lines(), ["GET /1", "POST /2"]);
}

#[test]
fn a_post_whose_body_was_sent_is_not_sent_again() {
    let origin = one_then(|c| drop(c.read_request()));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    assert_eq!(client.exchange(post("/2", "body")).status, 502);
    assert_eq!(origin.seen().connections().len(), 1);
}

#[test]
fn a_get_answered_in_part_is_not_sent_again() {
    let origin = one_then(|c| {
        drop(c.read_head());
        c.send("HTTP/1.1 200 OK\r\nContent-Le");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    assert_eq!(client.get("/2").status, 502);
    assert_eq!(origin.seen().connections().len(), 1);
}

#[test]
fn a_fresh_connection_that_dies_is_a_bad_gateway() {
    let origin = Origin::script(|c| drop(c.read_head()));
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").status, 502);
    assert_eq!(origin.seen().connections().len(), 1, "no retry without the setting");
}

#[test]
fn bytes_nobody_asked_for_spoil_a_connection() {
    let (send, sent) = (Gate::default(), Gate::default());
    let (waiting, told) = (send.clone(), sent.clone());
    let origin = one_then(move |c| {
        waiting.pass();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        told.open();
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    send.open();
    sent.pass();
    assert_eq!(client.get("/2").text(), "/2", "an unasked response answered a request");
}

#[test]
fn more_body_than_announced_spoils_a_connection() {
    let origin = Origin::script(|c| {
        let request = c.request();
        if c.index == 0 {
            c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1HTTP/1.1 200 OK\r\n\r\nevil");
            c.drain();
        } else {
            c.send(ok(request.target()));
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/1").text(), "/1");
    assert_eq!(client.get("/2").text(), "/2");
}

#[test]
fn nobody_there_is_a_bad_gateway_at_once() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new().server(&nobody).start();
    let mut client = weir.client();
    assert_eq!(client.get("/").status, 502);
    assert_eq!(client.exchange(get("/")).status, 502, "the client's connection survives it");
    assert!(weir.wait_log(2)[0].mentions("connection_refused"));
}
