//! 1xx responses: 100-continue from end to end, 103, and too many of them (RFC 9110 §15.2).

use dialogue::get;
use testkit::{Gate, Origin, Outcome, Weir};

const EXPECT: &str =
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn the_origins_100_lets_the_client_begin() {
    let origin = Origin::script(|c| {
        let head = c.expect_request_line("POST / HTTP/1.1");
        assert!(head.to_ascii_lowercase().contains("expect: 100-continue\r\n"), "{head}");
        assert!(c.unread().is_empty());
        c.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(c.read_exact(4).expect("the body"), b"body");
        c.send(OK);
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(EXPECT);
    client.expect("HTTP/1.1 100 ");
    client.read_head().expect("the rest of the interim head");
    client.send("body");
    let response = client.response();
    assert_eq!((response.status, response.interim.len()), (200, 0));
}

#[test]
fn a_client_that_does_not_wait_is_served() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        assert_eq!(c.read_exact(4).expect("the body"), b"body");
        c.send(OK);
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(EXPECT).send("body");
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_refusal_instead_of_100_reaches_the_client() {
    let origin = Origin::script(|c| {
        c.expect_request_line("POST / HTTP/1.1");
        c.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(EXPECT);
    assert_eq!(client.response().status, 401);
}

#[test]
fn early_hints_are_relayed_in_order_and_with_their_fields() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n");
        c.send("HTTP/1.1 103 Early Hints\r\nLink: </b>; rel=preload\r\n\r\n");
        c.send(OK);
    });
    let weir = Weir::before(&origin);
    let response = weir.get("/");
    assert_eq!(response.interim_statuses(), [103, 103]);
    assert_eq!(response.interim[1].one("link"), Some("</b>; rel=preload"));
    assert_eq!(response.text(), "hi");
}

#[test]
fn a_hint_arrives_before_the_final_response_exists() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        waiting.pass();
        c.send(OK);
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    let hint = client.read_head().expect("the hint");
    assert!(hint.starts_with(b"HTTP/1.1 103"));
    gate.open();
    assert_eq!(client.response().status, 200);
}

#[test]
fn an_http10_client_gets_no_interim_response() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").send(OK);
    });
    let weir = Weir::before(&origin);
    let response = weir.client().exchange("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!((response.status, response.interim.len()), (200, 0));
}

#[test]
fn an_unasked_100_is_no_final_response() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 100 Continue\r\n\r\n").send(OK);
    });
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").text(), "hi");
}

#[test]
fn a_flood_of_interim_responses_is_cut() {
    let cut = Gate::default();
    let told = cut.clone();
    let origin = Origin::script(move |c| {
        c.request();
        for _ in 0..1_000_000 {
            if !c.try_send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n") {
                return told.open();
            }
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    match client.outcome() {
        Outcome::Whole(response) => assert_eq!(response.status, 502),
        Outcome::Cut(_) => {}
        other => panic!("{other:?}"),
    }
    cut.pass();
    assert_eq!(weir.wait_log(1)[0].status(), 502);
}
