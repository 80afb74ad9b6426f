//! Origins that do not connect, do not answer, or stop in the middle: 504 while there is nothing
//! of a response, a visible cut after that.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use dialogue::get;
use testkit::{Origin, Outcome, Setup};

/// A listener whose queue is full, so that connecting to it takes forever.
fn full_listener() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    rustix::net::listen(&listener, 0).expect("listen");
    let addr = listener.local_addr().expect("bound");
    let connect = || TcpStream::connect_timeout(&addr, Duration::from_millis(200));
    let fill = std::iter::from_fn(|| connect().ok()).take(64).collect();
    (listener, fill, addr)
}

#[test]
fn a_connect_that_takes_too_long_is_504() {
    let (_listener, _fill, addr) = full_listener();
    let weir =
        Setup::new().server(&addr.to_string()).upstream("timeouts connect=\"300ms\"").start();
    assert_eq!(weir.get("/").status, 504);
    assert!(weir.wait_log(1)[0].mentions("connection_timeout"));
}

#[test]
fn an_origin_that_does_not_answer_is_504() {
    let origin = Origin::script(|c| {
        c.request();
        c.drain();
    });
    let weir = Setup::new().to(&origin).upstream("timeouts first-byte=\"300ms\"").start();
    let mut client = weir.client();
    assert_eq!(client.get("/").status, 504);
    assert_eq!(client.get("/").status, 504, "the client's connection survives it");
    assert_eq!(origin.seen().connections().len(), 2, "the origin's does not");
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["first-byte"]) >= 2.0);
}

#[test]
fn a_route_may_have_its_own_first_byte_timeout() {
    let origin = Origin::script(|c| {
        c.request();
        c.drain();
    });
    let weir = Setup::new().to(&origin).route("timeouts first-byte=\"300ms\"").start();
    assert_eq!(weir.get("/").status, 504);
}

#[test]
fn a_total_timeout_cuts_what_goes_on_and_on() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while c.try_send("1\r\nx\r\n") {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let weir = Setup::new().to(&origin).route("timeouts total=\"500ms\"").start();
    let outcome = weir.client().ask(get("/")).outcome();
    assert!(matches!(outcome, Outcome::Cut(_)), "{outcome:?}");
    origin.seen().wait_idle();
    assert_eq!(weir.wait_log(1).len(), 1);
}

#[test]
fn a_total_timeout_before_the_response_is_504() {
    let origin = Origin::script(|c| {
        c.request();
        c.drain();
    });
    let weir = Setup::new().to(&origin).route("timeouts total=\"300ms\"").start();
    assert_eq!(weir.get("/").status, 504);
}

#[test]
fn a_response_head_that_stops_is_504() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-");
        c.drain();
    });
    let weir = Setup::new().to(&origin).upstream("timeouts first-byte=\"300ms\"").start();
    let status = weir.get("/").status;
    assert!(matches!(status, 502 | 504), "{status}");
}

#[test]
fn a_response_body_that_stops_is_cut() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        c.drain();
    });
    let weir = Setup::new().global("timeouts { body-idle \"300ms\"; }").to(&origin).start();
    let outcome = weir.client().ask(get("/")).outcome();
    assert!(matches!(&outcome, Outcome::Cut(had) if had.ends_with(b"half")), "{outcome:?}");
    origin.seen().wait_idle();
}

#[test]
fn an_origin_that_does_not_read_times_out() {
    let origin = Origin::deaf();
    let weir = Setup::new().global("timeouts { body-idle \"300ms\"; }").to(&origin).start();
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n");
    let mut sink = client.sock().share();
    let upload = std::thread::spawn(move || {
        let _cut_is_what_must_happen =
            testkit::pattern::Pattern::default().write(&mut sink, 100_000_000);
    });
    match client.outcome() {
        Outcome::Whole(got) => assert!(matches!(got.status, 502 | 504), "{}", got.status),
        Outcome::Cut(_) => assert!(matches!(weir.wait_log(1)[0].status(), 502 | 504)),
        other => panic!("{other:?}"),
    }
    client.sock().shutdown(std::net::Shutdown::Both);
    upload.join().expect("the uploader ends");
}
