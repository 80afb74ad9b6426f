//! Who is left out because of what requests met with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dialogue::response;
use testkit::origin::ok;
use testkit::{Origin, Setup, Weir};

/// An origin that fails for as long as it is told to.
fn moody() -> (Origin, Arc<AtomicBool>) {
    let bad = Arc::new(AtomicBool::new(true));
    let mood = Arc::clone(&bad);
    let origin = Origin::answer(move |_| {
        if mood.load(Ordering::Relaxed) {
            response("502 Bad Gateway", "", "no").into_bytes()
        } else {
            ok("yes")
        }
    });
    (origin, bad)
}

fn ask(weir: &Weir, times: usize) -> Vec<u16> {
    let mut client = weir.client();
    (0..times).map(|_| client.get("/").status).collect()
}

#[test]
fn errors_in_a_row_take_a_server_out_and_time_brings_it_back() {
    let ((bad, mood), good) = (moody(), Origin::simple(ok("yes")));
    let eject = "balance \"round-robin\"\neject consecutive-errors=3 base=\"1s\" max-percent=50";
    let weir = Setup::new().to(&bad).to(&good).upstream(eject).workers(1).start();
    let statuses = ask(&weir, 20);
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 3, "{statuses:?}");
    assert_eq!(bad.requests().len(), 3);
    let server = [bad.server()];
    let server = server.each_ref().map(String::as_str);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &server) == 0.0);
    let cause = "cause=\"consecutive-errors\"";
    weir.wait_metrics(|m| m.sum("weir_upstream_server_ejections_total", &[cause]) == 1.0);
    mood.store(false, Ordering::Relaxed);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_up", &server) == 1.0);
    assert_eq!(ask(&weir, 10), [200; 10]);
    assert_eq!(bad.requests().len(), 8, "it has its turns again");
}

#[test]
fn a_server_that_cannot_be_reached_is_left_alone() {
    let (gone, good) = (testkit::port::free_addr().to_string(), Origin::simple(ok("yes")));
    let weir = Setup::new().server(&gone).to(&good).workers(1).start();
    assert_eq!(ask(&weir, 30), [200; 30]);
    weir.wait_metrics(|m| {
        m.sum("weir_upstream_server_ejections_total", &["cause=\"unreachable\""]) == 1.0
            && m.sum("weir_upstream_faults_total", &[&gone]) == 1.0
    });
}

#[test]
fn when_all_fail_all_are_asked() {
    let bad: Vec<_> = (0..4).map(|_| moody().0).collect();
    let eject = "eject consecutive-errors=1 max-percent=100";
    let setup = Setup::new().upstream(eject).workers(1);
    let weir = bad.iter().fold(setup, Setup::to).start();
    assert_eq!(ask(&weir, 60), [502; 60]);
    for origin in &bad {
        assert!(origin.requests().len() > 3, "{}", origin.requests().len());
    }
}

#[test]
fn what_balancing_knows_is_shown() {
    let origin = Origin::simple(ok("yes"));
    let weir = Setup::new()
        .upstream(&format!("server \"{}\" weight=7", origin.server()))
        .to(&Origin::simple(ok("other")));
    let weir = weir.start();
    ask(&weir, 20);
    let server = origin.server();
    weir.wait_metrics(|m| {
        m.sum("weir_upstream_server_weight", &[&server]) == 7.0
            && m.sum("weir_upstream_server_latency_seconds", &[&server]) > 0.0
            && m.sum("weir_upstream_server_requests_open", &[]) == 0.0
            && m.sum("weir_upstream_requests_waiting", &[]) == 0.0
    });
}
