//! Sizes of heads, targets and bodies: 431, 414, 413.

use dialogue::{get, post, with_fields};
use testkit::{Origin, Outcome, Setup, Weir};

fn limited(origin: &Origin, limits: &str) -> Weir {
    Setup::new().global(&format!("limits {{ {limits}; }}")).to(origin).start()
}

/// Whether one of the first `count` log lines gives this reason; workers write in any order.
fn logged(weir: &Weir, count: usize, reason: &str) -> bool {
    weir.wait_log(count).iter().any(|line| line.text("reason") == reason)
}

#[test]
fn header_bytes_max_is_431() {
    let origin = Origin::echo();
    let weir = limited(&origin, "header-bytes-max \"1KiB\"");
    let fits = with_fields(&format!("X: {}\r\n", "v".repeat(800)));
    assert_eq!(weir.client().exchange(fits).status, 200);
    let mut client = weir.client();
    let big = with_fields(&format!("X: {}\r\n", "v".repeat(1100)));
    assert_eq!(client.exchange(big).status, 431);
    client.expect_closed();
    assert_eq!(origin.requests().len(), 1);
    assert!(logged(&weir, 2, "head_too_large"));
}

#[test]
fn a_head_without_end_is_431_before_it_is_stored() {
    let origin = Origin::echo();
    let weir = limited(&origin, "header-bytes-max \"4KiB\"");
    let mut client = weir.client();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX: ");
    for _ in 0..1000 {
        if !client.try_send("v".repeat(1000)) {
            break;
        }
    }
    match client.outcome() {
        Outcome::Whole(got) => assert_eq!(got.status, 431),
        Outcome::Cut(_) => assert_eq!(weir.wait_log(1)[0].status(), 431),
        other => panic!("{other:?}"),
    }
}

#[test]
fn headers_max_is_431() {
    let origin = Origin::echo();
    let weir = limited(&origin, "headers-max 10");
    let fields = |count| (0..count).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    assert_eq!(weir.client().exchange(with_fields(&fields(9))).status, 200);
    assert_eq!(weir.client().exchange(with_fields(&fields(10))).status, 431);
    assert!(logged(&weir, 2, "too_many_headers"));
}

#[test]
fn uri_bytes_max_is_414() {
    let origin = Origin::echo();
    let weir = limited(&origin, "uri-bytes-max \"64B\"");
    let target = |bytes: usize| format!("/{}", "p".repeat(bytes - 1));
    assert_eq!(weir.get(&target(64)).status, 200);
    assert_eq!(weir.get(&target(65)).status, 414);
    assert!(logged(&weir, 2, "uri_too_long"));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn the_defaults_hold() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    assert_eq!(weir.get(&format!("/{}", "p".repeat(8 * 1024 - 1))).status, 200);
    assert_eq!(weir.get(&format!("/{}", "p".repeat(8 * 1024))).status, 414);
    let many: String = (0..128).map(|i| format!("X-{i}: 1\r\n")).collect();
    assert_eq!(weir.client().exchange(with_fields(&many)).status, 431);
    let big = format!("X: {}\r\n", "v".repeat(32 * 1024));
    assert_eq!(weir.client().exchange(with_fields(&big)).status, 431);
}

fn small_bodies(origin: &Origin) -> Weir {
    Setup::new().route("limits body-bytes-max=\"1KiB\"").to(origin).start()
}

#[test]
fn a_counted_body_over_body_bytes_max_is_413_before_it_is_sent() {
    let origin = Origin::echo();
    let weir = small_bodies(&origin);
    assert_eq!(weir.client().exchange(post("/", &"b".repeat(1024))).status, 200);
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1025\r\n\r\n");
    assert_eq!(client.response().status, 413);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_body_too_large_is_refused_instead_of_a_100() {
    let origin = Origin::echo();
    let weir = small_bodies(&origin);
    let mut client = weir.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n",
    );
    let got = client.response();
    assert_eq!((got.status, got.interim.len()), (413, 0));
}

#[test]
fn a_chunked_body_over_body_bytes_max_is_413_when_it_gets_there() {
    let origin = Origin::echo();
    let weir = small_bodies(&origin);
    let framed = format!("400\r\n{}\r\n", "b".repeat(1024));
    let fits = dialogue::post_chunked(&format!("{framed}0\r\n\r\n"));
    assert_eq!(weir.client().exchange(fits).status, 200);
    let mut client = weir.client();
    client.send(dialogue::post_chunked(&format!("{framed}1\r\nb\r\n0\r\n\r\n")));
    assert_eq!(client.response().status, 413);
    assert_eq!(origin.requests().len(), 1, "the origin never sees it whole");
    assert!(weir.wait_log(2).iter().any(|line| line.status() == 413));
}

#[test]
fn a_chunked_body_that_is_too_large_is_never_taken_for_a_request() {
    let origin = Origin::echo();
    let weir = small_bodies(&origin);
    let hidden = format!("GET /hidden HTTP/1.1\r\nHost: a.test\r\nX: {}\r\n\r\n", "b".repeat(1024));
    let mut client = weir.client();
    client.send(dialogue::post_chunked(&format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len())));
    assert_eq!(client.response().status, 413);
    client.expect_closed();
    let lines = weir.wait_log(1);
    assert_eq!((lines.len(), origin.requests().len()), (1, 0), "{lines:?}");
}

#[test]
fn a_response_head_over_the_limit_is_a_bad_gateway() {
    let origin = Origin::simple(format!(
        "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n",
        "v".repeat(5000)
    ));
    let weir = limited(&origin, "header-bytes-max \"4KiB\"");
    assert_eq!(weir.get("/").status, 502);
}

#[test]
fn a_response_head_without_end_is_a_bad_gateway() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\nX: ");
        while c.try_send("v".repeat(10_000)) {}
    });
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").status, 502);
}

#[test]
fn limits_hit_are_counted() {
    let origin = Origin::echo();
    let weir = limited(&origin, "uri-bytes-max \"64B\"");
    assert_eq!(weir.get(&"/p".repeat(100)).status, 414);
    weir.wait_metrics(|m| {
        m.sum("weir_refusals_total", &["reason=\"uri_too_long\""]) >= 1.0
            && m.sum("weir_responses_total", &["status=\"414\""]) >= 1.0
    });
    assert_eq!(weir.client().exchange(get("/")).status, 200);
}
