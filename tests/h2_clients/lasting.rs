//! Streams that last: over a drain, over a reader that does not read, through two versions.

use std::process::{Command, Stdio};

use rustix::process::Signal;
use testkit::external::{python_script, run, tool};
use testkit::origin::ok;
use testkit::{External, Gate, Origin, Setup, Weir};

/// Far more than all buffers together.
const BIG_BYTES: usize = 200 << 20;

/// What a client that does not read may cost beside what it has already been sent.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

fn curl(weir: &Weir, arguments: &[&str]) -> Command {
    let mut curl = Command::new(tool("curl"));
    curl.args(["-s", "--http2-prior-knowledge", "--max-time", "30"]).args(arguments);
    curl.arg(weir.url("/")).stdin(Stdio::null()).stdout(Stdio::piped());
    curl
}

#[test]
fn a_drain_lets_a_stream_end_whole() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        while c.next_request().is_some() {
            c.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            waiting.pass();
            c.send("half");
        }
    });
    let mut weir = Weir::before(&origin);
    let client = curl(&weir, &["-w", " %{http_version} %{http_code}"]).spawn().expect("curl");
    origin.seen().wait_requests(1);
    weir.signal(Signal::TERM);
    while testkit::port::is_listening(weir.addr().port()) {
        std::thread::yield_now();
    }
    gate.open();
    let said = client.wait_with_output().expect("curl");
    assert_eq!(String::from_utf8_lossy(&said.stdout), "halfhalf 2 200");
    assert_eq!(weir.wait_exit().code(), Some(0));
}

#[test]
fn a_reader_that_does_not_read_holds_no_more_than_its_window() {
    let body = vec![b'x'; BIG_BYTES];
    let origin = Origin::answer(move |_| ok(&body));
    let weir = Setup::new().to(&origin).site("route \"=/small\" { respond 200; }").start();
    let before = weir.rss_bytes();
    let mut slow = curl(&weir, &["--limit-rate", "1k"]).spawn().expect("curl");
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 1.0);
    // Others are served meanwhile, which also gives time for whatever would pile up.
    for _ in 0..50 {
        assert_eq!(weir.get("/small").status, 200);
    }
    let grown = weir.rss_peak_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes for one that does not read");
    slow.kill().expect("kill");
    slow.wait().expect("wait");
}

#[test]
fn a_websocket_to_an_origin_of_http2() {
    let echo = External::script("ws_echo.py", &[]);
    let origin = Setup::new().server(&echo.server()).start();
    let weir = Setup::new().server(&origin.addr().to_string()).upstream("protocol \"h2\"").start();
    let mut client = python_script("ws_client.py");
    let (code, out, err) = run(client.arg(format!("ws://{}/chat", weir.addr())));
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(String::from_utf8_lossy(&out), "all echoed\n");
    let log = origin.wait_log(8);
    assert!(log.iter().all(|line| line.text("protocol") == "HTTP/2.0"), "{log:?}");
}

#[test]
fn an_origin_of_http2_that_wants_no_websocket() {
    let plain = Origin::simple("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let origin = Setup::new().to(&plain).start();
    let weir = Setup::new().server(&origin.addr().to_string()).upstream("protocol \"h2\"").start();
    let mut client = weir.client();
    client.send(
        "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
}
