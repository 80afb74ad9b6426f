//! What is tried again, and what is not.

use std::time::{Duration, Instant};

use dialogue::{get, post, response};
use testkit::origin::ok;
use testkit::{Origin, Setup, Weir};

fn failing(status: &'static str) -> Origin {
    Origin::simple(response(status, "", "bad"))
}

/// Begins with the first server, since both workers and policies would choose at random.
fn before(first: &Origin, second: &Origin, retry: &str) -> Weir {
    let upstream = format!("balance \"round-robin\"\n{retry}");
    Setup::new().to(first).to(second).upstream(&upstream).workers(1).start()
}

/// The client keeps its connection for as many requests as it takes to meet the first server.
fn meet_both(weir: &Weir, request: &str) -> Vec<u16> {
    let mut client = weir.client();
    (0..2).map(|_| client.exchange(request).status).collect()
}

#[test]
fn statuses_are_tried_elsewhere_where_that_is_wanted_and_safe() {
    let (bad, good) = (failing("503 Service Unavailable"), Origin::simple(ok("fine")));
    let weir = before(&bad, &good, "retry on=\"503\"");
    assert_eq!(meet_both(&weir, &get("/")), [200, 200]);
    // A second try takes the turn of the server that it goes to.
    assert_eq!(bad.requests().len(), 2);
    let mut posts = meet_both(&weir, &post("/", "body"));
    posts.sort_unstable();
    assert_eq!(posts, [200, 503], "a POST is never sent twice");
    let weir = before(&bad, &good, "");
    let mut plain = meet_both(&weir, &get("/"));
    plain.sort_unstable();
    assert_eq!(plain, [200, 503], "nobody asked for it");
}

#[test]
fn the_last_answer_counts_when_all_are_bad() {
    let (one, other) = (failing("502 Bad Gateway"), failing("503 Service Unavailable"));
    let weir = before(&one, &other, "retry attempts=1 on=\"502\" \"503\"");
    let status = weir.get("/").status;
    assert!(matches!(status, 502 | 503));
    assert_eq!(one.requests().len() + other.requests().len(), 2);
}

#[test]
fn a_connection_that_breaks_is_tried_elsewhere_unless_the_method_forbids_it() {
    let broken = Origin::script(|turn| drop(turn.next_request()));
    let good = Origin::simple(ok("fine"));
    let weir = before(&broken, &good, "eject connect-failures=0");
    assert_eq!(meet_both(&weir, &get("/")), [200, 200]);
    let mut posts = meet_both(&weir, &post("/", "body"));
    posts.sort_unstable();
    assert_eq!(posts, [200, 502]);
    let bodies =
        broken.requests().iter().chain(&good.requests()).filter(|r| r.method() == "POST").count();
    assert_eq!(bodies, 2, "none was sent twice");
}

#[test]
fn a_kept_body_is_sent_again_and_a_long_one_is_not() {
    let broken = Origin::script(|turn| drop(turn.next_request()));
    let good = Origin::simple(ok("fine"));
    let weir = before(&broken, &good, "retry body-bytes-max=\"8B\"");
    let put = |body: &str| post("/", body).replacen("POST", "PUT", 1);
    assert_eq!(meet_both(&weir, &put("kept")), [200, 200]);
    assert!(good.requests().iter().all(|request| request.text() == "kept"));
    let mut long = meet_both(&weir, &put("too long to be kept"));
    long.sort_unstable();
    assert_eq!(long, [200, 502]);
}

#[test]
fn a_server_that_never_answers_costs_its_try_and_no_more() {
    let deaf = Origin::deaf();
    let good = Origin::simple(ok("fine"));
    let weir = before(&deaf, &good, "retry on=\"timeout\" per-try=\"300ms\"");
    let began = Instant::now();
    assert_eq!(meet_both(&weir, &get("/")), [200, 200]);
    assert!(began.elapsed() >= Duration::from_millis(300), "the first was asked");
    weir.wait_metrics(|m| m.sum("weir_upstream_retries_total", &[]) == 2.0);
}

#[test]
fn the_budget_holds_when_everything_fails() {
    let (one, other) = (failing("503 Service Unavailable"), failing("503 Service Unavailable"));
    let weir = before(&one, &other, "retry on=\"503\" budget=\"10%\" budget-min=\"1/s\"");
    let mut client = weir.client();
    (0..300).for_each(|_| assert_eq!(client.get("/").status, 503));
    let sent = one.requests().len() + other.requests().len();
    // A tenth, the five seconds of the minimum that were saved up, and what these seconds add.
    assert!((330..=350).contains(&sent), "{sent} requests for 300");
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["limit=\"retry-budget\""]) > 200.0);
}

#[test]
fn the_time_that_is_left_is_told() {
    let origin = Origin::echo();
    let weir = Setup::new()
        .to(&origin)
        .upstream("deadline-header \"X-Left-Ms\"")
        .route("timeouts total=\"20s\"")
        .start();
    let told = weir.get("/").echoed().field("x-left-ms").map(str::to_owned).expect("the field");
    let left_ms: u64 = told.parse().expect("a number");
    assert!((10_000..=20_000).contains(&left_ms), "{left_ms}");
}
