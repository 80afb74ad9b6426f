//! Servers whose health can be changed while they run, and what Weir makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use testkit::origin::ok;
use testkit::{Metrics, Origin, PATIENCE, Setup, Weir};

/// A check that soon notices, also on a busy machine: a probe has as long as an interval.
pub const QUICK: &str = "interval=\"500ms\" fast-interval=\"20ms\"";

/// A server that answers everything, and probes with the status it is given.
pub struct Patient {
    pub origin: Origin,
    status: Arc<AtomicU16>,
}

impl Patient {
    pub fn new(status: u16) -> Self {
        let status = Arc::new(AtomicU16::new(status));
        let said = Arc::clone(&status);
        let origin = Origin::answer(move |request| match request.target() {
            "/healthz" => {
                let status = said.load(Ordering::Relaxed);
                format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n").into_bytes()
            }
            _ => ok("served"),
        });
        Self { origin, status }
    }

    pub fn becomes(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// Requests that were no probes.
    pub fn served(&self) -> usize {
        self.origin.requests().iter().filter(|request| request.target() != "/healthz").count()
    }

    pub fn probes(&self) -> usize {
        self.origin.requests().iter().filter(|request| request.target() == "/healthz").count()
    }
}

/// Weir before these servers, each in turn.
pub fn before(servers: &[&Origin], check: &str) -> Setup {
    let setup = Setup::new().upstream("balance \"round-robin\"").upstream(check);
    servers.iter().fold(setup, |setup, origin| setup.to(origin))
}

/// Waits until the metrics say so of a server.
pub fn expect_up(weir: &Weir, server: &str, up: bool) {
    let label = format!("server=\"{server}\"");
    weir.wait_metrics(|metrics| standing(metrics, &label) == Some(up));
}

fn standing(metrics: &Metrics, label: &str) -> Option<bool> {
    let name = "weir_upstream_server_up";
    let known = metrics.names().iter().any(|own| own.starts_with(name) && own.contains(label));
    known.then(|| metrics.sum(name, &[label]) > 0.0)
}

/// Sends this many requests, each on a connection of its own, all of which must be served.
pub fn send(weir: &Weir, count: usize) {
    for _ in 0..count {
        assert_eq!(weir.get("/").status, 200);
    }
}

/// Waits for a line on stderr.
pub fn expect_line(weir: &Weir, line: &str) {
    wait_line(weir, line, |own| own == line);
}

fn wait_line(weir: &Weir, line: &str, is_it: impl Fn(&str) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !weir.stderr().iter().any(|own| is_it(own)) {
        assert!(Instant::now() < until, "{line:?} is not in {:#?}", weir.stderr());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The beginning of the line that says that a server is down.
pub fn expect_down_somehow(weir: &Weir, server: &str, reason: &str) {
    let line =
        format!("weir: upstream \"origin\": server {server} is down: health check: {reason}");
    wait_line(weir, &line, |own| own.starts_with(&line));
}

/// The line that says that a server is down.
pub fn expect_down_because(weir: &Weir, server: &str, reason: &str) {
    let start = "weir: upstream \"origin\": server";
    expect_line(weir, &format!("{start} {server} is down: health check: {reason}"));
}
