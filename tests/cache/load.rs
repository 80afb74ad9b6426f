//! Many at once: variants, ranges and conditions on objects that are just being filled, purged
//! and changed, with every byte compared; and memory that stays within its bounds.

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use testkit::external::{run, tool};
use testkit::{Client, Gate, Origin, Outcome, Response, Setup, Turn, Weir, Wire};

const OBJECTS: usize = 6;
const VARIANTS: usize = 4;

fn length(object: usize) -> usize {
    [1, 999, 40_000, 150_000, 300_000, 70_001][object % OBJECTS]
}

/// The byte of an object at a place.
fn byte(object: usize, variant: usize, at: usize) -> u8 {
    (at * 31 + at / 251 + object * 7 + variant * 101) as u8
}

fn content(object: usize, variant: usize) -> Vec<u8> {
    (0..length(object)).map(|at| byte(object, variant, at)).collect()
}

/// A source of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Objects by path and variants by `X`, sent in pieces with pauses, half of them in chunks.
fn origin() -> Origin {
    Origin::script(|turn: &mut Turn| {
        while let Some(request) = turn.next_request() {
            let object: usize = request.target()[1..].parse().expect("an object");
            let variant: usize = request.field("X").unwrap_or("0").parse().expect("a variant");
            let tag = format!("\"{object}-{variant}\"");
            let fields = format!("Cache-Control: max-age=60\r\nVary: X\r\nETag: {tag}");
            if request.method() == "POST" {
                turn.send("HTTP/1.1 204 No Content\r\n\r\n");
                continue;
            }
            if request.field("If-None-Match") == Some(&tag) {
                turn.send(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n\r\n"));
                continue;
            }
            let whole = content(object, variant);
            if request.method() == "HEAD" {
                let length = format!("Content-Length: {}", whole.len());
                turn.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{length}\r\n\r\n"));
                continue;
            }
            send(turn, &fields, request.field("Range"), (&whole, object % 2 == 1));
        }
    })
}

fn send(turn: &mut Turn, fields: &str, range: Option<&str>, (whole, chunked): (&[u8], bool)) {
    let span = range.and_then(|range| span(range, whole.len()));
    let (status, place, bytes) = match span {
        Some((first, last)) => {
            let place = format!("Content-Range: bytes {first}-{last}/{}\r\n", whole.len());
            ("206 Partial Content", place, &whole[first..=last])
        }
        None => ("200 OK", String::new(), whole),
    };
    let framing = if chunked {
        "Transfer-Encoding: chunked".to_owned()
    } else {
        format!("Content-Length: {}", bytes.len())
    };
    turn.send(format!("HTTP/1.1 {status}\r\n{fields}\r\n{place}{framing}\r\n\r\n"));
    for piece in bytes.chunks(20_000) {
        if chunked {
            turn.send(format!("{:x}\r\n", piece.len()));
        }
        turn.send(piece);
        if chunked {
            turn.send("\r\n");
        }
        thread::sleep(Duration::from_millis(1));
    }
    if chunked {
        turn.send("0\r\n\r\n");
    }
}

/// `bytes=first-last` or `bytes=first-`, as Weir sends it on.
fn span(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first: usize = first.parse().ok()?;
    let last = if last.is_empty() { length - 1 } else { last.parse().ok()? };
    (first < length).then(|| (first, last.min(length - 1)))
}

/// Asks for something by chance, and checks what comes.
fn ask_and_check(client: &mut Client, dice: &mut Dice) {
    let (object, variant) = (dice.below(OBJECTS), dice.below(VARIANTS));
    let whole = content(object, variant);
    let start = format!("/{object} HTTP/1.1\r\nHost: a.test\r\nX: {variant}\r\n");
    let place = format!("{object} {variant}");
    match dice.below(20) {
        0 => {
            let response = client.exchange(format!("PURGE {start}Purge-Mode: hard\r\n\r\n"));
            assert_eq!(response.status, 200, "{place}");
        }
        1 => {
            let response = client.exchange(format!("POST {start}Content-Length: 0\r\n\r\n"));
            assert_eq!(response.status, 204, "{place}");
        }
        2 => {
            let response = client.exchange(format!("HEAD {start}\r\n"));
            assert_eq!((response.status, response.body.len()), (200, 0), "{place}");
        }
        3 => {
            let tag = format!("If-None-Match: \"{object}-{variant}\"\r\n");
            let response = client.exchange(format!("GET {start}{tag}\r\n"));
            // All of it is right too, where what came may not be kept.
            let is_whole = response.status == 200 && response.body == whole;
            assert!(is_whole || response.status == 304, "{place} {:?}", response.head);
        }
        4 => {
            let response = client.exchange(format!("GET {start}Cache-Control: no-cache\r\n\r\n"));
            assert!(response.status == 200 && response.body == whole, "{place}");
        }
        5..11 => {
            let first = dice.below(whole.len());
            let last = first + dice.below(whole.len() - first);
            let range = format!("Range: bytes={first}-{last}\r\n");
            let response = client.exchange(format!("GET {start}{range}\r\n"));
            check_part(&response, (first, last), &whole);
        }
        _ => {
            let response = client.exchange(format!("GET {start}\r\n"));
            assert!(response.status == 200 && response.body == whole, "{place} {response:?}");
        }
    }
}

/// The part that was asked for, or the whole.
fn check_part(response: &Response, (first, last): (usize, usize), whole: &[u8]) {
    if response.status == 200 {
        assert!(response.body == whole, "the whole");
        return;
    }
    assert_eq!(response.status, 206, "{:?}", response.head);
    let place = format!("bytes {first}-{last}/{}", whole.len());
    assert_eq!(response.field("Content-Range"), Some(place.as_str()));
    assert!(response.body == whole[first..=last], "{place}");
}

#[test]
fn variants_and_ranges_under_load_are_right_byte_for_byte() {
    let origin = origin();
    let purge = "cache { purge \"127.0.0.0/8\"; }";
    let weir = Arc::new(Setup::new().to(&origin).route(purge).start());
    let spawn = |seed: u64| {
        let weir = Arc::clone(&weir);
        thread::spawn(move || {
            let mut dice = Dice(seed * 7919 + 1);
            let mut client = weir.client();
            (0..60).for_each(|_| ask_and_check(&mut client, &mut dice));
        })
    };
    let clients: Vec<_> = (0..24).map(spawn).collect();
    clients.into_iter().for_each(|client| client.join().expect("all was right"));
    let metrics = weir.metrics();
    assert!(
        metrics.sum("weir_cache_requests_total", &["outcome=\"hit\""]) > 100.0,
        "it was a cache"
    );
}

#[test]
fn requests_in_a_row_are_answered_in_their_order() {
    let origin = origin();
    let weir = Setup::new().to(&origin).route("cache").start();
    let mut dice = Dice(42);
    let asked: Vec<(&str, usize, usize)> = (0..200)
        .map(|_| {
            let method = ["GET", "GET", "HEAD"][dice.below(3)];
            (method, dice.below(OBJECTS), dice.below(VARIANTS))
        })
        .collect();
    let mut client = weir.client();
    let mut writer = Wire::new(client.sock().share(), None);
    let all: String = asked
        .iter()
        .map(|(method, object, variant)| {
            format!("{method} /{object} HTTP/1.1\r\nHost: a.test\r\nX: {variant}\r\n\r\n")
        })
        .collect();
    let writing = thread::spawn(move || writer.try_send(all));
    for (method, object, variant) in asked {
        let response = client.read_response(method).expect("a response");
        let body = if method == "HEAD" { Vec::new() } else { content(object, variant) };
        assert!(response.status == 200 && response.body == body, "{method} {object} {variant}");
        let tag = format!("\"{object}-{variant}\"");
        assert_eq!(response.field("ETag"), Some(tag.as_str()));
    }
    assert!(writing.join().expect("it ended"), "all was sent");
}

#[test]
fn clients_of_both_protocols_share_one_fetch() {
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::script(move |turn: &mut Turn| {
            while turn.next_request().is_some() {
                let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 300000";
                let content = content(4, 0);
                turn.send(format!("{head}\r\n\r\n"));
                turn.send(&content[..100_000]);
                gate.pass();
                turn.send(&content[100_000..]);
            }
        })
    };
    let weir = Setup::new().to(&origin).route("cache").start();
    let mut first = weir.client();
    first.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    first.expect("HTTP/1.1 200");
    let by_h2 = |_| {
        let url = weir.url("/");
        let host = "Host: a.test";
        thread::spawn(move || {
            let mut curl = Command::new(tool("curl"));
            curl.args(["-s", "--http2-prior-knowledge", "--max-time", "20", "-H", host, &url]);
            run(&mut curl).1
        })
    };
    let others: Vec<_> = (0..8).map(by_h2).collect();
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 9.0);
    gate.open();
    for other in others {
        assert!(other.join().expect("curl") == content(4, 0));
    }
    let url = weir.url("/");
    let mut h2load = Command::new(tool("h2load"));
    let host = ["-H", ":authority: a.test"];
    let (_, out, err) = run(h2load.args(["-n", "400", "-c", "4", "-m", "20"]).args(host).arg(&url));
    let said = String::from_utf8_lossy(&out);
    assert!(said.contains("400 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}{err}");
    assert_eq!(origin.requests().len(), 1);
}

/// Weir with a store of this many MiB, and its memory before anything is in it.
fn bounded(origin: &Origin, store_mib: usize) -> (Weir, u64) {
    let limits = "limits connections-per-client-max=2000 connections-max=2000";
    let store = format!("cache {{ memory \"{store_mib}MiB\"; }}");
    let setup = Setup::new().to(origin).route("cache").global(&store).global(limits);
    let weir = setup.global("access-log \"off\"").start();
    let before = weir.rss_bytes();
    (weir, before)
}

#[test]
fn ten_thousand_objects_take_no_more_than_the_store() {
    const OBJECT_BYTES: usize = 20_000;
    let origin = Origin::answer(|request| {
        let fill = request.target().bytes().last().unwrap_or_default();
        let head = format!("Cache-Control: max-age=60\r\nContent-Length: {OBJECT_BYTES}\r\n\r\n");
        let head = format!("HTTP/1.1 200 OK\r\n{head}");
        [head.as_bytes(), &vec![fill; OBJECT_BYTES]].concat()
    });
    let (weir, before) = bounded(&origin, 16);
    let spawn = |client_index: usize| {
        let mut client = weir.client();
        thread::spawn(move || {
            for index in 0..2500 {
                let body = client.get(&format!("/{client_index}/{index}")).body;
                let fill = index.to_string().bytes().last().unwrap();
                assert!(body == vec![fill; OBJECT_BYTES], "{client_index} {index}");
            }
        })
    };
    (0..4).map(spawn).collect::<Vec<_>>().into_iter().for_each(|one| one.join().expect("right"));
    assert_eq!(origin.requests().len(), 10_000);
    // 200 MB have passed. Beside the store there are buffers and what the allocator holds.
    let grown = weir.rss_bytes().saturating_sub(before);
    assert!(grown < 48 << 20, "{} MiB", grown >> 20);
    let statuses = [weir.get("/new"), weir.get("/new")]
        .map(|response| response.field("Cache-Status").unwrap_or_default().to_owned());
    assert!(statuses[1].contains("hit"), "it still keeps what comes: {statuses:?}");
}

#[test]
fn what_is_not_kept_takes_no_memory_however_long_its_name() {
    let origin = Origin::simple("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let (weir, _) = bounded(&origin, 16);
    let mut client = weir.client();
    let mut ask = |index: usize| {
        let target = format!("/{index}?{}", "x".repeat(6000));
        assert_eq!(client.get(&target).status, 404);
    };
    (0..500).for_each(&mut ask);
    let before = weir.rss_bytes();
    (500..6500).for_each(&mut ask);
    let grown = weir.rss_bytes().saturating_sub(before);
    assert!(grown < 8 << 20, "{} KiB", grown >> 10);
}

#[test]
fn five_hundred_slow_readers_share_one_copy() {
    const OBJECT_BYTES: usize = 48 << 20;
    let origin = Origin::answer(|_| {
        let head = format!("Cache-Control: max-age=60\r\nContent-Length: {OBJECT_BYTES}\r\n\r\n");
        [format!("HTTP/1.1 200 OK\r\n{head}").as_bytes(), &vec![b'x'; OBJECT_BYTES]].concat()
    });
    let (weir, before) = bounded(&origin, 256);
    let begin = |_| {
        let mut client = weir.client();
        client.sock().small_buffers(8192);
        client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        client
    };
    let mut slow: Vec<Client> = (0..500).map(begin).collect();
    for client in &mut slow {
        assert!(client.read_head().expect("a head").starts_with(b"HTTP/1.1 200"));
    }
    let mut quick = weir.client();
    quick.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let Outcome::Whole(response) = quick.outcome() else { panic!("cut") };
    assert_eq!(response.body.len(), OBJECT_BYTES);
    assert_eq!(origin.requests().len(), 1);
    // One copy, twice while its pieces are joined; 64 KiB for each reader.
    let grown = weir.rss_peak_bytes().saturating_sub(before);
    assert!(grown < (2 * OBJECT_BYTES + (500 << 16) + (16 << 20)) as u64, "{} MiB", grown >> 20);
    assert_eq!(slow.len(), 500);
}
