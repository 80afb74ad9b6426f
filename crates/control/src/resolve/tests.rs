//! Tests of the watch against a small name server of our own on 127.0.0.1.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the name server says to questions for A records; AAAA there is none.
#[derive(Clone)]
enum Speech {
    Addresses(Vec<[u8; 4]>),
    /// Addresses, and not a word about AAAA.
    OnlyV4(Vec<[u8; 4]>),
    NoSuchName,
    Silence,
}

struct NameServer {
    address: SocketAddr,
    speech: Arc<Mutex<Speech>>,
    asked: Arc<AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl NameServer {
    fn start(speech: Speech) -> Self {
        Self::on(UdpSocket::bind("127.0.0.1:0").unwrap(), speech)
    }

    fn on(socket: UdpSocket, speech: Speech) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            speech: Arc::new(Mutex::new(speech)),
            asked: Arc::default(),
            stop: Arc::default(),
        };
        let (speech, asked) = (Arc::clone(&server.speech), Arc::clone(&server.asked));
        let stop = Arc::clone(&server.stop);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut query) else { continue };
                asked.fetch_add(1, Ordering::Relaxed);
                let said = speech.lock().unwrap().clone();
                if let Some(reply) = reply(&query[..length], &said) {
                    socket.send_to(&reply, client).unwrap();
                }
            }
        });
        server
    }

    fn say(&self, speech: Speech) {
        *self.speech.lock().unwrap() = speech;
    }

    fn await_questions(&self, count: u32) {
        let target = self.asked.load(Ordering::Relaxed) + count;
        for _ in 0..3_000 {
            if self.asked.load(Ordering::Relaxed) >= target {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the name server is not asked any more");
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Answers a question with a TTL of one second (RFC 1035 §4.1).
fn reply(query: &[u8], speech: &Speech) -> Option<Vec<u8>> {
    const A: u16 = 1;
    let mut end = 12;
    while query[end] != 0 {
        end += usize::from(query[end]) + 1;
    }
    let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let question = &query[12..end + 5];
    let (code, addresses) = match speech {
        Speech::Addresses(addresses) if kind == A => (0, addresses.clone()),
        Speech::OnlyV4(addresses) if kind == A => (0, addresses.clone()),
        Speech::Addresses(_) => (0, Vec::new()),
        Speech::NoSuchName => (3, Vec::new()),
        Speech::OnlyV4(_) | Speech::Silence => return None,
    };
    let mut reply = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1, 0, addresses.len() as u8];
    reply.extend([0; 4]);
    reply.extend(question);
    for address in addresses {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        reply.extend(address);
    }
    Some(reply)
}

/// What was told, owned.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Changed(Vec<SocketAddr>),
    Failed,
}

fn quick() -> Timing {
    Timing {
        ttl_min: Duration::from_millis(20),
        ttl_max: Duration::from_millis(50),
        retry_min: Duration::from_millis(20),
        retry_max: Duration::from_millis(50),
        query_timeout: Duration::from_millis(300),
    }
}

fn watch(control: &Control, server: SocketAddr, host: &str) -> (Watch, Receiver<News>) {
    let (send, news) = channel();
    let names = vec![Watched { host: host.to_owned(), port: 8080 }];
    let resolver = Resolver::with_servers(&[server]).with_timing(quick());
    let mut watch = resolver.watch(control, move |name, outcome| {
        assert_eq!(name.port, 8080);
        let told = match outcome {
            Outcome::Changed(addresses) => News::Changed(addresses.to_vec()),
            Outcome::Failed(_) => News::Failed,
        };
        // The test may have seen enough.
        _ = send.send(told);
    });
    watch.follow(names);
    (watch, news)
}

fn changed(addresses: &[[u8; 4]]) -> News {
    let with_port = |ip: &[u8; 4]| SocketAddr::from((Ipv4Addr::from(*ip), 8080));
    News::Changed(addresses.iter().map(with_port).collect())
}

fn next(news: &Receiver<News>) -> News {
    news.recv_timeout(PATIENCE).expect("news")
}

const ONE: [u8; 4] = [192, 0, 2, 1];
const TWO: [u8; 4] = [192, 0, 2, 2];

#[test]
fn changes_are_told_and_silence_keeps_what_was_found() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Addresses(vec![ONE]));
    let (_watch, news) = watch(&control, server.address, "origin.example.");
    assert_eq!(next(&news), changed(&[ONE]));
    server.say(Speech::Addresses(vec![TWO, ONE]));
    assert_eq!(next(&news), changed(&[ONE, TWO]));
    server.say(Speech::Silence);
    assert_eq!(next(&news), News::Failed);
    server.await_questions(4);
    assert!(news.try_recv().is_err(), "one failure in a row is told, and nothing is taken back");
    server.say(Speech::Addresses(vec![TWO]));
    assert_eq!(next(&news), changed(&[TWO]));
}

#[test]
fn a_rotated_answer_is_no_change() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Addresses(vec![ONE, TWO]));
    let (_watch, news) = watch(&control, server.address, "origin.example.");
    assert_eq!(next(&news), changed(&[ONE, TWO]));
    server.say(Speech::Addresses(vec![TWO, ONE, TWO]));
    server.await_questions(6);
    assert!(news.try_recv().is_err());
}

#[test]
fn a_name_that_is_denied_keeps_its_addresses() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Addresses(vec![ONE]));
    let (_watch, news) = watch(&control, server.address, "origin.example.");
    assert_eq!(next(&news), changed(&[ONE]));
    server.say(Speech::NoSuchName);
    assert_eq!(next(&news), News::Failed);
    server.say(Speech::Addresses(vec![ONE]));
    server.await_questions(6);
    assert!(news.try_recv().is_err(), "the same addresses are no news");
}

#[test]
fn starting_without_dns_is_no_failure() {
    let control = Control::start().unwrap();
    let unused = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let (_watch, news) = watch(&control, address, "origin.example.");
    assert_eq!(next(&news), News::Failed);
    let socket = UdpSocket::bind(address).unwrap();
    let _server = NameServer::on(socket, Speech::Addresses(vec![ONE]));
    assert_eq!(next(&news), changed(&[ONE]));
}

#[test]
fn a_family_that_is_not_answered_does_not_hold_up_the_other() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::OnlyV4(vec![ONE]));
    let (_watch, news) = watch(&control, server.address, "origin.example.");
    assert_eq!(next(&news), changed(&[ONE]));
    server.say(Speech::OnlyV4(vec![TWO]));
    assert_eq!(next(&news), changed(&[TWO]));
}

#[test]
fn the_hosts_file_comes_before_dns() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Silence);
    let (_watch, news) = watch(&control, server.address, "localhost");
    let News::Changed(addresses) = next(&news) else { panic!("localhost is not found") };
    assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
}

#[test]
fn an_address_is_told_as_it_is() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Silence);
    let (_watch, news) = watch(&control, server.address, "::1");
    assert_eq!(next(&news), News::Changed(vec!["[::1]:8080".parse().unwrap()]));
}

#[test]
fn a_dropped_watch_asks_no_more() {
    let control = Control::start().unwrap();
    let server = NameServer::start(Speech::Addresses(vec![ONE]));
    let (watch, news) = watch(&control, server.address, "origin.example.");
    assert_eq!(next(&news), changed(&[ONE]));
    drop(watch);
    assert!(
        news.recv_timeout(PATIENCE)
            .is_err_and(|error| { error == std::sync::mpsc::RecvTimeoutError::Disconnected })
    );
}

#[test]
fn waits_stay_within_their_bounds() {
    let tell: Arc<Tell> = Arc::new(|_, _| {});
    let name = Watched { host: "x.".to_owned(), port: 1 };
    let mut refresh = Refresh::new(Resolver::system(), name, tell);
    let ttl = |seconds| {
        let (family, ttl) = (Family::V4, Duration::from_secs(seconds));
        let addresses = vec![Ipv4Addr::LOCALHOST.into()];
        [Answer::Found(Found { family, addresses, ttl }), Answer::Nothing(Family::V6)]
    };
    for (given, from_ms, to_ms) in
        [(0, 900, 1_000), (60, 54_000, 60_000), (9_999, 270_000, 300_000)]
    {
        let wait = refresh.settle(ttl(given)).as_millis();
        assert!((from_ms..=to_ms).contains(&wait), "{wait} ms for a TTL of {given} s");
    }
    for to_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        let wait = refresh.fail("no answer").as_millis();
        assert!((to_ms / 2..=to_ms).contains(&wait), "{wait} ms where {to_ms} are the most");
    }
}
