//! Real origin servers: nginx and Python's http.server.

use dialogue::{get, post, with_fields};
use testkit::{External, Framing, Setup, Weir};

fn before(origin: &External) -> Weir {
    Setup::new().server(&origin.server()).start()
}

const NGINX: &str = "location / { root $DIR; }
     location /echo { return 200 \"$request_method $request_uri $http_x_forwarded_for\"; }
     location /upload { client_max_body_size 10m; dav_methods PUT; root $DIR; }
     location /gone { return 444; }";

#[test]
fn nginx_serves_files_ranges_and_conditions() {
    let origin = External::nginx(NGINX);
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    std::fs::write(origin.dir.path().join("file.bin"), &content).expect("a file");
    let weir = before(&origin);
    let mut client = weir.client();
    let whole = client.exchange(get("/file.bin"));
    assert!(whole.status == 200 && whole.body == content);
    let ask = |fields: &str| with_fields(fields).replacen("GET / ", "GET /file.bin ", 1);
    let part = client.exchange(ask("Range: bytes=1000-1999\r\n"));
    assert!(part.status == 206 && part.body == content[1000..2000]);
    let etag = whole.field("etag").expect("nginx gives one").to_owned();
    let same = client.exchange(ask(&format!("If-None-Match: {etag}\r\n")));
    assert_eq!((same.status, same.body.len()), (304, 0));
    let head = client.exchange("HEAD /file.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!((head.status, head.field("content-length")), (200, Some("1000000")));
    assert_eq!(client.exchange(get("/missing")).status, 404);
}

#[test]
fn nginx_sees_the_client_and_takes_uploads() {
    let origin = External::nginx(NGINX);
    let weir = before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/echo?q").text(), "GET /echo?q 127.0.0.1");
    std::fs::create_dir(origin.dir.path().join("upload")).expect("a directory");
    let body = "x".repeat(500_000);
    let put = post("/upload/f", &body).replacen("POST", "PUT", 1);
    assert_eq!(client.exchange(put).status, 201);
    assert!(client.get("/upload/f").text() == body);
    assert_eq!(client.get("/gone").status, 502);
}

#[test]
fn nginx_compresses_and_chunks() {
    let server =
        "gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *; location / { root $DIR; }";
    let origin = External::nginx(server);
    std::fs::write(origin.dir.path().join("t.txt"), "text ".repeat(10_000)).expect("a file");
    let weir = before(&origin);
    let ask = "GET /t.txt HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n";
    let got = weir.client().exchange(ask);
    assert_eq!((got.field("content-encoding"), got.framing), (Some("gzip"), Framing::Chunked));
    assert!(got.body.starts_with(&[0x1f, 0x8b]) && got.body.len() < 5000);
}

#[test]
fn pythons_http_server() {
    let content = b"served by python\n".repeat(1000);
    let origin = External::python_files(&[("page.txt", &content)]);
    let weir = before(&origin);
    let mut client = weir.client();
    for _ in 0..3 {
        let got = client.get("/page.txt");
        assert!(got.status == 200 && got.body == content);
        assert_eq!(got.field("content-type"), Some("text/plain"));
    }
    assert_eq!(client.get("/none").status, 404);
    assert_eq!(client.exchange(post("/page.txt", "x")).status, 501);
    let list = client.get("/");
    assert!(list.text().contains("page.txt"));
}
