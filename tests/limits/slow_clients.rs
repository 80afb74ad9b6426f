//! Clients that send or read slowly: 408, or a close where no response fits. Timeouts are about
//! progress, so what moves may take as long as it likes.

use std::time::Duration;

use dialogue::get;
use testkit::{Gate, Origin, Outcome, Setup, Weir};

fn impatient(origin: &Origin, timeouts: &str) -> Weir {
    Setup::new().global(&format!("timeouts {{ {timeouts}; }}")).to(origin).start()
}

#[test]
fn a_head_that_stops_is_408() {
    let origin = Origin::echo();
    let weir = impatient(&origin, "request-header \"300ms\"");
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: a.te");
    assert_eq!(client.response().status, 408);
    client.expect_closed();
    assert_eq!(weir.wait_log(1)[0].status(), 408);
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["request-header"]) >= 1.0);
}

#[test]
fn a_head_that_trickles_is_408_all_the_same() {
    let origin = Origin::echo();
    let weir = impatient(&origin, "request-header \"500ms\"");
    let mut client = weir.client();
    let mut writer = client.sock().share();
    let trickle = std::thread::spawn(move || {
        use std::io::Write;
        let mut bytes =
            b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ".iter().chain(std::iter::repeat(&b'v'));
        while bytes.next().is_some_and(|byte| writer.write_all(&[*byte]).is_ok()) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.response().status, 408);
    client.sock().shutdown(std::net::Shutdown::Both);
    trickle.join().expect("the writer ends");
    assert_eq!(origin.seen().connections().len(), 0);
}

#[test]
fn an_idle_client_is_closed_without_a_word() {
    let origin = Origin::echo();
    let weir = impatient(&origin, "client-idle \"300ms\"");
    let mut client = weir.client();
    client.expect_alive("/");
    client.expect_closed();
    assert_eq!(weir.wait_log(1).len(), 1);
}

#[test]
fn a_client_that_never_speaks_is_closed() {
    let origin = Origin::echo();
    let weir = impatient(&origin, "request-header \"300ms\"; client-idle \"300ms\"");
    let mut client = weir.client();
    match client.outcome() {
        Outcome::Cut(had) => assert_eq!(had, b""),
        Outcome::Whole(got) => assert_eq!(got.status, 408),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_that_stops_is_408_and_cancels_the_upstream() {
    let gone = Gate::default();
    let told = gone.clone();
    let origin = Origin::script(move |c| {
        c.read_head().expect("a head");
        let rest = c.read_to_end();
        assert!(rest.is_err() || rest.is_ok_and(|had| had.len() < 10));
        told.open();
    });
    let weir = impatient(&origin, "body-idle \"300ms\"");
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfew");
    assert_eq!(client.response().status, 408);
    client.expect_closed();
    gone.pass();
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["body-idle"]) >= 1.0);
}

#[test]
fn a_chunked_body_that_stops_is_408() {
    let origin = Origin::script(|c| c.drain());
    let weir = impatient(&origin, "body-idle \"300ms\"");
    for part in ["5", "5\r\nhe", "5\r\nhello\r\n", "0\r\nX: "] {
        let mut client = weir.client();
        client.send(dialogue::post_chunked(part));
        assert_eq!(client.response().status, 408, "{part:?}");
    }
}

#[test]
fn a_body_that_moves_is_not_timed_out() {
    let origin = Origin::echo();
    let weir = impatient(&origin, "body-idle \"2s\"");
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\n");
    for byte in ["s", "l", "o", "w", "l", "y"] {
        std::thread::sleep(Duration::from_millis(500));
        client.send(byte);
    }
    assert_eq!(client.response().echoed().text(), "slowly");
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let gone = Gate::default();
    let told = gone.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let block = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while c.try_send(&block) {}
        told.open();
    });
    let weir = impatient(&origin, "body-idle \"300ms\"");
    let mut client = weir.client();
    client.send(get("/"));
    client.read_head().expect("a head");
    gone.pass();
    assert_eq!(weir.wait_log(1).len(), 1);
    let rest = client.read_to_end();
    assert!(!rest.is_ok_and(|had| had.ends_with(b"0\r\n\r\n")), "a whole response was faked");
}

#[test]
fn a_slow_reader_that_moves_gets_everything() {
    const TOTAL: u64 = 8_000_000;
    let origin = Origin::script(|c| {
        c.request();
        c.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n"));
        let _cut_shows_at_the_client = testkit::pattern::Pattern::default().write(&mut **c, TOTAL);
    });
    let weir = impatient(&origin, "body-idle \"2s\"");
    let mut client = weir.client();
    client.sock().small_buffers(16 * 1024);
    client.send(get("/"));
    client.read_head().expect("a head");
    let mut pattern = testkit::pattern::Pattern::default();
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(600));
        pattern.check(&mut *client, TOTAL / 4).expect("a quarter");
    }
}
