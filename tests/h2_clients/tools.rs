//! curl, nghttp and h2load.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Origin, Setup, Weir, origin};

fn curl(weir: &Weir, arguments: &[&str], path: &str) -> String {
    let mut curl = Command::new(tool("curl"));
    curl.args(["-s", "-i", "--http2-prior-knowledge", "--max-time", "20"]);
    let (code, out, err) = run(curl.args(arguments).arg(weir.url(path)));
    // 92 is a stream that ended before the upload did: this curl then drops the early answer.
    assert!(matches!(code, Some(0 | 92)), "{code:?}: {err}");
    String::from_utf8_lossy(&out).replace("\r\n", "\n")
}

#[test]
fn heads_without_bodies() {
    let origin = Origin::answer(|request| match request.target() {
        "/204" => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        "/304" => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec(),
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n".to_vec(),
    });
    let weir = Weir::before(&origin);
    assert!(curl(&weir, &["-I"], "/").contains("\ncontent-length: 7\n"));
    assert!(curl(&weir, &[], "/204").starts_with("HTTP/2 204 \n"));
    assert!(curl(&weir, &[], "/304").contains("\netag: \"x\"\n"));
}

#[test]
fn early_hints_trailers_and_a_body_in_chunks() {
    let origin = Origin::simple(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-More: 7\r\n\r\n",
    );
    let weir = Weir::before(&origin);
    let said = curl(&weir, &[], "/");
    assert!(said.starts_with("HTTP/2 103 \nlink: </a.css>\n"), "{said}");
    assert!(said.contains("\nHTTP/2 200 \n") && said.contains("\n\nabc"), "{said}");
    let mut nghttp = Command::new(tool("nghttp"));
    let (_, out, err) = run(nghttp.args(["-v", &weir.url("/")]));
    let said = String::from_utf8_lossy(&out);
    assert!(said.contains("x-sum: 6") && said.contains("x-more: 7"), "{said}{err}");
}

#[test]
fn uploads_of_known_and_unknown_length_and_over_a_limit() {
    let origin = Origin::answer(|request| origin::ok(request.body.len().to_string()));
    let setup = Setup::new().to(&origin).route("limits body-bytes-max=\"1MiB\"");
    // One worker writes its log in the order of events.
    let weir = setup.workers(1).start();
    let file = weir.dir().join("body");
    let upload = |bytes: usize, arguments: &[&str]| {
        std::fs::write(&file, vec![b'u'; bytes]).expect("write");
        let body = format!("@{}", file.display());
        curl(&weir, &[arguments, &["--data-binary", &body]].concat(), "/")
    };
    assert!(upload(700_000, &[]).ends_with("\n\n700000"));
    assert!(upload(700_000, &["-H", "Expect: 100-continue"]).ends_with("\n\n700000"));
    upload(2_000_000, &[]);
    let log = weir.wait_log(3);
    let refused = log.last().map(|line| (line.status(), line.text("reason")));
    assert_eq!(refused, Some((413, "body_too_large".to_owned())));
    let mut stdin = Command::new("sh");
    let url = weir.url("/");
    let line = "head -c 500000 /dev/zero | curl -s --http2-prior-knowledge -T - \"$0\"";
    let (_, out, err) = run(stdin.args(["-c", line, &url]));
    assert_eq!(String::from_utf8_lossy(&out), "500000", "{err}");
}

#[test]
fn many_streams_by_h2load_in_the_clear_and_encrypted() {
    let origin = Origin::answer(|_| origin::ok(vec![b'x'; 20_000]));
    let leaf = Authority::new().leaf(&["localhost"]);
    for encrypted in [false, true] {
        let mut setup = Setup::new().to(&origin).file("both.pem", &leaf.both());
        if encrypted {
            setup = setup.listener("tls { certificate \"both.pem\"; }");
        }
        let weir = setup.start();
        let scheme = if encrypted { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/", weir.addr().port());
        let mut h2load = Command::new(tool("h2load"));
        let (_, out, err) = run(h2load.args(["-n3000", "-c6", "-m50", &url]));
        let said = String::from_utf8_lossy(&out);
        assert!(said.contains("status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{said}{err}");
        weir.wait_metrics(|m| m.sum("weir_http2_connections_total", &[]) == 6.0);
        weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) == 0.0);
    }
}
