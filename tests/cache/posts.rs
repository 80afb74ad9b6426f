//! Answers to POST that are known by what was posted.

use std::thread;

use testkit::{Gate, Origin, Response, Setup, Turn, Weir};

fn start(origin: &Origin, cache: &str) -> Weir {
    Setup::new().to(origin).route(cache).start()
}

/// An origin whose answers have the given fields, and a body that says what it was asked.
fn origin(fields: &'static str) -> Origin {
    Origin::answer(move |request| {
        let body = format!("{} {}", request.method(), request.text());
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    })
}

const FRESH: &str = "Cache-Control: max-age=60\r\n";

fn post(weir: &Weir, body: &str, fields: &str) -> Response {
    let length = body.len();
    weir.client().exchange(format!(
        "POST /q HTTP/1.1\r\nHost: a.test\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    ))
}

fn status(response: &Response) -> String {
    response.head.all("cache-status").join(", ")
}

#[test]
fn the_same_post_gets_the_same_answer() {
    let origin = origin(FRESH);
    let weir = start(&origin, "cache { post; }");
    let first = post(&weir, "{one}", "");
    assert_eq!(
        (first.text().as_str(), status(&first).as_str()),
        ("POST {one}", "weir; fwd=uri-miss; ttl=60; stored")
    );
    let again = post(&weir, "{one}", "");
    assert_eq!(again.text(), "POST {one}");
    assert!(status(&again).starts_with("weir; hit"), "{}", status(&again));
    assert_eq!(origin.requests().len(), 1);
    for (body, fields) in [
        ("{two}", ""),
        ("{one}", "Content-Type: application/json\r\n"),
        ("{one}", "Content-Type: text/plain\r\n"),
        ("{one}", "Content-Encoding: gzip\r\n"),
    ] {
        let other = post(&weir, body, fields);
        assert!(status(&other).contains("fwd=uri-miss"), "{body} {fields}");
        assert_eq!(other.text(), format!("POST {body}"));
    }
    // However the body is framed, it is the same.
    let chunked = weir.client().exchange(
        "POST /q HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\n{o\r\n3\r\nne}\r\n0\r\n\r\n",
    );
    assert!(status(&chunked).starts_with("weir; hit"), "{}", status(&chunked));
}

#[test]
fn post_and_get_are_apart() {
    let origin = origin(FRESH);
    let weir = start(&origin, "cache { post; }");
    post(&weir, "x", "");
    assert_eq!(weir.get("/q").text(), "GET ");
    let head =
        weir.client().exchange("POST /q HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
    assert!(status(&head).contains("fwd=method"), "{}", status(&head));
    assert_eq!(post(&weir, "x", "").text(), "POST x");
    // The POST without a body made what GET has got invalid; what was posted stays apart.
    assert_eq!(weir.client().exchange("GET /q HTTP/1.1\r\nHost: a.test\r\n\r\n").text(), "GET ");
}

#[test]
fn such_a_post_makes_nothing_invalid_and_others_do() {
    let origin = origin(FRESH);
    let weir = start(&origin, "cache { post body-bytes-max=\"16B\"; }");
    let get =
        |weir: &Weir| status(&weir.client().exchange("GET /q HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    get(&weir);
    post(&weir, "short", "");
    assert!(get(&weir).starts_with("weir; hit"));
    let long = "a body that is longer than 16 bytes";
    let response = post(&weir, long, "");
    assert_eq!(response.text(), format!("POST {long}"));
    assert!(status(&response).contains("fwd=method"), "{}", status(&response));
    assert!(get(&weir).contains("uri-miss"), "it was a POST like any other");
    assert!(status(&post(&weir, "short", "")).contains("uri-miss"), "for all of the URL");
    // One that turns out to be too long only while it comes is sent on whole.
    let chunked = weir.client().exchange(format!(
        "POST /q HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         a\r\n0123456789\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    ));
    assert_eq!(chunked.text(), format!("POST 0123456789{long}"));
    assert_eq!(weir.metrics().sum("weir_limits_hit_total", &["limit=\"cache-post-body\""]), 2.0);
}

#[test]
fn only_what_says_how_long_it_lives_is_kept() {
    let modified = origin("Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT\r\nETag: \"a\"\r\n");
    let weir = start(&modified, "cache { post; }");
    let response = post(&weir, "x", "");
    assert!(status(&response).contains("detail=no-freshness"), "{}", status(&response));
    let weir = start(&modified, "cache ttl=\"1m\" { post; }");
    post(&weir, "x", "");
    assert!(status(&post(&weir, "x", "")).starts_with("weir; hit"));
    let private = origin("Cache-Control: private, max-age=60\r\n");
    let weir = start(&private, "cache ttl=\"1m\" { post; }");
    assert!(status(&post(&weir, "x", "")).contains("detail=private"));
    let fresh = origin(FRESH);
    let weir = start(&fresh, "cache { post; }");
    let with = "Authorization: Basic eA==\r\n";
    assert!(status(&post(&weir, "x", with)).contains("detail=authorization"));
    let weir = start(&fresh, "cache");
    assert!(status(&post(&weir, "x", "")).contains("fwd=method"), "it is for those who want it");
}

#[test]
fn vary_and_bypass_count() {
    let vary = origin("Cache-Control: max-age=60\r\nVary: Accept\r\n");
    let weir = start(&vary, "cache { post; bypass cookie=\"session\"; }");
    post(&weir, "x", "Accept: a\r\n");
    assert!(status(&post(&weir, "x", "Accept: b\r\n")).contains("vary-miss"));
    assert!(status(&post(&weir, "x", "Accept: a\r\n")).starts_with("weir; hit"));
    let past = post(&weir, "x", "Accept: a\r\nCookie: session=1\r\n");
    assert!(status(&past).contains("fwd=method"), "{}", status(&past));
    let conditional = post(&weir, "x", "Accept: a\r\nIf-None-Match: \"a\"\r\n");
    assert!(status(&conditional).contains("fwd=method"));
}

#[test]
fn equal_posts_at_once_are_one_fetch() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::script(move |turn: &mut Turn| {
            while let Some(request) = turn.next_request() {
                gate.pass();
                let body = request.text();
                let length = body.len();
                turn.send(format!(
                    "HTTP/1.1 200 OK\r\n{FRESH}Content-Length: {length}\r\n\r\n{body}"
                ));
            }
        })
    };
    let weir = start(&origin, "cache { post; }");
    thread::scope(|scope| {
        let ask = |body: &'static str| {
            let weir = &weir;
            scope.spawn(move || post(weir, body, "").text())
        };
        let same: Vec<_> = (0..5).map(|_| ask("same")).collect();
        let other = ask("other");
        origin.seen().wait_requests(2);
        (0..2).for_each(|_| gate.open());
        same.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), "same"));
        assert_eq!(other.join().unwrap(), "other");
    });
    assert_eq!(origin.requests().len(), 2);
}

/// Sends bodies of 30 bytes through servers of which one is not there; a body of up to
/// `bytes_max` is read for the key.
fn all_arrive(bytes_max: &str) {
    let origin = origin(FRESH);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new().server(&gone.to_string()).to(&origin);
    let setup = setup.upstream("balance \"round-robin\"\nretry on=\"connect\"");
    let weir = setup.route(&format!("cache {{ post body-bytes-max=\"{bytes_max}\"; }}")).start();
    for number in 0..4 {
        let body = format!("{number:030}");
        let response = weir.client().exchange(format!(
            "POST /q HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             1e\r\n{body}\r\n0\r\n\r\n"
        ));
        assert_eq!(response.text(), format!("POST {body}"));
    }
    assert!(weir.metrics().sum("weir_upstream_retries_total", &[]) > 0.0);
}

#[test]
fn another_server_gets_all_of_a_body_that_is_kept() {
    all_arrive("64B");
}

#[test]
fn another_server_gets_all_of_a_body_that_was_too_long() {
    all_arrive("16B");
}

#[test]
fn what_is_stale_is_posted_again_beside_the_answer() {
    let origin = origin("Cache-Control: max-age=0, stale-while-revalidate=60\r\n");
    let weir = start(&origin, "cache { post; }");
    post(&weir, "x", "");
    let stale = post(&weir, "x", "");
    assert!(status(&stale).starts_with("weir; hit"), "{}", status(&stale));
    origin.seen().wait_requests(2);
    let again = &origin.requests()[1];
    assert_eq!((again.method(), again.text().as_str()), ("POST", "x"));
}
