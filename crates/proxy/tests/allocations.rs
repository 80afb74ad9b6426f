//! A keep-alive request allocates nothing: counted over every thread but the test's own.

#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_proxy::engine::Engine;
use weir_proxy::listen::Listener;
use weir_proxy::record::{AccessLog, Format, LogFormat, Metrics, Target};
use weir_proxy::snapshot;

/// Requests that warm pools and buffers up.
const WARM_UP: usize = 300;

/// Requests that are counted.
const COUNTED: usize = 2000;

struct Counting;

static ALONE: Mutex<()> = Mutex::new(());

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Set on the threads that play client and origin.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !OURS.try_with(Cell::get).unwrap_or(true) {
        ALLOCATIONS.fetch_add(1, SeqCst);
    }
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no
// memory that is being allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An origin that answers every head with the same bytes.
fn origin(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        OURS.set(true);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                OURS.set(true);
                let mut buffer = [0; 4096];
                while let Ok(count) = stream.read(&mut buffer) {
                    if count == 0 || stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn start(origin: SocketAddr, extra: &str, log: Option<LogFormat>) -> (Engine, SocketAddr) {
    let text = format!(
        "listen \"127.0.0.1:80\"\nupstream \"o\" {{ server \"{origin}\"; }}\n\
         site {{ route \"/*\" {{ {extra}proxy \"o\"; }}; }}\n"
    );
    let config = config::load_text("test", &text).unwrap();
    let snapshot = Arc::new(snapshot::compile(&config, None).unwrap());
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), 1, 0).unwrap();
    let address = listener.address.unwrap();
    let metrics = Metrics::new(snapshot.shape(1));
    let sink = Target::File(std::env::temp_dir().join(format!("weir-{}.log", address.port())));
    let logs = log
        .map(|format| AccessLog::start(Format::new(&format), sink, metrics.log_counts()).unwrap());
    let logs = logs.into_iter().collect();
    let engine = Engine::start(&snapshot, vec![listener], 1, (&metrics, logs, || {})).unwrap();
    (engine, address)
}

/// Sends requests one after the other on one connection, and checks the end of every answer.
fn ask(client: &mut TcpStream, times: usize, request: &[u8], ends_with: &[u8]) {
    let mut buffer = [0; 8192];
    for _ in 0..times {
        client.write_all(request).unwrap();
        let mut got = 0;
        while !buffer[..got].ends_with(ends_with) {
            let count = client.read(&mut buffer[got..]).unwrap();
            assert_ne!(count, 0, "closed: {}", String::from_utf8_lossy(&buffer[..got]));
            got += count;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
    }
}

fn allocations_of(answer: &'static [u8], extra: &str, log: Option<LogFormat>, end: &[u8]) -> u64 {
    // One at a time: the counter is one for the whole process.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    OURS.set(true);
    let (engine, address) = start(origin(answer), extra, log);
    let mut client = TcpStream::connect(address).unwrap();
    let request = b"GET /some/path?query=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n\
        Accept: */*\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\n\r\n";
    ask(&mut client, WARM_UP, request, end);
    let before = ALLOCATIONS.load(SeqCst);
    ask(&mut client, COUNTED, request, end);
    let counted = ALLOCATIONS.load(SeqCst) - before;
    engine.stop();
    engine.join(Duration::from_secs(1));
    counted
}

#[test]
fn a_keep_alive_request_allocates_nothing() {
    let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello";
    assert_eq!(allocations_of(plain, "", None, b"hello"), 0, "plain");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(allocations_of(chunked, "", None, b"0\r\n\r\n"), 0, "chunked");
    let edits = "request-headers { set \"X-Env\" \"{host}\"; }; \
                 response-headers { remove \"Content-Type\"; add \"X-A\" \"{request.id}\"; }; ";
    assert_eq!(allocations_of(plain, edits, None, b"hello"), 0, "with field edits");
}

#[test]
fn the_access_log_allocates_next_to_nothing() {
    // A buffer may be made while the writer still holds all spare ones: a few in thousands.
    let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let counted = allocations_of(plain, "", Some(LogFormat::Json), b"hello");
    assert!(counted <= 20, "{counted} allocations in {COUNTED} requests");
}
