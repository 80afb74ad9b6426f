//! When a server is taken out and brought back.

use testkit::{Origin, Setup};

use crate::scene::{Patient, QUICK, before, expect_down_because, expect_line, expect_up, send};

#[test]
fn a_server_that_is_unwell_gets_no_requests_until_it_is_well_again() {
    let (one, two) = (Patient::new(200), Patient::new(200));
    let check = format!("health-check \"/healthz\" {QUICK}");
    let weir = before(&[&one.origin, &two.origin], &check).start();
    send(&weir, 10);
    assert!(one.served() > 0 && two.served() > 0);
    one.becomes(503);
    let server = one.origin.server();
    expect_up(&weir, &server, false);
    expect_down_because(&weir, &server, "HTTP status 503");
    let served = (one.served(), two.served());
    send(&weir, 20);
    assert_eq!((one.served(), two.served()), (served.0, served.1 + 20));
    one.becomes(204);
    expect_up(&weir, &server, true);
    expect_line(&weir, &format!("weir: upstream \"origin\": server {server} is up again"));
    send(&weir, 20);
    assert!(one.served() > served.0);
    let metrics = weir.metrics();
    let label = format!("server=\"{server}\"");
    let probes = |result: &str| metrics.sum("weir_upstream_probes_total", &[&label, result]);
    assert!(probes("result=\"failed\"") >= 3.0 && probes("result=\"passed\"") >= 2.0);
}

#[test]
fn a_server_that_begins_down_gets_requests_once_it_has_passed() {
    let (one, two) = (Patient::new(503), Patient::new(200));
    let check = format!("health-check \"/healthz\" initial=\"down\" {QUICK}");
    let weir = before(&[&one.origin, &two.origin], &check).start();
    let server = one.origin.server();
    expect_up(&weir, &two.origin.server(), true);
    send(&weir, 20);
    assert_eq!(one.served(), 0);
    one.becomes(200);
    expect_up(&weir, &server, true);
    expect_line(&weir, &format!("weir: upstream \"origin\": server {server} is up now"));
    send(&weir, 20);
    assert!(one.served() > 0);
}

#[test]
fn the_first_probe_may_decide_alone() {
    let (one, two) = (Patient::new(503), Patient::new(200));
    let check = "health-check \"/healthz\" initial=\"probe\" interval=\"1h\"";
    let weir = before(&[&one.origin, &two.origin], check).start();
    expect_down_because(&weir, &one.origin.server(), "HTTP status 503");
    expect_up(&weir, &two.origin.server(), true);
    assert_eq!((one.probes(), two.probes()), (1, 1));
    send(&weir, 20);
    assert_eq!((one.served(), two.served()), (0, 20));
}

#[test]
fn after_a_failure_probes_come_faster_until_it_is_settled() {
    let (one, two) = (Patient::new(503), Patient::new(200));
    let check = "health-check \"/healthz\" interval=\"1h\" fast-interval=\"20ms\" timeout=\"5s\"";
    let weir = before(&[&one.origin, &two.origin], check).start();
    // At an interval of an hour, none but the fast ones can come to a verdict.
    expect_up(&weir, &one.origin.server(), false);
    assert_eq!(one.probes(), 3);
    two.origin.seen().wait_requests(1);
    assert_eq!(two.probes(), 1, "one that is well is not asked faster");
}

#[test]
fn a_server_that_accepts_and_never_answers_is_down() {
    let (deaf, well) = (Origin::deaf(), Patient::new(200));
    let check = "health-check \"/healthz\" interval=\"1s\" timeout=\"300ms\" unhealthy=2";
    let weir = before(&[&deaf, &well.origin], check).start();
    expect_down_because(&weir, &deaf.server(), "no answer within 300ms");
    expect_up(&weir, &deaf.server(), false);
    send(&weir, 20);
    assert_eq!(well.served(), 20);
}

#[test]
fn a_server_that_is_gone_is_found_when_it_is_back() {
    let well = Patient::new(200);
    let addr = testkit::port::free_addr();
    let check = format!("health-check kind=\"tcp\" {QUICK}");
    let weir = before(&[&well.origin], &check).server(&addr.to_string()).start();
    expect_down_because(&weir, &addr.to_string(), "connection refused");
    let back = Origin::on(addr, testkit::origin::answering(|_| testkit::origin::ok("back")));
    expect_up(&weir, &addr.to_string(), true);
    send(&weir, 20);
    assert!(!back.requests().is_empty());
}

#[test]
fn names_are_asked_at_their_address() {
    let patient = Patient::new(503);
    let server = format!("localhost:{}", patient.origin.addr().port());
    let check = format!("health-check \"/healthz\" {QUICK}");
    let other = Patient::new(200);
    let weir = before(&[&other.origin], &check).server(&server).start();
    expect_down_because(&weir, &patient.origin.server(), "HTTP status 503");
    patient.becomes(200);
    expect_up(&weir, &patient.origin.server(), true);
    let host = |request: &testkit::Request| request.field("host").map(str::to_owned);
    assert_eq!(host(&patient.origin.requests()[0]), Some(server));
}

#[test]
fn without_a_check_nobody_is_asked() {
    let patient = Patient::new(200);
    let weir = Setup::new().to(&patient.origin).start();
    send(&weir, 1);
    let metrics = weir.metrics();
    let names = metrics.names();
    assert!(!names.iter().any(|name| name.starts_with("weir_upstream_probes")), "{names:?}");
    assert_eq!(patient.probes(), 0);
}
