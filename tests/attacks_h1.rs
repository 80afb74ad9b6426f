//! The attacks that broke other proxies, each by name: the exact status, and that the origin
//! saw exactly the requests that the access log says were sent on.

use dialogue::{get, post_chunked, with_fields};
use testkit::origin::ok;
use testkit::{Broken, Gate, Origin, Outcome, Setup, Weir};

/// Sends `bytes`; expects these final statuses and nothing after them, and that the origin saw
/// exactly these requests.
fn attack(bytes: impl AsRef<[u8]>, statuses: &[u16], seen: &[&str]) {
    let origin = Origin::simple(ok("seen"));
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(bytes);
    for status in statuses {
        assert_eq!(client.response().status, *status);
    }
    client.half_close();
    client.expect_closed();
    let log = weir.wait_log(statuses.len());
    let logged: Vec<_> = log.iter().map(testkit::LogLine::status).collect();
    assert_eq!(logged, statuses.iter().map(|&s| u64::from(s)).collect::<Vec<_>>());
    assert_eq!(origin.seen().lines(), seen);
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n{body}")
}

const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";

#[test]
fn cl_te() {
    let fields = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n";
    attack(post(fields, "0\r\n\r\nG"), &[400], &[]);
}

#[test]
fn te_cl() {
    let fields = "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n";
    attack(post(fields, &format!("28\r\n{HIDDEN}\r\n0\r\n\r\n")), &[400], &[]);
}

#[test]
fn te_te() {
    for coding in ["xchunked", "chunked\r\nTransfer-Encoding: x", "\"chunked\"", "chunked;a=b"] {
        let origin = Origin::simple(ok("seen"));
        let weir = Weir::before(&origin);
        let ask = post(&format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
        let status = weir.client().exchange(ask + HIDDEN).status;
        assert!(matches!(status, 400 | 501), "{coding}: {status}");
        assert_eq!(origin.seen().connections().len(), 0, "{coding}");
    }
}

#[test]
fn te_0_options_with_a_chunked_body() {
    let framed = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let ask = "OPTIONS / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    attack(format!("{ask}{framed}{}", get("/next")), &[200, 200], &["OPTIONS /", "GET /next"]);
}

#[test]
fn zero_cl_get_with_a_body_that_is_a_request() {
    let ask = format!("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", HIDDEN.len());
    attack(ask + HIDDEN + &get("/next"), &[200, 200], &["GET /", "GET /next"]);
}

#[test]
fn zero_cl_origin_answers_early_and_is_not_reused() {
    let origin = Origin::script(|c| {
        let head = c.read_head().expect("a head");
        c.send(ok(if head.starts_with(b"POST") { "early" } else { "next" }));
        if head.starts_with(b"POST") {
            // An origin that answers by the head alone takes the body for a request.
            while let Ok(head) = c.read_head() {
                c.send(ok(if head.starts_with(b"GET /next") { "next" } else { "evil" }));
            }
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(post(&format!("Content-Length: {}\r\n", HIDDEN.len()), ""));
    assert_eq!(client.response().text(), "early");
    client.send(HIDDEN).send(get("/next"));
    match client.outcome() {
        Outcome::Whole(got) => assert_eq!(got.text(), "next"),
        Outcome::Cut(had) => assert_eq!(had, b""),
        other => panic!("{other:?}"),
    }
    assert_eq!(weir.get("/next").text(), "next");
}

#[test]
fn content_length_in_odd_shapes() {
    for length in ["+5", "-5", "5, 5", "05", "5\r\nContent-Length: 6", "0x5", "5 ", "٥"] {
        let statuses: &[u16] = if length == "5 " { &[200] } else { &[400] };
        let seen: &[&str] = if length == "5 " { &["POST /"] } else { &[] };
        attack(post(&format!("Content-Length: {length}\r\n"), "hello"), statuses, seen);
    }
}

#[test]
fn te_in_http10() {
    let ask = "POST / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\
               Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    attack(format!("{ask}{HIDDEN}"), &[400], &[]);
}

#[test]
fn te_chunked_then_identity() {
    attack(post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), &[400], &[]);
}

#[test]
fn te_unknown_last_coding() {
    attack(post("Transfer-Encoding: chunked, bogus\r\n", "0\r\n\r\n"), &[400], &[]);
    attack(post("Transfer-Encoding: bogus\r\n", "0\r\n\r\n"), &[501], &[]);
}

#[test]
fn obs_fold() {
    attack(with_fields("X: a\r\n Transfer-Encoding: chunked\r\n"), &[400], &[]);
    attack(with_fields(" X: a\r\n"), &[400], &[]);
}

#[test]
fn space_before_colon() {
    attack(post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), &[400], &[]);
    attack(post("Content-Length\t: 5\r\n", "hello"), &[400], &[]);
}

#[test]
fn nul_bare_cr_and_bare_lf() {
    for fields in ["X: a\0b\r\n", "X: a\rY: b\r\n", "X: a\nY: b\r\n", "X\0: a\r\n"] {
        attack(with_fields(fields), &[400], &[]);
    }
    attack("GET / HTTP/1.1\nHost: a.test\n\n", &[400], &[]);
}

#[test]
fn haproxy_cve_2023_25725_empty_header_name() {
    let fields = "Content-Length: 5\r\n: dropped\r\nTransfer-Encoding: chunked\r\n";
    attack(post(fields, "0\r\n\r\n"), &[400], &[]);
    attack(with_fields(":\r\n"), &[400], &[]);
}

#[test]
fn haproxy_cve_2023_40225_empty_content_length() {
    attack(post("Content-Length:\r\n", HIDDEN), &[400], &[]);
    attack(post("Content-Length: \r\nContent-Length: 5\r\n", "hello"), &[400], &[]);
}

#[test]
fn haproxy_cve_2021_40346_name_overflow() {
    // A name so long that its length, kept in too few bits, turns it into Content-Length.
    for padding in [256, 270, 65_522, 65_536] {
        let name = format!("Content-Length0{}", "a".repeat(padding - 15));
        let ask = post(&format!("{name}: \r\nContent-Length: 60\r\n"), HIDDEN);
        let origin = Origin::simple(ok("seen"));
        let weir = Weir::before(&origin);
        let mut client = weir.client();
        client.send(&ask);
        client.half_close();
        // The name alone may be short enough; then the announced body never comes whole.
        match client.outcome() {
            Outcome::Whole(got) => assert!(matches!(got.status, 400 | 431), "{}", got.status),
            Outcome::Cut(had) => assert_eq!(had, b""),
            other => panic!("{padding}: {other:?}"),
        }
        assert_eq!(origin.seen().lines(), [""; 0], "{padding}");
    }
}

#[test]
fn chunk_size_over_64_bits() {
    for size in ["10000000000000005", "ffffffffffffffff5", "000000000000000000000000000005"] {
        attack(post_chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n")), &[400], &[]);
    }
}

#[test]
fn kestrel_cve_2025_55315_chunk_extension_with_lf() {
    let framed = format!("2;\nxx\r\n{:x}\r\n0\r\n\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len() + 5);
    attack(post_chunked(&framed), &[400], &[]);
    attack(post_chunked("2;\rxx\r\n0\r\n\r\n"), &[400], &[]);
    attack(post_chunked("2;a=\"\n\"\r\nxx\r\n0\r\n\r\n"), &[400], &[]);
}

#[test]
fn funky_chunks_line_ends_in_chunk_sizes() {
    for framed in [
        "2\nxx\r\n0\r\n\r\n",
        "2\r\r\nxx\r\n0\r\n\r\n",
        "2\rxx\r\n0\r\n\r\n",
        "2\r\nxx\n0\r\n\r\n",
        "2\r\nxx\r0\r\n\r\n",
        "2\r\nxxxx0\r\n\r\n",
        "2\r\nxx\r\n0\n\r\n",
        "2\r\nxx\r\n0\r\n\n",
    ] {
        attack(post_chunked(framed), &[400], &[]);
    }
}

#[test]
fn bytes_behind_chunk_data() {
    attack(post_chunked("5\r\nhelloGET\r\n0\r\n\r\n"), &[400], &[]);
    attack(post_chunked("5\r\nhello0\r\n\r\n"), &[400], &[]);
}

#[test]
fn trailers_smuggled_as_fields() {
    for trailer in ["Content-Length: 5", "Transfer-Encoding: x", "Host: evil", "Cookie: a=b"] {
        attack(post_chunked(&format!("0\r\n{trailer}\r\n\r\n")), &[400], &[]);
    }
    let origin = Origin::simple(ok("seen"));
    let weir = Weir::before(&origin);
    assert_eq!(weir.client().exchange(post_chunked("0\r\nX-Role: admin\r\n\r\n")).status, 200);
    assert_eq!(origin.seen().last().field("x-role"), None, "a trailer became a field");
}

#[test]
fn bad_trailers_are_refused() {
    for trailer in ["GET /smuggled HTTP/1.1", " X: y", "X : y", ": y", "X: a\nY: b"] {
        attack(post_chunked(&format!("0\r\n{trailer}\r\n\r\n")), &[400], &[]);
    }
}

#[test]
fn go_cve_2024_24791_expect_answered_4xx_leaves_the_connection_dirty() {
    let origin = Origin::script(|c| {
        while let Ok(head) = c.read_head() {
            match head.starts_with(b"POST") {
                true => c.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"),
                false => c.send(ok(if head.starts_with(b"GET /next") { "next" } else { "evil" })),
            };
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let expect = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", HIDDEN.len());
    client.send(post(&expect, ""));
    assert_eq!(client.response().status, 417);
    client.send(HIDDEN).send(get("/next"));
    match client.outcome() {
        Outcome::Whole(got) => assert_eq!(got.text(), "next"),
        Outcome::Cut(had) => assert_eq!(had, b""),
        other => panic!("{other:?}"),
    }
    assert_eq!(weir.get("/next").text(), "next");
}

#[test]
fn obfuscated_expect() {
    for expect in ["x 100-continue", "100-continue, x", "100-continue\r\nExpect: x", ""] {
        let fields = format!("Expect: {expect}\r\nContent-Length: {}\r\n", HIDDEN.len());
        attack(post(&fields, HIDDEN), &[417], &[]);
    }
}

#[test]
fn pingora_cve_2026_2833_bytes_after_upgrade_before_the_101() {
    let (look, answered) = (Gate::default(), Gate::default());
    let (looking, answering) = (look.clone(), answered.clone());
    let origin = Origin::script(move |c| {
        c.request();
        looking.pass();
        assert!(c.unread().is_empty(), "the origin saw {:?}", c.unread());
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
        answering.open();
        while let Some(next) = c.next_request() {
            c.send(ok(next.target()));
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(with_fields("Connection: Upgrade\r\nUpgrade: websocket\r\n") + &get("/next"));
    client.settle();
    look.open();
    answered.pass();
    assert_eq!(client.response().text(), "no");
    // The bytes behind are a request of their own, logged as such.
    assert_eq!(client.response().text(), "/next");
    assert_eq!(weir.wait_log(2).len(), 2);
    assert_eq!(origin.seen().lines(), ["GET /", "GET /next"]);
}

#[test]
fn pingora_cve_2026_2835_http10_with_te_and_requests_until_close() {
    let te = "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    attack(format!("{te}0\r\n\r\n{HIDDEN}"), &[400], &[]);
    // A request has no body until close: what follows is the next request or nothing.
    let plain = "POST / HTTP/1.0\r\nHost: a.test\r\n\r\n";
    attack(format!("{plain}{HIDDEN}"), &[200], &["POST /"]);
    attack(post("Content-Length: abc\r\n", HIDDEN), &[400], &[]);
}

#[test]
fn h2c_upgrade_is_not_tunnelled() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let fields =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let seen = weir.client().exchange(with_fields(fields)).echoed();
    assert_eq!((seen.field("upgrade"), seen.field("http2-settings")), (None, None));
}

#[test]
fn traefik_cve_2023_47106_fragment_in_the_target() {
    attack(get("/admin#/../public"), &[400], &[]);
    attack(get("/#x"), &[400], &[]);
}

#[test]
fn haproxy_cve_2023_45539_and_envoy_cve_2021_32779_fragment() {
    attack(get("/public.png#/private"), &[400], &[]);
    attack(get("/?q=a#b"), &[400], &[]);
}

#[test]
fn host_in_two_places() {
    attack("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", &[400], &[]);
    attack("GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", &[400], &[]);
    attack("GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n", &[400], &[]);
    attack("GET / HTTP/1.1\r\nHost: a.test/evil\r\n\r\n", &[400], &[]);
}

#[test]
fn traefik_cve_2024_45410_connection_names_proxy_fields() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let names = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Host"];
    for name in names {
        let ask = with_fields(&format!("{name}2: x\r\nConnection: {name}\r\n"));
        let seen = weir.client().exchange(ask).echoed();
        assert!(seen.field(name).is_some(), "{name} was removed");
    }
}

#[test]
fn underscore_lookalikes_are_not_proxy_fields() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let seen = weir.client().exchange(with_fields("X_Forwarded_For: 6.6.6.6\r\n")).echoed();
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn envoy_cve_2024_45806_internal_fields_from_outside() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let fields = "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\
                  X-Forwarded-Host: internal\r\nForwarded: for=10.0.0.1;host=internal\r\n";
    let seen = weir.client().exchange(with_fields(fields)).echoed();
    let raw = String::from_utf8_lossy(&seen.raw).into_owned();
    assert!(!raw.contains("10.0.0.1") && !raw.contains("internal"), "{raw}");
}

fn guarded() -> (Origin, Weir) {
    let origin = Origin::echo();
    let weir = Setup::new().site("route \"/admin/*\" { respond 403; }").to(&origin).start();
    (origin, weir)
}

#[test]
fn traefik_cve_2025_32431_dot_segments_around_a_route() {
    let (_origin, weir) = guarded();
    for target in
        ["/x/../admin/y", "/x/%2e%2e/admin/y", "/x/.%2E/admin/y", "//admin/y", "/./admin/"]
    {
        let status = weir.get(target).status;
        assert!(matches!(status, 400 | 403), "{target}: {status}");
    }
}

#[test]
fn traefik_cve_2025_66490_and_envoy_cve_2021_29492_encoded_separators() {
    let (_origin, weir) = guarded();
    for target in ["/admin%2Fy", "/admin%2fy", "/admin%5Cy", "/x/..%2fadmin%2fy", "/%2Fadmin/y"] {
        let status = weir.get(target).status;
        assert!(matches!(status, 400 | 403), "{target}: {status}");
    }
    let (origin, plain) = guarded();
    assert_eq!(plain.get("/repo/a%2Fb").echoed().target(), "/repo/a%2Fb");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn apache_killer_many_ranges_cost_nothing_here() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ranges: Vec<_> = (0..1300).map(|i| format!("5-{i}")).collect();
    let value = format!("bytes=0-,{}", ranges.join(","));
    let seen = weir.client().exchange(with_fields(&format!("Range: {value}\r\n"))).echoed();
    assert_eq!(seen.field("range"), Some(value.as_str()));
}

#[test]
fn websocket_half_open() {
    let ended = Gate::default();
    let told = ended.clone();
    let origin = Origin::script(move |c| {
        c.request();
        c.send("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert!(matches!(c.read_some(), Err(Broken::Eof(_) | Broken::Reset(_))));
        told.open();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let ask = with_fields("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    assert_eq!(client.exchange(ask).status, 101);
    client.reset();
    ended.pass();
    weir.wait_metrics(|m| m.sum("weir_tunnels_open", &[]) == 0.0);
}

#[test]
fn response_splitting_by_an_origin() {
    for bad in [
        "HTTP/1.1 302 Found\r\nLocation: /a\rSet-Cookie: x=1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /a\nSet-Cookie: x=1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
    ] {
        let origin = Origin::simple(bad);
        let weir = Weir::before(&origin);
        assert_eq!(weir.get("/").status, 502, "{bad:?}");
    }
}
