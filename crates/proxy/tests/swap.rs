//! A snapshot is swapped under a running engine: the next request of a kept connection meets the
//! new one, and no connection notices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_proxy::engine::Engine;
use weir_proxy::listen::Listener;
use weir_proxy::record::Metrics;
use weir_proxy::snapshot::{self, Snapshot};

fn answering(text: &str) -> Arc<Snapshot> {
    let text = format!(
        "listen \"127.0.0.1:80\"\nsite {{ route \"/*\" {{ respond 200 body=\"{text}\"; }}; }}\n"
    );
    let config = config::load_text("test", &text).unwrap();
    Arc::new(snapshot::compile(&config, None).unwrap())
}

fn start(snapshot: &Arc<Snapshot>) -> (Engine, SocketAddr) {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 1, 0).unwrap();
    let address = listener.address.unwrap();
    let metrics = Metrics::new(snapshot.shape(1));
    let parts = (&metrics, Vec::new(), (|| {}) as fn());
    (Engine::start(snapshot, vec![listener], 1, parts).unwrap(), address)
}

fn ask(client: &mut TcpStream) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 1024];
    while !got.ends_with(b"!") {
        let count = client.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "closed after {}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&got).lines().last().unwrap().to_owned()
}

#[test]
fn the_next_request_meets_the_new_snapshot() {
    let old = answering("old!");
    let (engine, address) = start(&old);
    let mut kept = TcpStream::connect(address).unwrap();
    let mut parked = TcpStream::connect(address).unwrap();
    assert_eq!(ask(&mut kept), "old!");
    assert_eq!(ask(&mut parked), "old!");
    engine.adopt(&answering("new!"));
    let until = Instant::now() + Duration::from_secs(10);
    while ask(&mut kept) != "new!" {
        assert!(Instant::now() < until, "the old snapshot is still in force");
    }
    assert_eq!(ask(&mut parked), "new!");
    drop((kept, parked));
    engine.drain(Duration::from_secs(5));
    engine.join(Duration::from_secs(1));
    assert_eq!(Arc::strong_count(&old), 1, "nobody holds the old snapshot any more");
}
