//! The load generator against the origin, without a proxy between them.
#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use weir_bench::load::{self, Plan};
use weir_bench::origin::Origin;
use weir_bench::{idle, tally::Tally};

/// The origin on a thread that ends with the test's process.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || Origin::new(listener).unwrap().serve());
    address
}

fn run(path: &str, upload_bytes: u64, connections: usize) -> Tally {
    let duration = Duration::from_secs(20);
    let (target, path) = (origin(), path.to_owned());
    let plan =
        Plan { target, path, upload_bytes, close: false, connections, duration, requests_max: 50 };
    load::run(plan).unwrap()
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
