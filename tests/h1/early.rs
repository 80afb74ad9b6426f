//! Responses that come before the request body is read: the client gets them, and the bytes that
//! were still to come are never taken for a request (0.CL desync).

use dialogue::get;
use testkit::origin::ok;
use testkit::{Gate, Origin, Outcome, Weir};

/// The body of the upload, which is itself a request.
const BODY: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
const EARLY: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge";

fn upload_head() -> String {
    let length = BODY.len();
    format!("POST /upload HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n")
}

/// Answers a POST at its head and reads the body after that.
fn hasty() -> Origin {
    Origin::script(|c| {
        while let Ok(head) = c.read_head() {
            if head.starts_with(b"GET") {
                c.send(ok(""));
                continue;
            }
            c.send(EARLY);
            match c.read_exact(BODY.len()) {
                Ok(body) => assert_eq!(String::from_utf8_lossy(&body), BODY),
                Err(_) => return,
            }
        }
    })
}

#[test]
fn the_client_gets_it_while_its_body_is_still_due() {
    let origin = hasty();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(upload_head());
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, "large"));
}

#[test]
fn the_rest_of_the_body_is_never_a_request() {
    let origin = hasty();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(upload_head());
    assert_eq!(client.response().status, 413);
    client.send(BODY).send(get("/next"));
    // Either the connection is closed after the early answer, or the body is read away and the
    // next request served; in no case is the body itself answered.
    match client.outcome() {
        Outcome::Whole(response) => assert_eq!(response.status, 200),
        Outcome::Cut(had) => assert_eq!(had, b""),
        other => panic!("{other:?}"),
    }
    for connection in origin.seen().connections() {
        assert!(!connection.starts_with(b"GET /smuggled"));
    }
    assert!(weir.wait_log(1).iter().all(|line| !line.mentions("smuggled")));
}

#[test]
fn an_origin_that_answers_and_closes_is_still_heard() {
    let body = "x".repeat(4_000_000);
    let origin = Origin::script(|c| {
        c.read_head().expect("a head");
        c.send("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
        c.half_close();
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let mut sink = client.sock().share();
    let upload = std::thread::spawn(move || {
        use std::io::Write;
        let head =
            format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len());
        // The peer may close before all is sent; that is what the test is about.
        let _cut_is_fine =
            sink.write_all(head.as_bytes()).and_then(|()| sink.write_all(body.as_bytes()));
    });
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
    client.sock().shutdown(std::net::Shutdown::Both);
    upload.join().expect("the uploader ends");
}

#[test]
fn a_streamed_answer_and_a_streamed_upload_overlap() {
    let (one, two) = (Gate::default(), Gate::default());
    let (pass_one, pass_two) = (one.clone(), two.clone());
    let origin = Origin::script(move |c| {
        c.read_head().expect("a head");
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        c.send("3\r\none\r\n");
        pass_one.pass();
        assert!(c.read_until(b"first").is_ok());
        c.send("3\r\ntwo\r\n");
        pass_two.pass();
        assert!(c.read_until(b"0\r\n\r\n").is_ok());
        c.send("0\r\n\r\n");
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.read_until(b"one\r\n").expect("the first part of the answer");
    client.send("5\r\nfirst\r\n");
    one.open();
    client.read_until(b"two\r\n").expect("the second part of the answer");
    client.send("0\r\n\r\n");
    two.open();
    client.read_until(b"0\r\n\r\n").expect("the end of the answer");
}
