//! What the origin has sent goes out at once; what it has not sent is not made up.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use dialogue::get;
use testkit::external::{run, tool};
use testkit::{Gate, Origin, Setup, Weir};

use crate::scene::{CODINGS, text};

fn before(origin: &Origin) -> Weir {
    Setup::new().route("compress").to(origin).start()
}

/// Sends the next event only when the client has confirmed the last, which it reads decoded.
fn one_by_one(coding: &str, protocol: &str) {
    let gate = Gate::default();
    let confirmed = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for number in 1..=5 {
            c.send(format!("data: {number}\n\n"));
            confirmed.pass();
        }
    });
    let weir = before(&origin);
    let mut curl = Command::new(tool("curl"));
    curl.args(["-sSN", "--compressed", "--max-time", "20", protocol, "-H"]);
    curl.arg(format!("Accept-Encoding: {coding}")).arg(weir.url("/events"));
    let mut curl = curl.stdout(Stdio::piped()).spawn().expect("curl");
    let mut lines = BufReader::new(curl.stdout.take().expect("piped")).lines();
    for number in 1..=5 {
        let line = lines.next().unwrap_or_else(|| panic!("event {number} of {coding}"));
        assert_eq!(line.expect("text"), format!("data: {number}"));
        assert_eq!(lines.next().expect("the end of an event").expect("text"), "");
        gate.open();
    }
    assert!(curl.wait().expect("an end").success());
    let sum = |name: &str| weir.metrics().sum(name, &[&format!("coding=\"{coding}\"")]);
    assert_eq!(sum("weir_compress_responses_total"), 1.0);
}

#[test]
fn events_arrive_one_by_one_in_every_coding() {
    for coding in CODINGS {
        one_by_one(coding, "--http1.1");
        one_by_one(coding, "--http2-prior-knowledge");
    }
}

/// Parts of 64 KiB that the long body is made of.
const PARTS: usize = 1600;

#[test]
fn a_hundred_megabytes_pass_in_little_memory() {
    let part = text(64 << 10);
    let sent = part.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
        for _ in 0..PARTS {
            c.send(&sent);
        }
    });
    let weir = before(&origin);
    for coding in CODINGS {
        let peak = weir.rss_peak_bytes();
        let mut curl = Command::new(tool("curl"));
        curl.args(["-sS", "--compressed", "--max-time", "100", "-H"]);
        curl.arg(format!("Accept-Encoding: {coding}")).arg(weir.url("/"));
        let mut curl = curl.stdout(Stdio::piped()).spawn().expect("curl");
        let mut out = curl.stdout.take().expect("piped");
        let mut got = vec![0; part.len()];
        for number in 0..PARTS {
            out.read_exact(&mut got).unwrap_or_else(|e| panic!("part {number} of {coding}: {e}"));
            assert!(got == part.as_bytes(), "part {number} of {coding}");
        }
        assert_eq!(out.read(&mut got).expect("the end"), 0);
        assert!(curl.wait().expect("an end").success());
        let grown = weir.rss_peak_bytes().saturating_sub(peak);
        assert!(grown < 24 << 20, "{coding}: {grown} bytes");
    }
}

#[test]
fn an_origin_that_dies_leaves_no_valid_end() {
    let half = text(200_000);
    let origin = Origin::script(move |c| {
        let request = c.request();
        let framing = if request.target() == "/length" { "Content-Length: 400000" } else { "X: y" };
        c.send(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{framing}\r\n"));
        if request.target() == "/chunked" {
            c.send(format!("Transfer-Encoding: chunked\r\n\r\n61a80\r\n{half}"));
        } else {
            c.send(format!("\r\n{half}"));
        }
    });
    let weir = before(&origin);
    let file = weir.dir().join("part");
    for protocol in ["--http1.1", "--http2-prior-knowledge"] {
        for path in ["/length", "/chunked"] {
            for coding in CODINGS {
                let mut curl = Command::new(tool("curl"));
                curl.args(["-sS", "--max-time", "20", protocol, "-H"]);
                curl.arg(format!("Accept-Encoding: {coding}")).arg("-o").arg(&file);
                let (code, _, err) = run(curl.arg(weir.url(path)));
                assert!(matches!(code, Some(18 | 56 | 92)), "{coding} {path}: {code:?} {err}");
                let tester = match coding {
                    "gzip" => "gzip",
                    "zstd" => "zstd",
                    _ => continue,
                };
                let (code, ..) = run(Command::new(tool(tester)).arg("-t").arg(&file));
                assert_ne!(code, Some(0), "{coding} {path} {protocol}");
            }
        }
    }
}

#[test]
fn a_client_that_leaves_leaves_nothing_behind() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
        let part = text(64 << 10);
        while c.try_send(&part) {}
    });
    let weir = Setup::new().route("compress").to(&origin).workers(1).start();
    for coding in CODINGS {
        let mut clients: Vec<_> = (0..8).map(|_| weir.client()).collect();
        for client in &mut clients {
            let request =
                get("/").replace("\r\n\r\n", &format!("\r\nAccept-Encoding: {coding}\r\n\r\n"));
            client.send(request);
            client.read_head().expect("a head");
        }
        weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 8.0);
        clients.into_iter().for_each(testkit::Client::reset);
        weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
        origin.seen().wait_idle();
    }
    // Four encoders each of zstd and gzip are kept.
    let kept = f64::from((4 * (1856 + 384)) << 10) + f64::from(4 << 20);
    weir.wait_metrics(|m| m.sum("weir_memory_used_bytes", &[]) < kept);
}
