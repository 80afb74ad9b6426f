//! Servers that are full, and requests that wait for them.

use std::thread;

use testkit::origin::ok;
use testkit::{Gate, Origin, Setup, Weir};

/// An origin whose answers wait at a gate.
fn gated(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::answer(move |_| {
        gate.pass();
        ok("done")
    })
}

fn asking(weir: &Weir, count: usize) -> Vec<thread::JoinHandle<u16>> {
    let ask = |_| {
        let mut client = weir.client();
        thread::spawn(move || client.get("/").status)
    };
    (0..count).map(ask).collect()
}

fn statuses(asked: Vec<thread::JoinHandle<u16>>) -> Vec<u16> {
    asked.into_iter().map(|one| one.join().expect("an answer")).collect()
}

#[test]
fn those_who_find_all_full_wait_in_line() {
    let gate = Gate::default();
    let origin = gated(&gate);
    let settings = "connections max=2 queue=10 queue-timeout=\"30s\"";
    let weir = Setup::new().to(&origin).upstream(settings).start();
    let asked = asking(&weir, 8);
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 6.0);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 2.0);
    assert_eq!(origin.seen().connections().len(), 2);
    (0..9).for_each(|_| gate.open());
    assert_eq!(statuses(asked), [200; 8]);
    assert_eq!(origin.requests().len(), 8);
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 0.0);
}

#[test]
fn beyond_the_queue_it_is_503_with_a_time_to_come_back() {
    let gate = Gate::default();
    let origin = gated(&gate);
    let settings = "connections max=1 queue=1 queue-timeout=\"30s\"";
    let weir = Setup::new().to(&origin).upstream(settings).start();
    let asked = asking(&weir, 2);
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 1.0);
    let refused = weir.get("/");
    assert_eq!((refused.status, refused.field("retry-after")), (503, Some("1")));
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["limit=\"queue\""]) == 1.0);
    (0..9).for_each(|_| gate.open());
    assert_eq!(statuses(asked), [200; 2]);
}

#[test]
fn nobody_waits_longer_than_allowed() {
    let gate = Gate::default();
    let origin = gated(&gate);
    let settings = "connections max=1 queue=5 queue-timeout=\"300ms\"";
    let weir = Setup::new().to(&origin).upstream(settings).start();
    let asked = asking(&weir, 1);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 1.0);
    assert_eq!(weir.get("/").status, 503);
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["timeout=\"queue-timeout\""]) == 1.0);
    (0..9).for_each(|_| gate.open());
    assert_eq!(statuses(asked), [200]);
}

#[test]
fn who_leaves_the_line_is_not_missed() {
    let gate = Gate::default();
    let origin = gated(&gate);
    let settings = "connections max=1 queue=5 queue-timeout=\"30s\"";
    let weir = Setup::new().to(&origin).upstream(settings).workers(1).start();
    let asked = asking(&weir, 1);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 1.0);
    let mut leaver = weir.client();
    leaver.ask(dialogue::get("/leaves"));
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 1.0);
    let stays = asking(&weir, 1);
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 2.0);
    drop(leaver);
    weir.wait_metrics(|m| m.sum("weir_upstream_requests_waiting", &[]) == 1.0);
    (0..9).for_each(|_| gate.open());
    assert_eq!((statuses(asked), statuses(stays)), (vec![200], vec![200]));
}

#[test]
fn an_open_circuit_refuses_at_once() {
    let gate = Gate::default();
    let origin = gated(&gate);
    let settings = "circuit-breaker requests=2";
    let weir = Setup::new().to(&origin).upstream(settings).start();
    let asked = asking(&weir, 2);
    weir.wait_metrics(|m| m.sum("weir_upstream_server_requests_open", &[]) == 2.0);
    assert_eq!(weir.get("/").status, 503);
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["limit=\"circuit-breaker\""]) == 1.0);
    (0..9).for_each(|_| gate.open());
    assert_eq!(statuses(asked), [200; 2]);
}
