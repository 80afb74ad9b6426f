//! What goes wrong while something is being fetched: origins that die, clients that leave or do
//! not read, purges and changes in between.

use std::thread;

use testkit::{Client, Gate, Origin, Outcome, Response, Setup, Turn, Weir};

const BODY_BYTES: usize = 300_000;

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

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

fn content() -> Vec<u8> {
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

fn start(origin: &Origin) -> Weir {
    let purge = "cache { purge \"127.0.0.0/8\"; }";
    Setup::new().to(origin).route(purge).upstream("retry attempts=0").start()
}

/// A client that has asked and has got the first bytes.
fn begun(weir: &Weir) -> Client {
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
fn halting(gate: &Gate) -> Origin {
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

fn purge(weir: &Weir, mode: &str) -> u16 {
    let ask = format!("PURGE / HTTP/1.1\r\nHost: a.test\r\nPurge-Mode: {mode}\r\n\r\n");
    weir.client().exchange(ask).status
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
        weir.wait_metrics(|m| m.sum("weir_cache_misses_total", &[]) == misses);
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
        Origin::script(move |turn: &mut Turn| {
            while let Some(request) = turn.next_request() {
                gate.pass();
                if request.field("If-None-Match").is_none() {
                    let fields = "Cache-Control: max-age=60\r\nAge: 90\r\nETag: \"a\"";
                    turn.send(format!(
                        "HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 2\r\n\r\nok"
                    ));
                    continue;
                }
                turn.send("HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n");
            }
        })
    };
    let weir = start(&origin);
    gate.open();
    assert_eq!(weir.client().exchange(GET).status, 200);
    let taking = GET.replace("\r\n\r\n", "\r\nCache-Control: stale-if-error=600\r\n\r\n");
    let ask = |text: String| {
        let mut client = weir.client();
        thread::spawn(move || client.exchange(text).status)
    };
    // What is stale when it comes is fetched by each for itself; this one remembers that.
    let (takes, refuses) = (ask(taking), ask(GET.to_owned()));
    origin.seen().wait_requests(2);
    (0..4).for_each(|_| gate.open());
    assert_eq!((takes.join().unwrap(), refuses.join().unwrap()), (200, 503));
}
