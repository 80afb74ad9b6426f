//! Datagrams: flows to servers and back.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use testkit::external::tool;
use testkit::{External, PATIENCE, Setup, Weir};

/// A server that sends every datagram back behind its own name.
struct Echo {
    addr: SocketAddr,
    seen: Arc<AtomicUsize>,
}

impl Echo {
    fn start(name: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
        let (addr, seen) = (socket.local_addr().expect("bound"), Arc::<AtomicUsize>::default());
        let (name, counted) = (name.to_owned(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut bytes = vec![0; 65_535];
            while let Ok((count, client)) = socket.recv_from(&mut bytes) {
                counted.fetch_add(1, Relaxed);
                let answer = [name.as_bytes(), &bytes[..count]].concat();
                // A client that has left takes no answer.
                let _ = socket.send_to(&answer, client);
            }
        });
        Self { addr, seen }
    }

    fn seen(&self) -> usize {
        self.seen.load(Relaxed)
    }
}

/// Weir with a UDP listener in front of these servers, and where that is.
fn before(servers: &[SocketAddr], more: &str) -> (Weir, SocketAddr) {
    let at = testkit::port::free_addr();
    let servers: String = servers.iter().map(|server| format!("server \"{server}\"\n")).collect();
    let text = format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\naccess-log \"stdout\" format=\"json\"\n\
         listen \"{at}\" protocol=\"udp\" {{ proxy \"app\"; }}\n\
         upstream \"app\" {{\n{servers}balance \"round-robin\"\n}}\n{more}\n"
    );
    (Setup::whole(&text).start(), at)
}

fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    // Connected: an answer from any other address would not arrive.
    socket.connect(to).expect("connect");
    socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
    socket
}

fn ask(client: &UdpSocket, bytes: &[u8]) -> Vec<u8> {
    client.send(bytes).expect("send");
    let mut answer = vec![0; 65_535];
    let count = client.recv(&mut answer).expect("an answer");
    answer.truncate(count);
    answer
}

#[test]
fn a_flow_stays_at_one_server_and_flows_are_balanced() {
    let (one, other) = (Echo::start("a"), Echo::start("b"));
    let (weir, at) = before(&[one.addr, other.addr], "workers 1");
    let (first, second) = (client(at), client(at));
    let names = [ask(&first, b"")[0], ask(&second, b"")[0]];
    assert_ne!(names[0], names[1]);
    for round in 0..20_u8 {
        assert_eq!(ask(&first, &[round]), [names[0], round]);
        assert_eq!(ask(&second, &[round]), [names[1], round]);
    }
    let large = vec![7; 60_000];
    assert_eq!(ask(&first, &large).len(), 60_001);
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_udp_flows_total", &[]), 2.0);
    assert!(metrics.sum("weir_upstream_server_requests_open", &[]) == 2.0, "one for each flow");
    weir.wait_metrics(|m| m.sum("weir_udp_flows_open", &[]) == 2.0);
}

#[test]
fn a_name_server_answers_hundreds_at_once() {
    let dns = testkit::port::free_addr();
    let mut command = Command::new(tool("dnsmasq"));
    command
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
        .args(["--bind-interfaces", "--listen-address=127.0.0.1", "--user=root", "--pid-file"])
        .arg(format!("--port={}", dns.port()))
        .arg("--address=/app.test/192.0.2.7");
    let _server = External::listening(command, tempfile::tempdir().expect("a directory"), dns);
    let (weir, at) = before(&[dns], "");
    let clients: Vec<_> = (0..300).map(|_| client(at)).collect();
    let query = |id: u16| {
        let question = b"\x03app\x04test\0\0\x01\0\x01";
        [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], question].concat()
    };
    for (id, client) in (0_u16..).zip(&clients) {
        client.send(&query(id)).expect("send");
    }
    for (id, client) in (0_u16..).zip(&clients) {
        let mut answer = [0; 512];
        let count = client.recv(&mut answer).expect("an answer");
        assert_eq!(answer[..2], id.to_be_bytes());
        assert!(answer[..count].ends_with(&[192, 0, 2, 7]), "the address");
    }
    weir.wait_metrics(|m| m.sum("weir_udp_flows_open", &[]) == 300.0);
    assert_eq!(weir.metrics().sum("weir_udp_datagrams_dropped_total", &[]), 0.0);
}

#[test]
fn flows_are_bounded_and_those_that_are_there_go_on() {
    let echo = Echo::start("");
    let (weir, at) = before(&[echo.addr], "workers 1\nlimits udp-flows-max=3");
    let known: Vec<_> = (0..3).map(|_| client(at)).collect();
    known.iter().for_each(|client| assert_eq!(ask(client, b"x"), b"x"));
    let late = client(at);
    late.send(b"y").expect("send");
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["udp-flows-max"]) == 1.0);
    assert_eq!(weir.metrics().sum("weir_udp_datagrams_dropped_total", &[]), 1.0);
    known.iter().for_each(|client| assert_eq!(ask(client, b"z"), b"z"));
    assert_eq!(echo.seen(), 6);
}

#[test]
fn a_flow_that_is_idle_ends_and_is_recorded() {
    let echo = Echo::start("abc");
    let (weir, at) = before(&[echo.addr], "timeouts udp-idle=\"200ms\"");
    let client = client(at);
    assert_eq!(ask(&client, b"hello"), b"abchello");
    let line = weir.wait_log(1).remove(0);
    assert_eq!((line.text("protocol"), line.text("reason")), ("UDP".into(), String::new()));
    assert_eq!((line.text("bytes_in"), line.text("bytes_out")), ("5".into(), "8".into()));
    assert_eq!((line.text("upstream"), line.text("client")), ("app".into(), "127.0.0.1".into()));
    weir.wait_metrics(|m| m.sum("weir_udp_flows_open", &[]) == 0.0);
    assert_eq!(weir.metrics().sum("weir_timeouts_total", &["udp-idle"]), 1.0);
    assert_eq!(ask(&client, b"again"), b"abcagain", "a new flow begins");
}

#[test]
fn a_server_that_is_gone_is_left() {
    let echo = Echo::start("");
    let gone = testkit::port::free_addr();
    let (weir, at) = before(&[gone, echo.addr], "workers 1");
    let client = client(at);
    client.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
    let mut answer = [0; 8];
    let answered = (0..50).any(|_| {
        client.send(b"x").expect("send");
        client.recv(&mut answer).is_ok()
    });
    assert!(answered, "the other server takes over");
    let avoided = format!("server {gone} is avoided");
    weir.wait_metrics(|_| weir.stderr().iter().any(|line| line.contains(&avoided)));
    let clients: Vec<_> = (0..10).map(|_| self::client(at)).collect();
    clients.iter().for_each(|client| assert_eq!(ask(client, b"y"), b"y"));
}

#[test]
fn a_drain_ends_flows_and_writes_their_lines() {
    let echo = Echo::start("");
    let (mut weir, at) = before(&[echo.addr], "");
    let client = client(at);
    assert_eq!(ask(&client, b"x"), b"x");
    weir.signal(rustix::process::Signal::TERM);
    assert!(weir.wait_exit().success());
    assert!(weir.stdout().iter().any(|line| line.contains("\"UDP\"")), "{:?}", weir.stdout());
}
