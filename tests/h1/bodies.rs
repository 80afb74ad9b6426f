//! Every framing in both directions (RFC 9112 §6, §7), and bodies that must not be there.

use dialogue::{get, post, post_chunked, response};
use testkit::origin::ok;
use testkit::{Framing, Origin, Setup, Weir};

fn head(target: &str) -> String {
    format!("HEAD {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

#[test]
fn a_chunked_upload_arrives_with_its_trailers() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = post_chunked("5\r\nhello\r\n6;ext=\"v\"\r\n world\r\n0\r\nX-Sum: 7\r\n\r\n");
    assert_eq!(weir.client().exchange(ask).status, 200);
    let seen = origin.seen().last();
    assert_eq!((seen.framing, seen.text().as_str()), (Framing::Chunked, "hello world"));
    assert_eq!(seen.trailers, [("X-Sum".to_owned(), "7".to_owned())]);
    let raw = String::from_utf8_lossy(&seen.raw).into_owned();
    assert!(!raw.contains("ext="), "framing is made anew: {raw}");
}

#[test]
fn a_chunked_response_arrives_with_its_trailers() {
    let origin = Origin::simple(response(
        "200 OK",
        "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
        "4;e\r\nbody\r\n0\r\nX-Sum: 7\r\n\r\n",
    ));
    let weir = Weir::before(&origin);
    let ask = "GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    let got = weir.client().exchange(ask);
    assert_eq!((got.framing, got.text().as_str()), (Framing::Chunked, "body"));
    assert_eq!(got.trailers, [("X-Sum".to_owned(), "7".to_owned())]);
}

#[test]
fn lengths_stay_lengths() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let got = weir.client().exchange(post("/", "twelve bytes"));
    assert_eq!(got.framing, Framing::Length);
    let seen = origin.seen().last();
    assert_eq!((seen.field("content-length"), seen.text().as_str()), (Some("12"), "twelve bytes"));
}

#[test]
fn an_empty_post_says_so_upstream() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    assert_eq!(weir.client().exchange(post("/", "")).status, 200);
    assert_eq!(origin.seen().last().field("content-length"), Some("0"));
}

#[test]
fn a_get_without_body_gets_no_framing() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").status, 200);
    let seen = origin.seen().last();
    assert_eq!(seen.field("content-length"), None);
    assert_eq!(seen.field("transfer-encoding"), None);
}

#[test]
fn a_get_with_a_body_keeps_it() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET /q HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nquery";
    let mut client = weir.client();
    assert_eq!(client.exchange(ask).echoed().text(), "query");
    client.expect_alive("/next");
}

#[test]
fn a_close_delimited_response_does_not_cost_the_client_its_connection() {
    let origin = Origin::simple(response("200 OK", "Content-Type: a/b\r\n", "until the end"));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    for _ in 0..3 {
        let got = client.get("/");
        assert_eq!((got.framing, got.text().as_str()), (Framing::Chunked, "until the end"));
    }
}

#[test]
fn an_empty_close_delimited_response_is_empty() {
    let origin = Origin::simple(response("200 OK", "", ""));
    let weir = Weir::before(&origin);
    let got = weir.get("/");
    assert_eq!((got.status, got.body.len()), (200, 0));
}

#[test]
fn head_has_the_length_and_no_body() {
    let origin = Origin::simple(ok("hello"));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let got = client.exchange(head("/"));
    assert_eq!((got.status, got.field("content-length")), (200, Some("5")));
    client.expect_alive("/");
}

#[test]
fn head_of_a_chunked_resource_has_no_body_either() {
    let origin = Origin::simple(response("200 OK", "Transfer-Encoding: chunked\r\n", ""));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.exchange(head("/")).status, 200);
    assert_eq!(client.exchange(head("/")).status, 200);
    assert_eq!(client.unread().len(), 0);
}

#[test]
fn no_content_and_not_modified_end_with_their_head() {
    let origin = Origin::answer(|r| match r.target() {
        "/204" => response("204 No Content", "X: y\r\n", "").into(),
        "/304" => response("304 Not Modified", "Content-Length: 5\r\nETag: \"e\"\r\n", "").into(),
        _ => ok("hello"),
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let none = client.get("/204");
    assert_eq!((none.status, none.framing), (204, Framing::None));
    assert_eq!((none.field("content-length"), none.field("transfer-encoding")), (None, None));
    let same = client.get("/304");
    assert_eq!((same.status, same.field("etag")), (304, Some("\"e\"")));
    client.expect_alive("/");
}

#[test]
fn a_range_passes_through() {
    let origin = Origin::answer(|r| {
        assert_eq!(r.field("range"), Some("bytes=1-3"));
        let fields = "Content-Range: bytes 1-3/5\r\nContent-Length: 3\r\n";
        response("206 Partial Content", fields, "ell").into()
    });
    let weir = Weir::before(&origin);
    let got = weir.client().exchange(dialogue::with_fields("Range: bytes=1-3\r\n"));
    assert_eq!((got.status, got.text().as_str()), (206, "ell"));
    assert_eq!(got.field("content-range"), Some("bytes 1-3/5"));
}

#[test]
fn large_bodies_of_each_framing_arrive_whole() {
    let body: String = (0..400_000).map(|i| char::from(b'a' + (i % 23) as u8)).collect();
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let chunks: String = body
        .as_bytes()
        .chunks(9_973)
        .map(|c| format!("{:x}\r\n{}\r\n", c.len(), String::from_utf8_lossy(c)))
        .collect();
    let mut client = weir.client();
    assert!(client.exchange(post("/", &body)).echoed().text() == body);
    assert!(client.exchange(post_chunked(&(chunks + "0\r\n\r\n"))).echoed().text() == body);
    client.expect_alive("/");
}

#[test]
fn a_chunked_response_of_many_sizes_arrives_whole() {
    let body: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let mut framed = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let (mut rest, mut size) = (body.as_slice(), 1);
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(size.min(rest.len()));
        framed.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
        (rest, size) = (tail, size * 3 / 2 + 1);
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    let origin = Origin::simple(framed);
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert!(client.get("/").body == body);
    assert!(client.get("/").body == body);
}

#[test]
fn a_unix_socket_is_a_server_like_any_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = testkit::origin::answering(testkit::origin::echo);
    let origin = Origin::unix(&dir.path().join("o.sock"), script);
    let weir = Setup::new().to(&origin).start();
    let mut client = weir.client();
    assert_eq!(client.exchange(post("/u", "via unix")).echoed().text(), "via unix");
    assert_eq!(client.exchange(get("/v")).echoed().target(), "/v");
}
