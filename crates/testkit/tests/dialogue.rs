//! The kit against itself: origin and client without Weir between them.

use testkit::{Broken, Client, Framing, Gate, Origin, Outcome};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_connection_carries_many_requests_and_remembers_them() {
    let origin = Origin::simple(HELLO);
    let mut client = Client::connect(origin.addr());
    assert_eq!(client.get("/1").text(), "hi");
    assert_eq!(client.exchange("HEAD /2 HTTP/1.1\r\n\r\n").framing, Framing::None);
    client.ask("GET /3 HTTP/1.1\r\n\r\n").ask("POST /4 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!((client.response().status, client.response().status), (200, 200));
    assert_eq!(origin.seen().lines(), ["GET /1", "HEAD /2", "GET /3", "POST /4"]);
    assert_eq!(origin.requests()[3].text(), "x");
    assert_eq!(origin.seen().connections().len(), 1);
}

#[test]
fn echo_gives_back_head_and_body() {
    let origin = Origin::echo();
    let mut client = Client::connect(origin.addr());
    let chunked =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nT: 1\r\n\r\n";
    client.send_each_byte(chunked);
    let echoed = client.response().echoed();
    assert_eq!((echoed.text().as_str(), echoed.framing), ("ab", Framing::Chunked));
    let seen = origin.seen().last();
    assert_eq!(seen.trailers, [("T".to_owned(), "1".to_owned())]);
    assert_eq!(seen.raw, chunked.as_bytes());
}

#[test]
fn interim_chunked_and_trailers_are_read() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        c.send("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n");
    });
    let response = Client::connect(origin.addr()).get("/");
    assert_eq!(response.interim_statuses(), [103]);
    assert_eq!((response.text().as_str(), response.trailers.len()), ("a", 1));
}

#[test]
fn ends_are_told_apart() {
    let origin = Origin::script(|c| {
        let target = c.request().target().to_owned();
        match target.as_str() {
            "/cut" => drop(c.send(&HELLO[..HELLO.len() - 1])),
            "/rst" => c.sock().linger_zero(),
            _ => drop(c.send("HTTP/1.1 200 OK\r\n\r\nto the end")),
        }
    });
    let outcome = |path: &str| {
        Client::connect(origin.addr()).ask(format!("GET {path} HTTP/1.1\r\n\r\n")).outcome()
    };
    assert!(matches!(outcome("/cut"), Outcome::Cut(had) if had.ends_with(b"h")));
    assert!(matches!(outcome("/rst"), Outcome::Cut(had) if had.is_empty()));
    assert!(matches!(outcome("/end"), Outcome::Whole(r) if r.text() == "to the end"));
}

#[test]
fn a_reset_is_seen_as_one() {
    let (gate, shut) = (Gate::default(), Gate::default());
    let (waiting, closing) = (gate.clone(), shut.clone());
    let origin = Origin::script(move |c| {
        c.expect_request_line("GET / HTTP/1.1");
        waiting.pass();
        assert!(matches!(c.read_some(), Err(Broken::Reset(_))));
        closing.open();
    });
    let mut client = Client::connect(origin.addr());
    client.send("GET / HTTP/1.1\r\n\r\n").settle();
    client.reset();
    gate.open();
    shut.pass();
    origin.seen().wait_idle();
}

#[test]
#[should_panic(expected = "request line")]
fn a_script_that_complains_fails_the_test() {
    let origin = Origin::script(|c| drop(c.expect_request_line("GET /other HTTP/1.1")));
    let mut client = Client::connect(origin.addr());
    assert!(matches!(client.ask("GET / HTTP/1.1\r\n\r\n").outcome(), Outcome::Cut(_)));
    origin.seen().wait_idle();
}
