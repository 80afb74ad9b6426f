//! Attacks by effort: nobody gets more than the whole, keeps more than a share, or holds up others.

use testkit::{Client, Gate, Origin, Outcome, Setup};

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60";

/// The "Apache killer" and RangeAmp: nobody gets more out of ranges than the whole.
#[test]
fn many_overlapping_ranges() {
    let length = 100_000;
    let origin = Origin::answer(move |_| {
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 100000\r\n\r\n";
        [head.as_bytes(), &vec![b'x'; length]].concat()
    });
    let weir = Setup::new().to(&origin).route("cache").start();
    assert_eq!(weir.get("/").body.len(), length);
    let sets = [
        vec!["0-"; 16].join(","),
        vec!["0-"; 1000].join(","),
        (0..1000).map(|at| format!("{at}-")).collect::<Vec<_>>().join(","),
        (1..1000).map(|at| format!("-{at}")).collect::<Vec<_>>().join(","),
        (0..500).map(|at| format!("{0}-{0}", at * 2)).collect::<Vec<_>>().join(","),
        "0-99999,0-99999".to_owned(),
    ];
    for set in sets {
        let ask = format!("GET / HTTP/1.1\r\nHost: a.test\r\nRange: bytes={set}\r\n\r\n");
        let got = weir.client().exchange(ask).body.len();
        assert!(got <= length + 16 * 200, "{got} for {}", &set[..set.len().min(40)]);
    }
    // Nor does a small range make Weir fetch more than it asks for.
    let ask = "GET /other HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-0\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).body.len(), 1);
    assert_eq!(origin.requests().len(), 2);
    assert_eq!(origin.seen().last().field("Range"), Some("bytes=0-0"));
}

/// Variants without end by a field of the client's choice.
#[test]
fn vary_explosion() {
    let scene = Scene::new("cache");
    for index in 0..500 {
        scene.ask(&format!("GET /\nX: {index}"), &format!("{FRESH} | Vary: X"));
    }
    scene.ask("GET /other", FRESH);
    let kept = (0..500).filter(|index| scene.ask(&format!("GET /\nX: {index}"), "500").is_hit());
    assert!(kept.count() <= 32);
    assert!(scene.ask("GET /\nX: 499", "500").is_hit(), "the newest stay");
    assert!(scene.ask("GET /other", "500").is_hit());
}

/// A slow client holds up nobody who waits for the same, though it came first.
#[test]
fn a_slow_first_client_holds_up_nobody() {
    let body = "x".repeat(20_000_000);
    let origin = Origin::answer(move |_| {
        let fields = format!("Cache-Control: max-age=60\r\nContent-Length: {}", body.len());
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}").into_bytes()
    });
    let weir = Setup::new().to(&origin).route("cache").start();
    let mut slow: Client = weir.client();
    slow.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.expect("HTTP/1.1 200");
    for _ in 0..3 {
        let mut client = weir.client();
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let Outcome::Whole(response) = client.outcome() else { panic!("cut") };
        assert_eq!(response.body.len(), 20_000_000);
    }
    assert_eq!(origin.requests().len(), 1);
}

/// A slow client where the content is too long to be kept, so that all read it at one pace: who
/// takes nothing at all is cut off after a while.
#[test]
fn a_client_that_does_not_read_what_is_too_long_to_keep() {
    const BODY_BYTES: usize = 30 << 20;
    let gate = Gate::default();
    let begun = gate.clone();
    let origin = Origin::script(move |turn| {
        turn.request();
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked";
        turn.send(format!("{head}\r\n\r\n1\r\nx\r\n"));
        // The others come while it is still short enough.
        begun.pass();
        for _ in 0..BODY_BYTES >> 16 {
            turn.send([b"10000\r\n", &[b'x'; 1 << 16][..], b"\r\n"].concat());
        }
        turn.send("0\r\n\r\n");
    });
    let store = "cache { object-bytes-max \"1MiB\"; }";
    let weir = Setup::new().to(&origin).route("cache").global(store).start();
    let begin = || {
        let mut client = weir.client();
        client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.read_head().expect("a head").starts_with(b"HTTP/1.1 200"));
        client
    };
    let (mut stalled, mut reader) = (begin(), begin());
    gate.open();
    let mut got = 0;
    while got <= BODY_BYTES {
        got += reader.read_some().expect("it goes on").len();
    }
    assert_eq!(origin.requests().len(), 1);
    let cut = ["limit=\"cache-stalled-readers\""];
    assert_eq!(weir.metrics().sum("weir_limits_hit_total", &cut), 1.0);
    assert!(!stalled.everything().ends_with("0\r\n\r\n"), "it was cut off");
}
