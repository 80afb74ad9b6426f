//! Copies of requests: complete, bounded, and without any effect on the request.

use rustix::process::Signal;
use testkit::origin::ok;
use testkit::{External, Origin, Setup, Weir};

use super::{at, setup};

fn mirrored(weir: &Weir, result: &str, count: f64) {
    let is_so = |m: &testkit::Metrics| m.sum("weir_mirrored_requests_total", &[result]) == count;
    weir.wait_metrics(is_so);
}

fn site(settings: &str) -> String {
    format!(
        "route \"/*\" {{ request-headers {{ set \"X-Env\" \"prod\"; remove \"X-Debug\"; }}; \
         mirror \"shadow\" {settings} {{ host \"shadow.test\"; }}; proxy \"app\"; }}"
    )
}

fn post(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /a?b=c HTTP/1.1\r\nHost: a\r\nX-Debug: 1\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn a_copy_is_the_request_as_it_is_sent_on() {
    let (app, shadow) = (Origin::simple(ok("app")), Origin::simple(ok("shadow")));
    let weir = setup(&[("app", &app), ("shadow", &shadow)], &site("")).start();
    let mut client = weir.client();
    assert_eq!(client.get("/x").text(), "app");
    assert_eq!(client.exchange(post("hello")).text(), "app");
    let chunked = "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                   Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n\
                   3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
    assert_eq!(client.exchange(chunked).text(), "app");
    mirrored(&weir, "sent", 3.0);
    let copies = shadow.requests();
    let of = |target: &str| {
        copies.iter().find(|copy| copy.target() == target).expect("the copy").clone()
    };
    assert_eq!(of("/x").method(), "GET");
    let copy = of("/a?b=c");
    assert_eq!((copy.method(), copy.text().as_str()), ("POST", "hello"));
    assert_eq!((copy.field("x-env"), copy.field("x-debug")), (Some("prod"), None));
    assert_eq!(copy.field("host"), Some("shadow.test"));
    assert_eq!(copy.field("x-forwarded-for"), Some("127.0.0.1"));
    let copy = of("/c");
    assert_eq!((copy.text().as_str(), copy.field("content-length")), ("abcdefg", Some("7")));
    assert_eq!((copy.field("x-hop"), copy.field("transfer-encoding")), (None, None));
    assert_eq!(app.requests()[1].text(), "hello");
    assert_eq!(weir.wait_log(3).len(), 3, "a copy has no line of its own");
}

#[test]
fn what_is_too_long_is_not_copied_and_arrives_whole() {
    let (app, shadow) = (Origin::echo(), Origin::simple(ok("shadow")));
    let site = site("body-bytes-max=\"1KiB\"");
    let weir = setup(&[("app", &app), ("shadow", &shadow)], &site).start();
    let mut client = weir.client();
    let long = "x".repeat(1025);
    assert_eq!(client.exchange(post(&long)).echoed().text(), long);
    let chunks: String = (0..20).map(|_| format!("64\r\n{}\r\n", "y".repeat(100))).collect();
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    assert_eq!(client.exchange(chunked).echoed().text().len(), 2000);
    mirrored(&weir, "dropped", 2.0);
    assert_eq!(client.exchange(post(&"z".repeat(1024))).status, 200);
    mirrored(&weir, "sent", 1.0);
    assert_eq!(shadow.requests().len(), 1);
}

#[test]
fn a_sample_is_a_part() {
    let (app, shadow) = (Origin::simple(ok("app")), Origin::simple(ok("shadow")));
    let weir = setup(&[("app", &app), ("shadow", &shadow)], &site("sample=\"20%\"")).start();
    let mut client = weir.client();
    (0..500).for_each(|_| assert_eq!(client.get("/").text(), "app"));
    weir.wait_metrics(|m| m.sum("weir_mirrored_requests_total", &["sent"]) >= 50.0);
    let copies = shadow.requests().len();
    assert!((50..=160).contains(&copies), "{copies}");
}

/// However the mirror ails, the request does not notice; copies stay bounded.
#[test]
fn a_sick_mirror_does_no_harm() {
    let app = Origin::simple(ok("app"));
    let nobody = testkit::port::free_addr().to_string();
    let weir = at(&[("app", &app.server()), ("shadow", &nobody)], &site("")).start();
    let mut client = weir.client();
    (0..50).for_each(|_| assert_eq!(client.exchange(post("hello")).text(), "app"));
    mirrored(&weir, "failed", 50.0);
    let deaf = Origin::deaf();
    let settings = "in-flight-max=3 timeout=\"500ms\"";
    let weir = setup(&[("app", &app), ("shadow", &deaf)], &site(settings)).start();
    let mut client = weir.client();
    (0..50).for_each(|_| assert_eq!(client.exchange(post("hello")).text(), "app"));
    let some = |m: &testkit::Metrics, result| m.sum("weir_mirrored_requests_total", &[result]);
    weir.wait_metrics(|m| some(m, "failed") + some(m, "dropped") == 50.0);
    assert!(some(&weir.metrics(), "dropped") > 0.0);
    assert_eq!(client.get("/").text(), "app");
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_upstream_faults_total", &["\"app\""]), 0.0);
}

#[test]
fn a_body_that_never_ends_is_never_copied() {
    let (app, shadow) = (Origin::deaf(), Origin::simple(ok("shadow")));
    let weir = setup(&[("app", &app), ("shadow", &shadow)], &site("")).start();
    let mut client = weir.client();
    client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    app.seen().wait_connections(1);
    drop(client);
    assert_eq!(weir.wait_log(1).len(), 1);
    assert!(shadow.requests().is_empty());
}

/// One whose process is stopped still takes connections; one that resets takes nothing.
#[test]
fn a_stopped_mirror_and_one_that_resets_do_no_harm() {
    let app = Origin::simple(ok("app"));
    let stopped = External::python_files(&[]);
    let settings = "in-flight-max=4 timeout=\"500ms\"";
    let weir =
        at(&[("app", &app.server()), ("shadow", &stopped.server())], &site(settings)).start();
    let mut client = weir.client();
    assert_eq!(client.exchange(post("hello")).text(), "app");
    mirrored(&weir, "sent", 1.0);
    stopped.signal(Signal::STOP);
    (0..50).for_each(|_| assert_eq!(client.exchange(post("hello")).text(), "app"));
    let some = |m: &testkit::Metrics, result| m.sum("weir_mirrored_requests_total", &[result]);
    weir.wait_metrics(|m| some(m, "failed") >= 4.0);
    stopped.signal(Signal::CONT);
    // Who closes at once resets what comes after.
    let resetting = Origin::script(|_| {});
    let weir = setup(&[("app", &app), ("shadow", &resetting)], &site("")).start();
    let mut client = weir.client();
    (0..50).for_each(|_| assert_eq!(client.exchange(post("hello")).text(), "app"));
    weir.wait_metrics(|m| some(m, "failed") + some(m, "dropped") == 50.0);
    assert!(weir.wait_log(50).iter().all(|line| line.status() == 200));
}

/// HTTP/2 from the client and to both upstreams: what is sent on and what is copied are equal.
#[test]
fn a_copy_is_the_same_over_http_2() {
    let (app, shadow) = (Origin::simple(ok("app")), Origin::simple(ok("shadow")));
    let relay = |origin: &Origin| Setup::new().to(origin).start();
    let (to_app, to_shadow) = (relay(&app), relay(&shadow));
    let middle = Setup::whole(&format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         upstream \"app\" {{ server \"{}\"; protocol \"h2\"; }}\n\
         upstream \"shadow\" {{ server \"{}\"; protocol \"h2\"; }}\n\
         site {{ route \"/*\" {{ mirror \"shadow\"; proxy \"app\"; }}; }}",
        to_app.addr(),
        to_shadow.addr()
    ))
    .start();
    let front = Setup::new().server(&middle.addr().to_string()).upstream("protocol \"h2\"").start();
    let mut client = front.client();
    let body = "0123456789".repeat(3000);
    assert_eq!(client.exchange(post(&body)).text(), "app");
    assert_eq!(client.get("/x").text(), "app");
    mirrored(&middle, "sent", 2.0);
    let texts = |origin: &Origin| {
        let requests = origin.requests();
        let mut texts: Vec<_> = requests
            .iter()
            .map(|request| {
                (request.method().to_owned(), request.target().to_owned(), request.text())
            })
            .collect();
        texts.sort();
        texts
    };
    assert_eq!(texts(&app), texts(&shadow));
    assert_eq!(texts(&shadow)[1].2, body);
}
