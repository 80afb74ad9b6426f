//! The load generator against the origin, without a proxy between them.
#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use weir_bench::load::{self, Asks, Plan};
use weir_bench::object::Family;
use weir_bench::origin::Origin;
use weir_bench::picks::{Order, Picks};
use weir_bench::{idle, tally::Tally, wire};

/// The origin on a thread that ends with the test's process.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || Origin::new(listener).unwrap().serve());
    address
}

fn run(path: &str, upload_bytes: u64, connections: usize) -> Tally {
    let path = path.to_owned();
    ask(origin(), Asks::Same { path, upload_bytes }, connections)
}

fn ask(target: SocketAddr, asks: Asks, connections: usize) -> Tally {
    let duration = Duration::from_secs(20);
    let plan = Plan { target, asks, close: false, connections, duration, requests_max: 50 };
    load::run(plan).unwrap()
}

/// The whole response to one request.
fn answer(target: SocketAddr, path: &str, fields: &str) -> String {
    let mut stream = TcpStream::connect(target).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: o\r\n{fields}\r\n").unwrap();
    let mut received = Vec::new();
    let mut scratch = [0; 1024];
    loop {
        let count = stream.read(&mut scratch).unwrap();
        assert!(count > 0, "closed after {received:?}");
        received.extend_from_slice(&scratch[..count]);
        let Some(head) = wire::head_length(&received) else { continue };
        let body = wire::content_length(&received[..head]).unwrap_or(0);
        if received.len() as u64 >= head as u64 + body {
            return String::from_utf8(received).unwrap();
        }
    }
}

#[test]
fn small_bodies_are_counted() {
    let tally = run("/small", 0, 8);
    assert_eq!((tally.requests, tally.errors, tally.bytes), (50, 0, 50 * 128));
}

#[test]
fn a_streamed_body_has_the_length_asked_for() {
    let tally = run("/stream?bytes=3000001", 0, 2);
    assert_eq!((tally.requests, tally.errors, tally.bytes), (50, 0, 50 * 3_000_001));
}

#[test]
fn uploads_are_taken_whole_and_answered() {
    let tally = run("/upload", 1_000_003, 3);
    assert_eq!((tally.requests, tally.errors, tally.bytes), (50, 0, 50 * 1_000_005));
}

#[test]
fn an_answer_other_than_200_is_an_error() {
    let tally = run("/nowhere", 0, 1);
    assert_eq!((tally.requests, tally.errors), (0, 50));
}

#[test]
fn idle_connections_stay_open() {
    assert_eq!(idle::open(origin(), 20).unwrap().len(), 20);
}

#[test]
fn objects_are_told_apart_and_counted() {
    let target = origin();
    let picks = |family| Picks::new(family, 20, Order::InTurn, 0);
    let fixed = ask(target, Asks::Objects(picks(Family::Fixed(70_000))), 4);
    assert_eq!((fixed.requests, fixed.errors, fixed.bytes), (50, 0, 50 * 70_000));
    let spread = ask(target, Asks::Objects(picks(Family::Spread)), 4);
    let bytes: u64 = picks(Family::Spread).take(50).map(|object| object.bytes()).sum();
    assert_eq!((spread.requests, spread.errors, spread.bytes), (50, 0, bytes));
    assert!(answer(target, "/counts", "").ends_with("asked=100 validated=0"));
}

#[test]
fn an_object_that_has_not_changed_is_not_sent_again() {
    let target = origin();
    let first = answer(target, "/v/16/10", "");
    assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
    assert!(first.contains("\r\nETag: \"a-10\"\r\nCache-Control: max-age=1\r\n"), "{first}");
    assert!(first.ends_with("\r\n\r\nwwwwwwwwwwwwwwww"), "{first}");
    let same = answer(target, "/v/16/10", "If-None-Match: \"a-10\"\r\n");
    assert!(same.starts_with("HTTP/1.1 304 ") && same.ends_with("\r\n\r\n"), "{same}");
    let other = answer(target, "/v/16/10", "If-None-Match: \"b-10\"\r\n");
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
    assert!(answer(target, "/counts", "").ends_with("asked=3 validated=1"));
}
