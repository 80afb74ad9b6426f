//! Counters by route, server and kind: known traffic, exact counts. Bytes are in `metrics.rs`.

use dialogue::{get, post, with_fields};
use testkit::origin::ok;
use testkit::{Metrics, Origin, Setup, Weir};

/// Waits until this series has this value.
fn expect(weir: &Weir, name: &str, labels: &[&str], value: f64) {
    weir.wait_metrics(|m: &Metrics| (m.sum(name, labels) - value).abs() < 1e-9);
}

#[test]
fn requests_and_responses_are_counted_by_route_status_and_server() {
    let origin = Origin::answer(|r| match r.target() {
        "/missing" => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
        _ => ok("hello"),
    });
    let site = "route \"/own/*\" { respond 200 body=\"x\"; }";
    let weir = Setup::new().site(site).to(&origin).workers(1).start();
    let mut client = weir.client();
    for target in ["/a", "/b", "/missing", "/own/x", "/own/y"] {
        let _counted_below = client.get(target);
    }
    expect(&weir, "weir_responses_total", &["status=\"200\""], 4.0);
    expect(&weir, "weir_responses_total", &["status=\"404\""], 1.0);
    expect(&weir, "weir_requests_total", &["/own/*"], 2.0);
    expect(&weir, "weir_requests_total", &["status=\"4xx\""], 1.0);
    expect(&weir, "weir_upstream_responses_total", &["status=\"2xx\""], 2.0);
    expect(&weir, "weir_upstream_responses_total", &["upstream=\"origin\"", "4xx"], 1.0);
    expect(&weir, "weir_request_duration_seconds_count", &[], 5.0);
    expect(&weir, "weir_pool_misses_total", &["upstream=\"origin\""], 1.0);
    expect(&weir, "weir_pool_hits_total", &["upstream=\"origin\""], 2.0);
    expect(&weir, "weir_pool_idle", &["upstream=\"origin\""], 1.0);
    expect(&weir, "weir_upstream_connections_open", &[], 1.0);
    expect(&weir, "weir_upstream_connect_seconds_count", &[], 1.0);
    expect(&weir, "weir_upstream_first_byte_seconds_count", &[], 3.0);
}

#[test]
fn retries_and_the_faults_before_them_are_counted() {
    let (nobody, origin) = (testkit::port::free_addr().to_string(), Origin::simple(ok("fine")));
    let weir = Setup::new().server(&nobody).to(&origin).workers(1).start();
    weir.client().expect_alive("/");
    weir.client().expect_alive("/");
    // One of the two began with the server that is not there.
    expect(&weir, "weir_upstream_retries_total", &["upstream=\"origin\""], 1.0);
    expect(&weir, "weir_upstream_faults_total", &["upstream=\"origin\"", &nobody], 1.0);
}

#[test]
fn a_kept_connection_that_was_dead_is_a_hit_then_a_miss_and_a_retry() {
    let origin = Origin::script(|c| {
        while let Some(request) = c.next_request() {
            if request.target() == "/die" && c.index == 0 {
                return;
            }
            c.send(ok("fine"));
        }
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.expect_alive("/first");
    client.expect_alive("/die");
    expect(&weir, "weir_pool_hits_total", &["upstream=\"origin\""], 1.0);
    expect(&weir, "weir_pool_misses_total", &["upstream=\"origin\""], 2.0);
    expect(&weir, "weir_upstream_retries_total", &["upstream=\"origin\""], 1.0);
}

#[test]
fn clients_that_left_are_counted() {
    let origin = Origin::script(|c| {
        c.request();
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/wait"));
    origin.seen().wait_requests(1);
    client.reset();
    expect(&weir, "weir_clients_left_total", &[], 1.0);
    expect(&weir, "weir_exchanges_open", &[], 0.0);
}

#[test]
fn faults_are_counted_by_kind() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new().server(&nobody).start();
    assert_eq!(weir.get("/").status, 502);
    expect(&weir, "weir_faults_total", &["kind=\"connection_refused\""], 1.0);
}

#[test]
fn tunnels_are_counted() {
    let origin = Origin::script(|c| {
        c.request();
        c.send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: own\r\n\r\n");
        c.drain();
    });
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let ask = with_fields("Connection: upgrade\r\nUpgrade: own\r\n");
    assert_eq!(client.exchange(ask).status, 101);
    expect(&weir, "weir_tunnels_open", &[], 1.0);
    expect(&weir, "weir_tunnels_total", &[], 1.0);
    drop(client);
    expect(&weir, "weir_tunnels_open", &[], 0.0);
}

#[test]
fn log_lines_and_the_process_are_described() {
    let origin = Origin::simple(ok("x"));
    let weir = Weir::before(&origin);
    assert_eq!(weir.client().exchange(post("/", "x")).status, 200);
    let _line = weir.wait_log(1);
    expect(&weir, "weir_access_log_lines_total", &["outcome=\"written\""], 1.0);
    expect(&weir, "weir_access_log_lines_total", &["outcome=\"dropped\""], 0.0);
    let metrics = weir.metrics();
    assert!(metrics.sum("weir_workers", &[]) >= 1.0);
    assert_eq!(metrics.sum("weir_config_generation", &[]), 1.0);
    assert!(metrics.sum("process_start_time_seconds", &[]) > 1.7e9);
    assert_eq!(metrics.sum("weir_build_info", &["version="]), 1.0);
}

#[test]
fn the_admin_listener_serves_nothing_to_the_listeners_clients() {
    let origin = Origin::simple(ok("from the origin"));
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/metrics").text(), "from the origin");
}
