//! What happens to header fields on their way (RFC 9110 §7.6): hop-by-hop ones go, the others
//! keep name case, order, value and repetition.

use dialogue::{get, response, with_fields};
use testkit::origin::ok;
use testkit::{Origin, Request, Weir};

fn through(fields: &str) -> Request {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    weir.client().exchange(with_fields(fields)).echoed()
}

#[test]
fn request_fields_keep_case_order_value_and_repetition() {
    let fields = [
        ("x-lower", "1"),
        ("X-UPPER", "two words,  and blanks"),
        ("User-agent", "tést"),
        ("Cookie", "a=1"),
        ("accept", "text/html"),
        ("x-lower", "again"),
        ("X-Empty", ""),
        ("X-Odd!#$%&'*+.^_`|~", "\"quoted; \\\" \""),
    ];
    let text: String = fields.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
    let seen = through(&text);
    let ours = |pair: &&(String, String)| fields.iter().any(|(name, _)| *name == pair.0);
    let kept: Vec<_> = seen.head.fields.iter().filter(ours).cloned().collect();
    let latin1 = |text: &str| text.bytes().map(char::from).collect::<String>();
    let sent: Vec<_> = fields.iter().map(|(n, v)| ((*n).to_owned(), latin1(v))).collect();
    assert_eq!(kept, sent);
}

#[test]
fn response_fields_keep_case_order_value_and_repetition() {
    let fields = "server: own/1\r\nSet-Cookie: a=1; Path=/\r\nx-One: 1\r\nSet-Cookie: b=2\r\n\
                  ETAG: \"x\"\r\nX-Empty:\r\nContent-Length: 0\r\n";
    let origin = Origin::simple(response("200 Fine by me", fields, ""));
    let weir = Weir::before(&origin);
    let got = weir.get("/");
    assert_eq!(got.head.start, "HTTP/1.1 200 Fine by me");
    assert_eq!(got.head.all("set-cookie"), ["a=1; Path=/", "b=2"]);
    let names: Vec<_> = got.head.fields.iter().map(|(name, _)| name.as_str()).collect();
    let sent = ["server", "Set-Cookie", "x-One", "Set-Cookie", "ETAG", "X-Empty"];
    let kept: Vec<_> = names.into_iter().filter(|name| sent.contains(name)).collect();
    assert_eq!(kept, sent);
}

#[test]
fn hop_by_hop_request_fields_are_removed() {
    let seen = through(
        "Connection: keep-alive, X-Mine , ,x-other\r\nConnection: X-Third\r\nX-Mine: 1\r\n\
         X-Other: 2\r\nx-third: 3\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
         TE: gzip\r\nProxy-Authorization: Basic eDp5\r\nX-Stays: 1\r\n",
    );
    for name in ["X-Mine", "X-Other", "X-Third", "Keep-Alive", "Proxy-Connection", "TE"] {
        assert_eq!(seen.head.all(name), [""; 0], "{name}");
    }
    let connection = seen.field("connection").unwrap_or("keep-alive");
    assert!(connection.eq_ignore_ascii_case("keep-alive"), "{connection}");
    assert_eq!(seen.field("x-stays"), Some("1"));
}

#[test]
fn hop_by_hop_response_fields_are_removed() {
    let fields = "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                  Proxy-Connection: x\r\nContent-Length: 0\r\nX-Stays: 1\r\n";
    let origin = Origin::simple(response("200 OK", fields, ""));
    let weir = Weir::before(&origin);
    let got = weir.get("/");
    for name in ["X-Hop", "Keep-Alive", "Proxy-Connection"] {
        assert_eq!(got.head.all(name), [""; 0], "{name}");
    }
    assert_eq!(got.field("x-stays"), Some("1"));
}

#[test]
fn te_trailers_is_all_of_te_that_survives() {
    let seen = through("Connection: TE\r\nTE: trailers, deflate;q=0.5\r\n");
    assert!(matches!(seen.field("te"), None | Some("trailers")), "{:?}", seen.head);
}

#[test]
fn connection_cannot_name_away_what_the_proxy_sets() {
    let names = ["Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"];
    let seen = through(&format!("Connection: close, {}, Via\r\n", names.join(", ")));
    for name in names.iter().chain(&["Via"]) {
        assert!(seen.field(name).is_some(), "{name} is gone: {:?}", seen.head);
    }
}

#[test]
fn connection_cannot_name_away_end_to_end_framing_or_credentials() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Content-Length\r\n\
               Content-Length: 4\r\n\r\nbody";
    let mut client = weir.client();
    assert_eq!(client.exchange(ask).echoed().text(), "body");
    client.expect_alive("/");
    let ask = "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Transfer-Encoding\r\n\
               Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    assert_eq!(client.exchange(ask).echoed().text(), "body");
    client.expect_alive("/");
}

#[test]
fn via_is_added_in_both_directions() {
    let origin = Origin::simple(response("200 OK", "Via: 1.0 inner\r\nContent-Length: 0\r\n", ""));
    let weir = Weir::before(&origin);
    let got = weir.client().exchange(with_fields("Via: 1.0 outer\r\n"));
    for (fields, first) in [(origin.seen().last().head, "1.0 outer"), (got.head, "1.0 inner")] {
        let via = fields.all("via").join(", ");
        let hops: Vec<_> = via.split(", ").collect();
        assert_eq!((hops.len(), hops[0]), (2, first), "{via}");
        assert!(hops[1].starts_with("1.1 "), "{via}");
    }
}

#[test]
fn a_response_without_date_gets_one_and_others_keep_theirs() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let dated = format!("Date: {date}\r\nContent-Length: 0\r\n");
    let origin = Origin::answer(move |r| match r.target() {
        "/dated" => response("200 OK", &dated, "").into(),
        _ => ok(""),
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    assert_eq!(client.get("/dated").field("date"), Some(date));
    let made = client.get("/").field("date").expect("a Date").to_owned();
    assert!(made.ends_with(" GMT") && made.len() == date.len(), "{made}");
}

#[test]
fn blanks_around_values_are_dropped_and_inner_ones_kept() {
    let seen = through("X-A:\t  a \t b \t\r\nX-B:b\r\n");
    let raw: String = seen.raw.iter().map(|&b| char::from(b)).collect();
    assert!(raw.contains("X-A: a \t b\r\n"), "{raw:?}");
    assert!(raw.contains("X-B: b\r\n"), "{raw:?}");
}

#[test]
fn underscores_pass_but_are_not_taken_for_hyphens() {
    let seen = through("X_Forwarded_For: 6.6.6.6\r\nContent_Length: 10\r\n");
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.text(), "");
}

#[test]
fn a_head_near_the_limit_passes() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let big = "v".repeat(30_000);
    let seen = weir.client().exchange(with_fields(&format!("X-Big: {big}\r\n"))).echoed();
    assert_eq!(seen.field("x-big").map(str::len), Some(30_000));
    let many: String = (0..120).map(|i| format!("X-{i}: {i}\r\n")).collect();
    let seen = weir.client().exchange(with_fields(&many)).echoed();
    assert_eq!(seen.field("x-119"), Some("119"));
    assert_eq!(weir.client().exchange(get("/")).status, 200);
}
