//! Bytes over TLS: many, both ways, in any pieces, and how connections end.

use std::io::Write;

use testkit::external::tool;
use testkit::message::Broken;
use testkit::origin::ok;
use testkit::pattern::Pattern;
use testkit::{Origin, Setup};

use crate::scene::Scene;

const MANY: u64 = 12 * 1024 * 1024;

fn pattern(total: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Pattern::default().write(&mut bytes, total).expect("memory");
    bytes
}

#[test]
fn downloads_are_exact() {
    let content = pattern(MANY);
    let (plain, chunked) = (ok(&content), content.clone());
    let origin = Origin::answer(move |request| match request.target() {
        "/chunked" => {
            let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in chunked.chunks(70_001) {
                write!(out, "{:x}\r\n", piece.len()).expect("memory");
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"0\r\n\r\n");
            out
        }
        _ => plain.clone(),
    });
    let scene = Scene::new(Setup::new().to(&origin), "");
    for http in ["--http1.1", "--http2"] {
        for tls in ["1.2", "1.3"] {
            for path in ["/plain", "/chunked"] {
                let file = scene.weir.dir().join("got");
                let name = file.display().to_string();
                scene.curl(&[http, "--tls-max", tls, "-o", &name], path);
                assert!(std::fs::read(&file).expect("a file") == content, "{http} {tls} {path}");
            }
        }
    }
}

#[test]
fn uploads_are_exact() {
    let content = pattern(MANY);
    let expected = content.clone();
    let origin = Origin::answer(move |request| {
        ok(if request.body == expected { "the same" } else { "different" })
    });
    let scene = Scene::new(Setup::new().to(&origin), "");
    let file = scene.weir.dir().join("up");
    std::fs::write(&file, &content).expect("a file");
    let name = file.display().to_string();
    for http in ["--http1.1", "--http2"] {
        for fields in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
            if http == "--http2" && !fields.is_empty() {
                continue;
            }
            let args = [&[http, "-T", &name][..], fields].concat();
            assert_eq!(scene.curl(&args, "/up"), "the same", "{http} {fields:?}");
        }
    }
}

#[test]
fn both_directions_at_once() {
    let origin = Origin::script(|c| {
        // The answer begins before the request has ended.
        c.expect_request_line("POST / HTTP/1.1");
        c.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MANY}\r\n\r\n"));
        let mut out = Pattern::default();
        let mut into = Pattern::default();
        for _ in 0..MANY / 65536 {
            // In this order: an upload ends with the answer to it.
            into.check(&mut **c, 65536).expect("the request's body");
            let bytes = out.next(65536).to_vec();
            c.send(bytes);
        }
    });
    let scene = Scene::new(Setup::new().to(&origin), "");
    let mut client = scene.client.connect(scene.weir.addr());
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {MANY}\r\n\r\n"));
    let mut out = Pattern::default();
    let bytes = out.next(65536).to_vec();
    client.send(bytes);
    let head = client.read_head().expect("a head");
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut into = Pattern::default();
    for round in 0..MANY / 65536 {
        into.check(&mut *client, 65536).expect("the response's body");
        if round + 1 < MANY / 65536 {
            let bytes = out.next(65536).to_vec();
            client.send(bytes);
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    const COUNT: usize = 400;
    let origin = Origin::answer(|request| {
        ok(format!("{}{}", request.target(), "x".repeat(request.target().len() * 37)))
    });
    let scene = Scene::new(Setup::new().to(&origin), "");
    let mut client = scene.client.connect(scene.weir.addr());
    let all: String = (0..COUNT).map(|i| dialogue::get(&format!("/{i}"))).collect();
    // In pieces that respect no record and no request.
    for piece in all.as_bytes().chunks(1013) {
        client.send(piece);
    }
    for i in 0..COUNT {
        let response = client.response();
        assert!(response.text().starts_with(&format!("/{i}x")), "{i}");
    }
    let mut rest = scene.client.connect(scene.weir.addr());
    rest.send_each_byte(dialogue::get("/bytes"));
    assert!(rest.response().text().starts_with("/bytesx"));
}

#[test]
fn a_slow_reader_is_waited_for() {
    let content = pattern(MANY);
    let origin = Origin::simple(ok(&content));
    let scene = Scene::new(Setup::new().to(&origin), "");
    let mut client = scene.client.connect(scene.weir.addr());
    client.ask(dialogue::get("/"));
    // More than the buffers on the way hold.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(client.response().body == content);
    client.expect_alive("/more");
}

/// How a stream of TLS ended: with a farewell or without.
fn is_farewell(ended: &Broken) -> bool {
    matches!(ended, Broken::Eof(_))
}

#[test]
fn connections_end_with_a_farewell() {
    let setup = Setup::new().global("timeouts client-idle=\"200ms\"");
    let scene = Scene::new(setup, "");
    let mut idle = scene.client.connect(scene.weir.addr());
    idle.expect_alive("/");
    let ended = idle.read_some().expect_err("the end");
    assert!(is_farewell(&ended), "idle: {ended:?}");
    let mut last = scene.client.connect(scene.weir.addr());
    last.exchange("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let ended = last.read_some().expect_err("the end");
    assert!(is_farewell(&ended), "close: {ended:?}");
    let mut refused = scene.client.connect(scene.weir.addr());
    refused.ask("GARBAGE\r\n\r\n");
    assert_eq!(refused.response().status, 400);
    let ended = refused.read_some().expect_err("the end");
    assert!(is_farewell(&ended), "refusal: {ended:?}");
}

#[test]
fn parked_connections_end_with_a_farewell() {
    let scene = Scene::new(Setup::new().global("timeouts client-idle=\"900ms\""), "");
    let mut idle = scene.client.connect(scene.weir.addr());
    idle.expect_alive("/");
    // Long enough to be parked, then awake and parked again.
    std::thread::sleep(std::time::Duration::from_millis(400));
    idle.expect_alive("/awake");
    let ended = idle.read_some().expect_err("the end");
    assert!(is_farewell(&ended), "{ended:?}");
}

#[test]
fn a_client_may_say_farewell_and_still_be_answered() {
    let origin = Origin::script(|c| {
        c.request();
        std::thread::sleep(std::time::Duration::from_millis(200));
        c.send(ok("late"));
    });
    let scene = Scene::new(Setup::new().to(&origin), "");
    let mut client = scene.client.connect(scene.weir.addr());
    client.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    client.sock_mut().tls().expect("TLS").say_farewell();
    assert_eq!(client.response().text(), "late");
}

#[test]
fn close_delimited_answers_are_ended_by_a_farewell() {
    let origin = Origin::simple("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    let scene = Scene::new(Setup::new().to(&origin), "");
    let mut client = scene.client.connect(scene.weir.addr());
    let response = client.exchange("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.text(), "until the end");
}

#[test]
fn openssl_sees_the_end() {
    let scene = Scene::new(Setup::new(), "");
    let file = scene.weir.dir().join("ask");
    std::fs::write(&file, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .expect("x");
    let input = std::fs::File::open(file).expect("a file");
    let mut command = std::process::Command::new(tool("openssl"));
    command.args(["s_client", "-quiet", "-ign_eof", "-connect", &scene.weir.addr().to_string()]);
    let output = command.stdin(input).output().expect("openssl");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.ends_with("\r\n\r\nok"), "{out}");
    assert!(!err.contains("unexpected eof"), "{err}");
}
