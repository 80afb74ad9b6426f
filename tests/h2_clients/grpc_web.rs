//! gRPC-Web by curl, in both its forms and over both versions of HTTP, before a gRPC server.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{External, Setup, Weir};

/// A message of gRPC.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

fn before(origin: &External) -> Weir {
    Setup::new().server(&origin.server()).upstream("protocol \"h2\"").route("grpc-web").start()
}

/// What a call is answered with: head and body.
fn call(
    weir: &Weir,
    version: &str,
    media: &str,
    (method, body): (&str, &[u8]),
) -> (String, Vec<u8>) {
    let file = weir.dir().join("body");
    std::fs::write(&file, body).expect("write");
    let mut curl = Command::new(tool("curl"));
    curl.args(["-s", "-i", version, "--max-time", "20", "-H"]);
    curl.arg(format!("Content-Type: {media}")).arg("--data-binary");
    curl.arg(format!("@{}", file.display())).arg(weir.url(&format!("/test.Echo/{method}")));
    let (code, out, err) = run(&mut curl);
    assert_eq!(code, Some(0), "{err}");
    let end = out.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8_lossy(&out[..end]).to_lowercase(), out[end..].to_vec())
}

#[test]
fn binary_calls_and_streams() {
    let origin = External::script("grpc_server.py", &["one"]);
    let weir = before(&origin);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let media = "application/grpc-web+proto";
        let (head, body) = call(&weir, version, media, ("Unary", &framed(b"hello")));
        assert!(head.contains("content-type: application/grpc-web\r\n"), "{head}");
        let mut wanted = framed(b"olleh");
        wanted.push(0x80);
        assert!(body.starts_with(&wanted), "{body:?}");
        let trailers = String::from_utf8_lossy(&body[wanted.len() + 4..]).into_owned();
        assert!(trailers.contains("grpc-status: 0\r\n"), "{trailers}");
        let (_, body) = call(&weir, version, media, ("ServerStream", &framed(b"3")));
        let messages: Vec<u8> =
            (0..3).flat_map(|number| framed(format!("message {number}").as_bytes())).collect();
        assert!(body.starts_with(&messages), "{body:?}");
    }
}

#[test]
fn the_text_form() {
    let origin = External::script("grpc_server.py", &["one"]);
    let weir = before(&origin);
    // What `framed(b"hello")` is in Base64.
    let request = b"AAAAAAVoZWxsbw==";
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let (head, body) = call(&weir, version, "application/grpc-web-text", ("Unary", request));
        assert!(head.contains("content-type: application/grpc-web-text"), "{head}");
        assert!(body.starts_with(b"AAAAAAVvbGxla"), "{}", String::from_utf8_lossy(&body));
    }
    let (head, _) = call(&weir, "--http1.1", "application/grpc-web-text", ("Unary", b"A=A="));
    assert!(head.contains("grpc-status: 13"), "{head}");
}

#[test]
fn errors_are_statuses() {
    let origin = External::script("grpc_server.py", &["one"]);
    let weir = before(&origin);
    let media = "application/grpc-web";
    let (head, body) = call(&weir, "--http1.1", media, ("Unary", &framed(b"fail")));
    let text = head + &String::from_utf8_lossy(&body);
    assert!(text.starts_with("http/1.1 200"), "{text}");
    assert!(text.contains("grpc-status: 9"), "{text}");
}
