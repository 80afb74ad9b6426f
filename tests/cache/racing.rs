//! Purges, changes and failures while something is on its way: nothing old comes back, and nobody
//! is given what only others may have.

use std::thread;

use testkit::{Client, Gate, Origin, Response, Weir};

use super::faults::{BODY_BYTES, GET, begun, content, halting, start};

fn purge(weir: &Weir, mode: &str) -> u16 {
    let ask = format!("PURGE / HTTP/1.1\r\nHost: a.test\r\nPurge-Mode: {mode}\r\n\r\n");
    weir.client().exchange(ask).status
}

#[test]
fn a_purge_while_it_comes_lets_readers_finish_and_the_next_one_ask() {
    for (mode, validates) in [("hard", false), ("soft", true)] {
        let gate = Gate::default();
        let origin = halting(&gate);
        let weir = start(&origin);
        let mut reader = begun(&weir);
        assert_eq!(purge(&weir, mode), 200);
        gate.open();
        assert!(reader.read_exact(BODY_BYTES).expect("all of it") == content(), "{mode}");
        gate.open();
        assert!(weir.client().exchange(GET).body == content(), "{mode}");
        let asked = origin.seen().last().field("If-None-Match").is_some();
        assert_eq!((origin.requests().len(), asked), (2, validates), "{mode}");
    }
}

/// A request that is on its way to the origin while something happens there.
fn meanwhile(weir: &Weir, origin: &Origin, count: usize, what: impl FnOnce()) -> Response {
    let mut client = weir.client();
    let asked = thread::spawn(move || client.exchange(GET));
    origin.seen().wait_requests(count);
    what();
    asked.join().expect("an answer")
}

#[test]
fn a_304_that_was_asked_for_before_a_purge_brings_nothing_back() {
    let by_tag = |weir: &Weir| {
        let body = "{\"tag\": \"t\", \"mode\": \"hard\"}";
        let admin = weir.admin_addr();
        let head = format!("POST /cache/purge HTTP/1.1\r\nHost: {admin}\r\nContent-Length: ");
        let ask = format!("{head}{}\r\n\r\n{body}", body.len());
        assert_eq!(Client::connect(admin).exchange(ask).status, 200);
    };
    let by_change = |weir: &Weir| {
        let ask = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(weir.client().exchange(ask).status, 204);
    };
    let by_method = |weir: &Weir| assert_eq!(purge(weir, "hard"), 200);
    for (index, happens) in [by_method as fn(&Weir), by_tag, by_change].into_iter().enumerate() {
        let gate = Gate::default();
        let origin = halting(&gate);
        let weir = start(&origin);
        gate.open();
        assert!(weir.client().exchange(GET).body == content());
        assert_eq!(purge(&weir, "soft"), 200);
        let validated = meanwhile(&weir, &origin, 2, || {
            happens(&weir);
            gate.open();
        });
        assert!(validated.status == 200 && validated.body == content(), "{index}");
        let count = origin.requests().len();
        gate.open();
        assert!(weir.client().exchange(GET).body == content(), "{index}");
        assert_eq!(origin.requests().len(), count + 1, "{index}");
        assert_eq!(origin.seen().last().field("If-None-Match"), None, "{index}");
    }
}

#[test]
fn who_asks_after_a_purge_does_not_wait_for_what_was_asked_for_before() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::answer(move |_| {
            gate.pass();
            let fields = "Cache-Control: max-age=60\r\nSurrogate-Key: t\r\nContent-Length: 2";
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok").into_bytes()
        })
    };
    let weir = start(&origin);
    for (index, scope) in
        ["\"tag\": \"t\"", "\"all\": true", "\"host\": \"a.test\""].into_iter().enumerate()
    {
        let ask = || {
            let mut client = weir.client();
            let ask = GET.replace("GET /", &format!("GET /{index}"));
            thread::spawn(move || client.exchange(ask).status)
        };
        let before = ask();
        origin.seen().wait_requests(2 * index + 1);
        let admin = weir.admin_addr();
        let body = format!("{{{scope}, \"mode\": \"hard\"}}");
        let head = format!("POST /cache/purge HTTP/1.1\r\nHost: {admin}\r\nContent-Length: ");
        let told = Client::connect(admin).exchange(format!("{head}{}\r\n\r\n{body}", body.len()));
        assert_eq!(told.status, 200, "{scope}");
        let misses = (2 * index + 2) as f64;
        let after = ask();
        weir.wait_metrics(|m| m.sum("weir_cache_forwards_total", &[]) == misses);
        (0..2).for_each(|_| gate.open());
        assert_eq!((before.join().unwrap(), after.join().unwrap()), (200, 200));
        assert_eq!(origin.requests().len(), 2 * index + 2, "{scope}");
    }
}

#[test]
fn what_was_asked_for_before_a_change_is_not_kept_whoever_asked() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::answer(move |request| {
            if request.method() == "POST" {
                return b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
            }
            gate.pass();
            let directives = request.field("X-Directives").unwrap_or("max-age=60").to_owned();
            format!("HTTP/1.1 200 OK\r\nCache-Control: {directives}\r\nContent-Length: 2\r\n\r\nok")
                .into_bytes()
        })
    };
    let weir = start(&origin);
    // From here on nobody waits for each other for this URI.
    gate.open();
    let private = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Directives: private\r\n\r\n";
    assert_eq!(weir.client().exchange(private).status, 200);
    let old = meanwhile(&weir, &origin, 2, || {
        let ask = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(weir.client().exchange(ask).status, 204);
        gate.open();
    });
    assert!(old.field("Cache-Status").unwrap().contains("detail=invalidated"), "{old:?}");
    gate.open();
    assert_eq!(weir.client().exchange(GET).status, 200);
    assert_eq!(origin.requests().len(), 4);
}

#[test]
fn a_stale_stand_in_is_only_for_those_who_take_it() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::answer(move |request| {
            if request.field("If-None-Match").is_some() {
                gate.pass();
                return b"HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n".to_vec();
            }
            let fields = "Cache-Control: max-age=60\r\nETag: \"a\"\r\nContent-Length: 2";
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok").into_bytes()
        })
    };
    let weir = start(&origin);
    assert_eq!(weir.client().exchange(GET).status, 200);
    assert_eq!(purge(&weir, "soft"), 200);
    let ask = |directives: &str| {
        let field = format!("\r\nCache-Control: {directives}\r\n\r\n");
        let text = GET.replace("\r\n\r\n", &field);
        let mut client = weir.client();
        thread::spawn(move || client.exchange(text).status)
    };
    let leader = ask("stale-if-error=600");
    origin.seen().wait_requests(2);
    let (takes, refuses) = (ask("stale-if-error=600"), ask("x"));
    weir.wait_metrics(|m| m.sum("weir_cache_forwards_total", &[]) == 4.0);
    (0..2).for_each(|_| gate.open());
    assert_eq!(leader.join().unwrap(), 200);
    assert_eq!((takes.join().unwrap(), refuses.join().unwrap()), (200, 503));
    assert_eq!(origin.requests().len(), 3, "only who refuses has asked for itself");
}
