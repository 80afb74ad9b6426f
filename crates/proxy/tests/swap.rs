//! A snapshot is swapped under a running engine: the next request of a kept connection meets the
//! new one, and no connection notices.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use weir_proxy::engine::Engine;
use weir_proxy::listen::Listener;
use weir_proxy::record::Metrics;
use weir_proxy::record::metrics::exposition;
use weir_proxy::snapshot::{self, Snapshot};

fn answering(text: &str) -> Arc<Snapshot> {
    compiled(&format!("site {{ route \"/*\" {{ respond 200 body=\"{text}\"; }}; }}"))
}

fn compiled(text: &str) -> Arc<Snapshot> {
    let config = config::load_text("test", &format!("listen \"127.0.0.1:80\"\n{text}")).unwrap();
    Arc::new(snapshot::compile(&config, None).unwrap())
}

fn start(snapshot: &Arc<Snapshot>) -> (Engine, Metrics, SocketAddr) {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 1, 0).unwrap();
    let address = listener.address.unwrap();
    let metrics = Metrics::new(snapshot.shape(1));
    let parts = (&metrics, Vec::new(), (|| {}) as fn());
    let engine = Engine::start(snapshot, vec![listener], 1, parts).unwrap();
    (engine, metrics, address)
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
    let (engine, metrics, address) = start(&old);
    let mut kept = TcpStream::connect(address).unwrap();
    let mut parked = TcpStream::connect(address).unwrap();
    assert_eq!(ask(&mut kept), "old!");
    assert_eq!(ask(&mut parked), "old!");
    let new = answering("new!");
    engine.adopter().adopt(&new, &metrics.next(new.shape(1)));
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

/// An origin that answers at once, or every request when it is told to.
fn origin(is_slow: bool) -> (SocketAddr, std::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, told) = channel();
    thread::spawn(move || {
        let told = Arc::new(Mutex::new(told));
        for client in listener.incoming() {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                let mut client = client.unwrap();
                let mut head = [0; 1024];
                while client.read(&mut head).unwrap_or(0) > 0 {
                    if is_slow {
                        told.lock().unwrap().recv().unwrap();
                    }
                    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
                }
            });
        }
    });
    (address, go)
}

fn get(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    client
}

fn answer(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn servers(addresses: &[SocketAddr]) -> Arc<[config::Server]> {
    let servers: String =
        addresses.iter().map(|address| format!("server \"{address}\"\n")).collect();
    let text = format!("listen \":80\"\nupstream \"app\" {{\n{servers}}}");
    config::load_text("test", &text).unwrap().upstreams[0].servers.as_slice().into()
}

fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    exposition::render(metrics, &mut text);
    text
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Servers come and go while requests run and wait: who runs ends where it began and is counted
/// there, who waits goes to the new server, and the full one is not asked again.
#[test]
fn a_change_of_servers_loses_no_request() {
    let (slow, go) = origin(true);
    let (new, _) = origin(false);
    let snapshot = compiled(&format!(
        "upstream \"app\" {{ server \"{slow}\"; \
         connections max=1 queue=10 queue-timeout=\"30s\"; }}\n\
         site {{ route \"/*\" {{ proxy \"app\"; }}; }}"
    ));
    let (engine, metrics, address) = start(&snapshot);
    let running = get(address);
    eventually("the first is on its server", || snapshot.upstreams[0].cluster.active() == 1);
    let waiting: Vec<_> = (0..3).map(|_| get(address)).collect();
    eventually("the others wait", || snapshot.upstreams[0].cluster.waiting() == 3);
    let next = Arc::new(snapshot.with_servers(vec![(0, servers(&[new]))]));
    let next_metrics = metrics.next(next.shape(1));
    engine.adopter().adopt(&next, &next_metrics);
    for client in waiting {
        assert!(answer(client).starts_with("HTTP/1.1 200 "));
    }
    go.send(()).unwrap();
    assert!(answer(running).starts_with("HTTP/1.1 200 "), "it ends where it began");
    let counted = |server: SocketAddr, count: u32| {
        format!(
            "weir_upstream_responses_total{{upstream=\"app\",server=\"{server}\",\
             status=\"2xx\"}} {count}\n"
        )
    };
    assert!(text(&next_metrics).contains(&counted(new, 3)));
    assert!(text(&metrics).contains(&counted(slow, 1)), "{}", text(&metrics));
    assert_eq!(next.upstreams[0].cluster.waiting(), 0);
    engine.drain(Duration::from_secs(5));
    engine.join(Duration::from_secs(1));
    assert_eq!(Arc::strong_count(&snapshot), 1, "nobody holds the old snapshot any more");
}

#[test]
fn an_upstream_without_servers_says_so() {
    let (new, _) = origin(false);
    let snapshot = compiled(&format!(
        "upstream \"app\" {{ server \"{new}\"; }}\nsite {{ route \"/*\" {{ proxy \"app\"; }}; }}"
    ));
    let (engine, metrics, address) = start(&snapshot);
    let next = Arc::new(snapshot.with_servers(vec![(0, Arc::new([]))]));
    engine.adopter().adopt(&next, &metrics.next(next.shape(1)));
    eventually("the snapshot is in force", || Arc::strong_count(&snapshot) == 1);
    assert!(answer(get(address)).starts_with("HTTP/1.1 503 "));
    engine.drain(Duration::from_secs(5));
    engine.join(Duration::from_secs(1));
}
