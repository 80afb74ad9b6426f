//! Measures what a request and a response cost the engine: `cargo run --release --example speed`.
//!
//! Prints nanoseconds for each step as the best of several rounds. It is no test: figures depend
//! on the machine.

use std::hint::black_box;
use std::time::Instant;

use weir_http1::{
    BodyDecoder, BodyLength, Framing, HeadLimits, HeadScanner, Method, Persistence, RequestHead,
    ResponseHead, Version, persists, request_head, request_length, response_head, response_length,
};

const REQUEST: &[u8] = b"GET /articles/2024/overview.html?page=2&sort=date HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/articles/\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=4c1d9a7be8f04e4f; theme=dark; consent=1\r\n\
    Cache-Control: max-age=0\r\n\
    If-None-Match: \"5f2a-61b\"\r\n\r\n";

const SMALL: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx/1.26.0\r\n\
    Date: Mon, 03 Jun 2024 10:00:00 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\n\
    Content-Length: 1024\r\n\
    Last-Modified: Mon, 03 Jun 2024 09:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"665d8290-400\"\r\n\
    Accept-Ranges: bytes\r\n\r\n";

const ROUNDS: u32 = 40;
const TURNS: u32 = 20_000;

/// Prints the best round of a step, in nanoseconds for one turn.
fn measure(name: &str, mut turn: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..TURNS).for_each(|_| turn());
            start.elapsed().as_nanos() / u128::from(TURNS)
        })
        .min();
    println!("{name:<44} {:>6} ns", best.unwrap_or_default());
}

fn request(name: &str, bytes: &[u8]) {
    let limits = HeadLimits::default();
    let mut head = RequestHead::default();
    measure(&format!("{name}: find the end"), || {
        let _ = black_box(HeadScanner::new_request().find_end(black_box(bytes), &limits));
    });
    measure(&format!("{name}: parse"), || {
        let _ = black_box(head.parse(black_box(bytes), &limits));
    });
    measure(&format!("{name}: framing and persistence"), || {
        let _ = black_box(request_length(black_box(&head)));
        black_box(persists(head.version, &head.headers));
    });
    let mut out = Vec::new();
    measure(&format!("{name}: encode"), || {
        out.clear();
        request_head(&mut out, black_box(&head), Framing::Absent, Persistence::Implied);
    });
}

fn response() {
    let limits = HeadLimits::default();
    let mut head = ResponseHead::default();
    measure("response of 8 fields: find the end", || {
        let _ = black_box(HeadScanner::new_response().find_end(black_box(RESPONSE), &limits));
    });
    measure("response of 8 fields: parse", || {
        let _ = black_box(head.parse(black_box(RESPONSE), &limits));
    });
    measure("response of 8 fields: framing", || {
        let _ = black_box(response_length(Method::Get, black_box(&head)));
    });
    let mut out = Vec::new();
    measure("response of 8 fields: encode", || {
        out.clear();
        let version = Version::Http11;
        let framing = Framing::Length(1024);
        response_head(&mut out, version, black_box(&head), framing, Persistence::Implied);
    });
}

fn main() {
    request("request of 10 fields", REQUEST);
    request("request of 1 field", SMALL);
    response();
    let mut chunked = b"1000\r\n".to_vec();
    chunked.resize(6 + 0x1000, b'x');
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    measure("chunked body, one chunk of 4 KiB", || {
        let mut decoder = BodyDecoder::new(BodyLength::Chunked);
        let _ = black_box(decoder.step(black_box(&chunked)));
    });
}
