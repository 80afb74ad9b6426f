//! Where two waits meet on one exchange: every one of them is bounded, and neither shortens the
//! other.

use std::time::Duration;

use testkit::{Broken, Origin, Outcome, Setup, Weir};

const EXPECT: &str =
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n";
const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\n";

/// Longer than a short deadline, shorter than a patient one.
const PIECE: Duration = Duration::from_millis(150);

fn impatient(origin: &Origin, idle: &str, first_byte: &str) -> Weir {
    Setup::new()
        .global(&format!("timeouts {{ body-idle \"{idle}\"; }}"))
        .upstream(&format!("timeouts first-byte=\"{first_byte}\""))
        .to(origin)
        .start()
}

/// Sends the eight bytes of the body one by one, each well within any idle deadline.
fn send_slowly(client: &mut testkit::Client) {
    for _ in 0..8 {
        std::thread::sleep(PIECE);
        client.send("x");
    }
}

#[test]
fn an_origin_that_invites_the_body_and_falls_silent_is_504() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        c.read_exact(8).expect("the body");
        c.send("HTTP/1.1 100 Continue\r\n\r\n");
        c.drain();
    });
    let weir = impatient(&origin, "10s", "300ms");
    let mut client = weir.client();
    client.send(EXPECT).send("xxxxxxxx");
    assert_eq!(client.response().status, 504);
}

#[test]
fn an_upload_that_was_never_invited_may_take_its_time() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        c.read_exact(8).expect("the body");
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let weir = impatient(&origin, "10s", "600ms");
    let mut client = weir.client();
    client.send(EXPECT);
    send_slowly(&mut client);
    assert_eq!(client.response().status, 200);
}

#[test]
fn an_early_answer_waits_while_the_upload_moves() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        c.read_exact(8).expect("the body");
        c.send("hi");
    });
    let weir = impatient(&origin, "600ms", "10s");
    let mut client = weir.client();
    client.send(UPLOAD);
    send_slowly(&mut client);
    assert_eq!(client.response().text(), "hi");
}

#[test]
fn an_early_answer_ends_when_neither_side_moves() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh");
        c.drain();
    });
    let weir = impatient(&origin, "300ms", "10s");
    let mut client = weir.client();
    client.send(UPLOAD).send("xx");
    let outcome = client.outcome();
    assert!(matches!(outcome, Outcome::Cut(_)), "{outcome:?}");
    origin.seen().wait_idle();
}

#[test]
fn a_body_that_only_trickles_is_408_however_long_it_is() {
    let origin = Origin::echo();
    let weir = Setup::new()
        .global("timeouts { body-rate-min \"10KiB/s\"; }")
        .upstream("timeouts first-byte=\"60s\"")
        .to(&origin)
        .start();
    // The long one is spliced, and its bytes are never seen.
    let mut clients = [60_000, 1_000_000].map(|length| {
        let mut client = weir.client();
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n"));
        client
    });
    // The pace is looked at after five seconds of waiting.
    for _ in 0..48 {
        std::thread::sleep(PIECE);
        for client in &mut clients {
            client.try_send("x");
        }
    }
    for mut client in clients {
        assert_eq!(client.response().status, 408);
    }
    weir.wait_metrics(|m| m.sum("weir_faults_total", &["request_body_timeout"]) >= 2.0);
}

#[test]
fn the_rest_of_a_body_that_nobody_reads_is_not_waited_for_long() {
    let origin = Origin::echo();
    let weir = Setup::new().site("route \"/said\" { respond 200 body=\"x\"; }").to(&origin).start();
    let mut client = weir.client();
    client.send("POST /said HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60000\r\n\r\n");
    assert_eq!(client.response().status, 200);
    // Every byte would be progress, but nobody is waiting for it.
    while client.try_send("x") {
        std::thread::sleep(PIECE);
    }
}

#[test]
fn a_close_delimited_answer_that_a_shutdown_cuts_ends_in_a_reset() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
        c.drain();
    });
    let mut weir = Setup::new().global("timeouts { shutdown \"300ms\"; }").to(&origin).start();
    let mut client = weir.client();
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    client.read_until(b"half").expect("the first half");
    weir.signal(rustix::process::Signal::TERM);
    let end = client.read_to_end();
    assert!(matches!(end, Err(Broken::Reset(_))), "{end:?}");
    weir.wait_exit();
}
