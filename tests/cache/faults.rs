//! What goes wrong while something is being fetched: origins that die, clients that leave or do
//! not read.

use std::process::Command;
use std::thread;

use testkit::external::{run, tool};
use testkit::{Client, Gate, Origin, Outcome, Setup, Turn, Weir};

pub(super) const BODY_BYTES: usize = 300_000;

pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// How the origin frames what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    Close,
}

/// How it ends in the middle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Fin,
    Reset,
}

impl Framing {
    fn head(self) -> String {
        let field = match self {
            Self::Length => format!("Content-Length: {BODY_BYTES}\r\n"),
            Self::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Self::Close => "Connection: close\r\n".to_owned(),
        };
        format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\n{field}\r\n")
    }

    fn piece(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Chunked => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
            Self::Length | Self::Close => bytes.to_vec(),
        }
    }

    fn end(self) -> &'static [u8] {
        if self == Self::Chunked { b"0\r\n\r\n" } else { b"" }
    }
}

/// The byte of the content at a place.
fn byte(at: usize) -> u8 {
    (at * 31 + at / 251) as u8
}

pub(super) fn content() -> Vec<u8> {
    (0..BODY_BYTES).map(byte).collect()
}

/// Sends half of the content, and goes on or dies when the gate opens: the first connection dies.
fn dying(gate: &Gate, framing: Framing, death: Death) -> Origin {
    let gate = gate.clone();
    Origin::script(move |turn: &mut Turn| {
        if turn.next_request().is_none() {
            return;
        }
        let content = content();
        let (first, second) = content.split_at(BODY_BYTES / 2);
        turn.send(framing.head());
        turn.send(framing.piece(first));
        if turn.index == 0 {
            turn.settle();
            gate.pass();
            if death == Death::Reset {
                turn.sock().linger_zero();
            }
            return;
        }
        turn.send(framing.piece(second));
        turn.send(framing.end());
    })
}

pub(super) fn start(origin: &Origin) -> Weir {
    let purge = "cache { purge \"127.0.0.0/8\"; }";
    Setup::new().to(origin).route(purge).upstream("retry attempts=0").start()
}

/// A client that has asked and has got the first bytes.
pub(super) fn begun(weir: &Weir) -> Client {
    let mut client = weir.client();
    client.ask(GET);
    let head = client.read_head().expect("a head");
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    client
}

#[test]
fn an_origin_that_dies_in_the_middle_leaves_nothing_behind() {
    for framing in [Framing::Length, Framing::Chunked, Framing::Close] {
        for death in [Death::Fin, Death::Reset] {
            if (framing, death) == (Framing::Close, Death::Fin) {
                continue; // That is the end of such a body.
            }
            let gate = Gate::default();
            let origin = dying(&gate, framing, death);
            let weir = start(&origin);
            let mut clients: Vec<Client> = (0..5).map(|_| weir.client()).collect();
            for client in &mut clients {
                client.ask(GET);
            }
            origin.seen().wait_requests(1);
            weir.wait_metrics(|m| m.sum("weir_cache_stores_total", &[]) == 1.0);
            clients.push(weir.client());
            clients.last_mut().unwrap().ask(GET);
            gate.open();
            for client in &mut clients {
                match client.outcome() {
                    Outcome::Cut(_) => {}
                    // Who came late has had it fetched anew.
                    Outcome::Whole(response) => assert!(response.body == content(), "{framing:?}"),
                    other => panic!("{framing:?} {death:?}: {other:?}"),
                }
            }
            let again = weir.client().exchange(GET);
            assert!(again.body == content(), "{framing:?} {death:?}");
            let hit = weir.client().exchange(GET);
            assert!(hit.body == content() && hit.field("Age").is_some(), "{framing:?} {death:?}");
        }
    }
}

#[test]
fn a_client_of_http2_sees_that_it_broke_off() {
    for framing in [Framing::Length, Framing::Chunked] {
        let gate = Gate::default();
        let origin = dying(&gate, framing, Death::Fin);
        let weir = start(&origin);
        let curl = || {
            let mut curl = Command::new(tool("curl"));
            curl.args(["-s", "--http2-prior-knowledge", "--max-time", "20", "-H", "Host: a.test"]);
            curl.arg(weir.url("/"));
            thread::spawn(move || run(&mut curl))
        };
        let leader = curl();
        weir.wait_metrics(|m| m.sum("weir_cache_stores_total", &[]) == 1.0);
        let follower = curl();
        weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 2.0);
        gate.open();
        for client in [leader, follower] {
            let (code, out, _) = client.join().expect("curl");
            assert!(code != Some(0) && out.len() <= BODY_BYTES / 2, "{framing:?} {code:?}");
        }
        let (code, out, _) = curl().join().expect("curl");
        assert!(code == Some(0) && out == content(), "{framing:?} {code:?}");
    }
}

#[test]
fn parts_of_what_breaks_off_are_no_parts_either() {
    let gate = Gate::default();
    let origin = dying(&gate, Framing::Length, Death::Reset);
    let weir = start(&origin);
    let mut leader = begun(&weir);
    let range = |first: usize, last: usize| {
        let mut client = weir.client();
        let field = format!("Range: bytes={first}-{last}\r\n");
        client.ask(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{field}\r\n"));
        client
    };
    let early = range(10, 19).response();
    assert_eq!((early.status, early.body), (206, (10..20).map(byte).collect()));
    let mut late = range(BODY_BYTES - 10, BODY_BYTES - 1);
    assert!(late.read_head().expect("a head").starts_with(b"HTTP/1.1 206"));
    gate.open();
    leader.read_exact(BODY_BYTES).expect_err("it breaks off");
    late.read_exact(10).expect_err("so does the part");
    let again = range(0, 4).response();
    assert_eq!(again.body, (0..5).map(byte).collect::<Vec<_>>());
    assert_eq!(origin.requests().len(), 2);
}

/// Sends half of the content at once, and the rest when the gate opens; answers conditions by 304.
pub(super) fn halting(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::script(move |turn: &mut Turn| {
        while let Some(request) = turn.next_request() {
            if request.method() == "POST" {
                turn.send("HTTP/1.1 204 No Content\r\n\r\n");
                continue;
            }
            if request.field("If-None-Match").is_some() {
                gate.pass();
                let fields = "Cache-Control: max-age=60\r\nETag: \"a\"\r\nSurrogate-Key: t";
                turn.send(format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n\r\n"));
                continue;
            }
            let content = content();
            let (first, second) = content.split_at(BODY_BYTES / 2);
            let head = Framing::Length.head();
            turn.send(head.replace("ETag", "Surrogate-Key: t\r\nETag"));
            turn.send(first);
            gate.pass();
            turn.send(second);
        }
    })
}

#[test]
fn followers_get_all_of_it_though_the_first_client_leaves_in_the_middle() {
    let gate = Gate::default();
    let origin = halting(&gate);
    let weir = start(&origin);
    let leader = begun(&weir);
    let mut followers: Vec<Client> = (0..5).map(|_| begun(&weir)).collect();
    leader.reset();
    gate.open();
    for follower in &mut followers {
        assert!(follower.read_exact(BODY_BYTES).expect("all of it") == content());
    }
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_follower_that_does_not_read_holds_up_nobody() {
    let gate = Gate::default();
    let origin = halting(&gate);
    let weir = start(&origin);
    let mut leader = begun(&weir);
    let stalled: Vec<Client> = (0..5).map(|_| begun(&weir)).collect();
    for client in &stalled {
        client.sock().small_buffers(4096);
    }
    gate.open();
    assert!(leader.read_exact(BODY_BYTES).expect("all of it") == content());
    assert!(weir.client().exchange(GET).body == content());
    drop(stalled);
    assert_eq!(origin.requests().len(), 1);
}
