//! A second server for a request whose first one is late.

use testkit::origin::ok;
use testkit::{Metrics, Origin, Setup, Turn, Weir};

/// Answers at once, but never where the target says so, and after a while where it says that.
fn first() -> Origin {
    Origin::script(|turn: &mut Turn| {
        while let Some(request) = turn.next_request() {
            match request.target() {
                "/hang" => return turn.drain(),
                "/slow" => std::thread::sleep(std::time::Duration::from_millis(60)),
                _ => {}
            }
            turn.send(ok("first"));
        }
    })
}

/// Every request goes to the first server, unless that is late.
fn start(origins: [&Origin; 2], hedge: &str) -> Weir {
    let setup = Setup::new().upstream(
        "balance \"first\"; connections max=100; retry attempts=0 body-bytes-max=\"1KiB\"",
    );
    let setup = setup.upstream(hedge).workers(1);
    let weir = origins.into_iter().fold(setup, Setup::to).start();
    let mut client = weir.client();
    // Nothing is late before it is known what is usual.
    (0..400).for_each(|_| assert_eq!(client.get("/").status, 200));
    weir
}

fn hedges(metrics: &Metrics, result: &str) -> f64 {
    metrics.sum("weir_upstream_hedges_total", &[result])
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    let (first, second) = (first(), Origin::answer(|_| ok("second")));
    let weir = start([&first, &second], "hedge after=\"95%\" budget=\"50%\"");
    for _ in 0..5 {
        assert_eq!(weir.get("/hang").text(), "second");
    }
    let put = "PUT /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(weir.client().exchange(put).text(), "second");
    assert_eq!(second.seen().last().text(), "hello", "with its body");
    assert!(hedges(&weir.metrics(), "heard") >= 6.0);
    let log = weir.wait_log(406);
    let line = log.last().expect("a line");
    assert_eq!((line.number("attempts"), line.text("server")), (2.0, second.server()));
    // Whoever was not heard is left.
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 0.0);
}

#[test]
fn what_may_not_be_done_twice_waits() {
    let (first, second) = (first(), Origin::answer(|_| ok("second")));
    let weir = start([&first, &second], "hedge budget=\"50%\"");
    let known = second.requests().len();
    for _ in 0..5 {
        let post = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(weir.client().exchange(post).text(), "first");
    }
    assert_eq!(second.requests().len(), known);
}

#[test]
fn a_bad_answer_does_not_win_over_a_late_good_one() {
    let bad = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    let (first, second) = (first(), Origin::answer(move |_| bad.into()));
    let weir = start([&first, &second], "hedge budget=\"50%\"");
    for _ in 0..5 {
        assert_eq!(weir.get("/slow").text(), "first");
    }
    assert!(!second.requests().is_empty());
    assert_eq!(hedges(&weir.metrics(), "heard"), 0.0);
}

#[test]
fn the_budget_bounds_second_servers() {
    let (first, second) = (first(), Origin::answer(|_| ok("second")));
    let weir = start([&first, &second], "hedge budget=\"1%\"");
    (0..20).for_each(|_| assert_eq!(weir.get("/slow").status, 200));
    let metrics = weir.metrics();
    let count = hedges(&metrics, "heard") + hedges(&metrics, "left");
    assert!((1.0..=5.0).contains(&count), "{count}");
    assert!(metrics.sum("weir_limits_hit_total", &["limit=\"hedge-budget\""]) >= 10.0);
}
