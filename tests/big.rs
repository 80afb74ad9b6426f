//! 2 GiB up and 2 GiB down with flat memory. The bodies are made and checked on the way.

use std::io::Write;

use dialogue::get;
use testkit::pattern::Pattern;
use testkit::{Client, Origin, Weir, Wire};

const TOTAL: u64 = 2 << 30;
/// What a gigabyte in flight may add to the resident memory.
const GROWTH_MAX: u64 = 8 << 20;

fn warm(weir: &Weir) -> u64 {
    weir.client().expect_alive("/small");
    weir.rss_bytes()
}

/// Serves `/small` small, sends the pattern for other GETs, checks it in other POSTs.
fn origin(chunked: bool) -> Origin {
    Origin::script(move |c| {
        while let Ok(head) = c.read_head() {
            let head = String::from_utf8(head).expect("text");
            if head.contains(" /small ") {
                c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            } else if head.starts_with("POST") {
                match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
                    true => check_chunks(&mut *c),
                    false => Pattern::default().check(&mut **c, TOTAL).expect("the upload"),
                }
                c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            } else if chunked {
                c.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                send_chunks(&mut **c);
            } else {
                c.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n"));
                Pattern::default().write(&mut **c, TOTAL).expect("the download");
            }
        }
    })
}

fn send_chunks(sink: &mut impl Write) {
    let mut pattern = Pattern::default();
    for _ in 0..TOTAL / 65_536 {
        sink.write_all(b"10000\r\n").expect("a size");
        sink.write_all(pattern.next(65_536)).expect("a chunk");
        sink.write_all(b"\r\n").expect("an end");
    }
    sink.write_all(b"0\r\n\r\n").expect("the last chunk");
}

fn check_chunks(wire: &mut Wire) {
    let mut pattern = Pattern::default();
    let mut left = TOTAL;
    while left > 0 {
        let line = wire.read_until(b"\r\n").expect("a chunk size");
        let text = std::str::from_utf8(&line).expect("digits").trim_end();
        let size = u64::from_str_radix(text, 16).expect("a size");
        pattern.check(wire, size).expect("every byte");
        assert_eq!(wire.read_exact(2).expect("an end"), b"\r\n");
        left -= size;
    }
    assert_eq!(wire.read_exact(5).expect("the last chunk"), b"0\r\n\r\n");
}

fn assert_flat(weir: &Weir, before: u64) {
    let grown = weir.rss_peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "grew by {grown} bytes from {before}");
}

#[test]
fn down_with_a_length() {
    let origin = origin(false);
    let weir = Weir::before(&origin);
    let before = warm(&weir);
    let mut client = weir.client();
    client.send(get("/big"));
    client.read_head().expect("a head");
    Pattern::default().check(&mut *client, TOTAL).expect("every byte");
    client.expect_alive("/small");
    assert_flat(&weir, before);
}

#[test]
fn down_in_chunks() {
    let origin = origin(true);
    let weir = Weir::before(&origin);
    let before = warm(&weir);
    let mut client = weir.client();
    client.send(get("/big"));
    client.read_head().expect("a head");
    check_chunks(&mut client);
    client.expect_alive("/small");
    assert_flat(&weir, before);
}

#[test]
fn up_with_a_length() {
    let origin = origin(false);
    let weir = Weir::before(&origin);
    let before = warm(&weir);
    let mut client: Client = weir.client();
    client.send(format!("POST /big HTTP/1.1\r\nHost: a.test\r\nContent-Length: {TOTAL}\r\n\r\n"));
    Pattern::default().write(&mut *client, TOTAL).expect("the upload");
    assert_eq!(client.response().status, 200);
    client.expect_alive("/small");
    assert_flat(&weir, before);
}

#[test]
fn up_in_chunks() {
    let origin = origin(false);
    let weir = Weir::before(&origin);
    let before = warm(&weir);
    let mut client: Client = weir.client();
    client.send("POST /big HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    send_chunks(&mut *client);
    assert_eq!(client.response().status, 200);
    client.expect_alive("/small");
    assert_flat(&weir, before);
}
