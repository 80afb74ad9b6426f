//! Many requests for the same at once.

use std::thread;

use testkit::{Gate, Origin, Setup, Turn, Weir};

const BODY_BYTES: usize = 300_000;

fn start(origin: &Origin) -> Weir {
    Setup::new().to(origin).route("cache").start()
}

/// An origin that sends half of its body, and the rest when the gate opens.
fn slow(gate: &Gate, directives: &str) -> Origin {
    let gate = gate.clone();
    let head = format!(
        "HTTP/1.1 200 OK\r\nCache-Control: {directives}\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
    );
    Origin::script(move |turn: &mut Turn| {
        while turn.next_request().is_some() {
            turn.send(&head);
            turn.send(vec![b'x'; BODY_BYTES / 2]);
            gate.pass();
            turn.send(vec![b'y'; BODY_BYTES / 2]);
        }
    })
}

#[test]
fn a_thousand_requests_are_one_fetch_and_stream_along() {
    let gate = Gate::default();
    let origin = slow(&gate, "max-age=60");
    let weir = Setup::new()
        .to(&origin)
        .route("cache")
        .global("limits connections-per-client-max=5000 connections-max=5000")
        .start();
    let ask = |_| {
        let mut client = weir.client();
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let mut clients: Vec<_> = (0..1000).map(ask).collect();
    // Each has its first bytes before the origin has sent the last ones.
    for client in &mut clients {
        let head = client.read_head().expect("a head");
        assert!(head.starts_with(b"HTTP/1.1 200"));
        assert_eq!(client.read_exact(1000).expect("first bytes"), [b'x'; 1000]);
    }
    gate.open();
    for client in &mut clients {
        let rest = client.read_exact(BODY_BYTES - 1000).expect("all of it");
        assert_eq!(rest.iter().filter(|byte| **byte == b'y').count(), BODY_BYTES / 2);
    }
    assert_eq!(origin.requests().len(), 1);
    // Who came before the head waited for it, who came later found it.
    weir.wait_metrics(|m| {
        let of = |outcome| m.sum("weir_cache_requests_total", &[outcome]);
        of("outcome=\"collapsed\"") + of("outcome=\"hit\"") == 999.0
    });
}

#[test]
fn what_cannot_be_shared_does_not_queue() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::answer(move |_| {
            gate.pass();
            b"HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 2\r\n\r\nok".to_vec()
        })
    };
    let weir = start(&origin);
    let ask = |count: usize| -> Vec<_> {
        let spawn = |_| {
            let mut client = weir.client();
            thread::spawn(move || client.get("/").status)
        };
        (0..count).map(spawn).collect()
    };
    let first = ask(1);
    origin.seen().wait_requests(1);
    gate.open();
    first.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), 200));
    // The cache remembers: from now on all of them go at once.
    let rest = ask(5);
    origin.seen().wait_requests(6);
    (0..5).for_each(|_| gate.open());
    rest.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), 200));
}

#[test]
fn others_are_served_though_the_first_client_leaves() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::answer(move |_| {
            gate.pass();
            b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok".to_vec()
        })
    };
    let weir = start(&origin);
    let mut leaving = weir.client();
    leaving.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    origin.seen().wait_requests(1);
    let mut staying = weir.client();
    staying.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    weir.wait_metrics(|m| m.sum("weir_cache_forwards_total", &[]) == 2.0);
    leaving.reset();
    // Before the head is there the fetch goes with its client; the other one fetches.
    origin.seen().wait_requests(2);
    (0..3).for_each(|_| gate.open());
    assert_eq!(staying.response().text(), "ok");
}

#[test]
fn a_fill_goes_on_without_its_client() {
    let gate = Gate::default();
    let origin = slow(&gate, "max-age=60");
    let weir = start(&origin);
    let mut client = weir.client();
    client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.expect("HTTP/1.1 200");
    client.reset();
    gate.open();
    assert_eq!(weir.client().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").body.len(), BODY_BYTES);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn what_breaks_off_is_never_whole() {
    let origin = Origin::script(|turn: &mut Turn| {
        turn.request();
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000\r\n\r\n";
        turn.send(format!("{head}too short"));
    });
    let weir = start(&origin);
    for count in 1..4 {
        let mut client = weir.client();
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let text = client.everything();
        assert!(text.ends_with("too short"), "{text}");
        assert_eq!(origin.requests().len(), count, "nothing of it is kept");
    }
}

#[test]
fn all_who_wait_hear_of_a_failure() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::script(move |turn: &mut Turn| {
            turn.request();
            gate.pass();
        })
    };
    let weir = Setup::new().to(&origin).route("cache").upstream("retry attempts=0").start();
    let ask = |_| {
        let mut client = weir.client();
        thread::spawn(move || client.get("/").status)
    };
    let asked: Vec<_> = (0..5).map(ask).collect();
    weir.wait_metrics(|m| m.sum("weir_cache_forwards_total", &[]) == 5.0);
    gate.open();
    asked.into_iter().for_each(|one| assert_eq!(one.join().unwrap(), 502));
    assert_eq!(origin.requests().len(), 1);
}
