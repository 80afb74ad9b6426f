//! curl through Weir: what people try first. Each case checks the bytes on both sides.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::origin::ok;
use testkit::{Framing, Origin, Weir};

/// Runs curl with these arguments and this path; returns what it printed.
fn curl(weir: &Weir, args: &[&str], path: &str) -> String {
    let mut command = Command::new(tool("curl"));
    command.args(["-sS", "--max-time", "15"]).args(args).arg(weir.url(path));
    let (code, out, err) = run(&mut command);
    assert_eq!(code, Some(0), "{command:?}: {err}");
    String::from_utf8(out).expect("text")
}

fn scene() -> (Origin, Weir) {
    let origin = Origin::simple(ok("hello from the origin"));
    let weir = Weir::before(&origin);
    (origin, weir)
}

#[test]
fn get() {
    let (origin, weir) = scene();
    assert_eq!(curl(&weir, &[], "/a?b=c"), "hello from the origin");
    let seen = origin.seen().last();
    assert_eq!(seen.head.start, "GET /a?b=c HTTP/1.1");
    assert!(seen.field("user-agent").is_some_and(|agent| agent.starts_with("curl/")));
    assert_eq!(seen.field("host"), Some(weir.addr().to_string().as_str()));
}

#[test]
fn post() {
    let (origin, weir) = scene();
    assert_eq!(curl(&weir, &["--data", "name=value"], "/form"), "hello from the origin");
    let seen = origin.seen().last();
    assert_eq!((seen.method(), seen.text().as_str()), ("POST", "name=value"));
    assert_eq!(seen.field("content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn chunked_upload() {
    let (origin, weir) = scene();
    let args = ["-H", "Transfer-Encoding: chunked", "--data-binary", "streamed"];
    assert_eq!(curl(&weir, &args, "/"), "hello from the origin");
    let seen = origin.seen().last();
    assert_eq!((seen.framing, seen.text().as_str()), (Framing::Chunked, "streamed"));
}

#[test]
fn expect_100_continue() {
    let origin = Origin::script(|c| {
        let head = c.expect_request_line("POST / HTTP/1.1");
        assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
        c.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(c.read_exact(4).expect("the body"), b"body");
        c.send(ok("done"));
    });
    let weir = Weir::before(&origin);
    // Twenty seconds: curl would give up waiting for the 100 only after the test has failed.
    let args = ["-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data", "body"];
    assert_eq!(curl(&weir, &args, "/"), "done");
}

#[test]
fn head() {
    let (origin, weir) = scene();
    let out = curl(&weir, &["--head"], "/h");
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n"), "{out}");
    assert!(out.to_ascii_lowercase().contains("\r\ncontent-length: 21\r\n"), "{out}");
    assert_eq!(origin.seen().lines(), ["HEAD /h"]);
}

#[test]
fn range() {
    let origin = Origin::answer(|request| {
        assert_eq!(request.field("range"), Some("bytes=2-4"));
        let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/9";
        format!("{head}\r\nContent-Length: 3\r\n\r\ncde").into()
    });
    let weir = Weir::before(&origin);
    assert_eq!(curl(&weir, &["--range", "2-4"], "/"), "cde");
}

#[test]
fn http10() {
    let (origin, weir) = scene();
    assert_eq!(curl(&weir, &["--http1.0"], "/old"), "hello from the origin");
    assert_eq!(origin.seen().last().target(), "/old");
}

#[test]
fn big_headers() {
    let (origin, weir) = scene();
    let value = "v".repeat(8000);
    let fields: Vec<_> = (0..3).map(|i| format!("X-Big-{i}: {value}")).collect();
    let args: Vec<_> = fields.iter().flat_map(|field| ["-H", field.as_str()]).collect();
    assert_eq!(curl(&weir, &args, "/"), "hello from the origin");
    assert_eq!(origin.seen().last().field("x-big-2"), Some(value.as_str()));
}

#[test]
fn put_a_file() {
    let (origin, weir) = scene();
    let file = weir.dir().join("upload.bin");
    let content: Vec<u8> = (0..300_000u32).map(|i| (i % 253) as u8).collect();
    std::fs::write(&file, &content).expect("a file");
    let file = file.display().to_string();
    assert_eq!(curl(&weir, &["-T", &file], "/put"), "hello from the origin");
    let seen = origin.seen().last();
    assert_eq!((seen.method(), seen.field("content-length")), ("PUT", Some("300000")));
    assert!(seen.body == content);
}

#[test]
fn many_on_one_connection() {
    let (origin, weir) = scene();
    let (one, two) = (weir.url("/1"), weir.url("/2"));
    let out = curl(&weir, &["-w", "%{num_connects} ", &one, &two], "/3");
    assert_eq!(out, "hello from the origin1 hello from the origin0 hello from the origin0 ");
    assert_eq!(origin.seen().lines(), ["GET /1", "GET /2", "GET /3"]);
}

#[test]
fn an_error_that_people_can_read() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = testkit::Setup::new().server(&nobody).start();
    let out = curl(&weir, &["-w", "%{http_code}"], "/");
    assert!(out.ends_with("502"), "{out}");
    assert!(out.len() > 10, "an error has a body");
}

#[test]
fn without_a_configuration_file() {
    let origin = Origin::simple(ok("plain"));
    let weir = Weir::proxy(&[origin.server()]);
    assert_eq!(curl(&weir, &[], "/p"), "plain");
}

#[test]
fn without_a_configuration_file_to_several_servers() {
    let (one, two) = (Origin::simple(ok("x")), Origin::simple(ok("x")));
    let weir = Weir::proxy(&[one.server(), two.server()]);
    for _ in 0..8 {
        assert_eq!(curl(&weir, &[], "/"), "x");
    }
    assert_eq!(one.requests().len() + two.requests().len(), 8);
    assert!(!one.requests().is_empty() && !two.requests().is_empty());
}
