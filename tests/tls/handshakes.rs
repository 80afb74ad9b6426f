//! Handshakes that never end, come too often, or are none.

use testkit::{Client, Setup, Weir};

use crate::scene::{Scene, s_client};

const TIMEOUTS: &str = "weir_timeouts_total";
const LIMITS: &str = "weir_limits_hit_total";

fn still_serves(scene: &Scene) {
    scene.client.connect(scene.weir.addr()).expect_alive("/");
}

fn plain(weir: &Weir) -> Client {
    weir.client()
}

#[test]
fn one_that_does_not_come_to_an_end_is_closed() {
    let scene = Scene::new(Setup::new().global("timeouts tls-handshake=\"300ms\""), "");
    let mut silent = plain(&scene.weir);
    let mut slow = plain(&scene.weir);
    // The start of a ClientHello whose end never comes.
    slow.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
    silent.expect_closed();
    slow.expect_closed();
    scene.weir.wait_metrics(|m| m.sum(TIMEOUTS, &["timeout=\"tls-handshake\""]) == 2.0);
    let log = scene.weir.wait_log(2);
    assert!(log.iter().all(|line| line.mentions("tls_handshake_timeout")), "{log:#?}");
    still_serves(&scene);
}

#[test]
fn a_client_may_begin_so_many_in_a_second() {
    let limits = "limits tls-handshakes-per-client=\"5/s\"";
    let scene = Scene::new(Setup::new().global(limits), "");
    let shaken = (0..40).filter(|_| scene.client.shake(scene.weir.addr()).is_ok()).count();
    assert!((5..40).contains(&shaken), "{shaken}");
    let hit = |m: &testkit::Metrics| m.sum(LIMITS, &["limit=\"tls-handshakes-per-client\""]);
    scene.weir.wait_metrics(|m| hit(m) == (40 - shaken) as f64);
    // In a later second there is room again.
    let until = std::time::Instant::now() + testkit::PATIENCE;
    while scene.client.shake(scene.weir.addr()).is_err() {
        assert!(std::time::Instant::now() < until, "turned away for good");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn garbage_and_plaintext_do_no_harm() {
    let scene = Scene::new(Setup::new(), "");
    let hello: Vec<u8> = [0x16, 3, 1, 0xff, 0xff].into_iter().chain([0x41; 4000]).collect();
    let cases: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
        b"\x17\x03\x03\x00\x05hello",
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        &[0; 500],
        &hello,
    ];
    for case in cases {
        let mut client = plain(&scene.weir);
        client.send(case);
        client.half_close();
        let said = client.everything();
        assert!(!said.contains("HTTP/"), "{case:?}: {said}");
        still_serves(&scene);
    }
    // Clients that come and go without a word.
    (0..20).for_each(|_| drop(plain(&scene.weir)));
    (0..20).for_each(|_| plain(&scene.weir).reset());
    still_serves(&scene);
    scene.weir.wait_metrics(|m| m.sum("weir_tls_abandoned_total", &[]) >= 20.0);
}

#[test]
fn records_that_were_tampered_with_end_the_connection() {
    let scene = Scene::new(Setup::new(), "");
    let mut client = scene.client.connect(scene.weir.addr());
    client.expect_alive("/");
    let before = scene.weir.wait_log(1).len();
    let tls = client.sock_mut().tls().expect("TLS");
    let mut below: &std::net::TcpStream = tls.socket();
    let record: Vec<u8> = [0x17, 3, 3, 0, 64].into_iter().chain([0x55; 64]).collect();
    std::io::Write::write_all(&mut below, &record).expect("send");
    client.expect_closed();
    assert_eq!(scene.weir.log().len(), before, "nothing was read as a request");
    still_serves(&scene);
}

#[test]
fn a_hello_in_single_bytes_is_as_good() {
    use std::io::{Read, Write};
    let scene = Scene::new(Setup::new(), "");
    // A relay that sends on byte by byte.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let (relay, target) = (listener.local_addr().expect("bound"), scene.weir.addr());
    std::thread::spawn(move || {
        let (mut near, _) = listener.accept().expect("accept");
        let mut far = std::net::TcpStream::connect(target).expect("connect");
        far.set_nodelay(true).expect("nodelay");
        let (mut back, mut sink) = (far.try_clone().expect("dup"), near.try_clone().expect("dup"));
        std::thread::spawn(move || std::io::copy(&mut back, &mut sink));
        let mut byte = [0];
        while near.read(&mut byte).is_ok_and(|count| count == 1) {
            far.write_all(&byte).expect("send");
        }
    });
    let mut client = scene.client.connect(relay);
    client.expect_alive("/");
    client.expect_alive("/again");
}

#[test]
fn renegotiation_and_heartbeats_are_not_spoken() {
    let scene = Scene::new(Setup::new(), "");
    let printed = s_client(scene.weir.addr(), &["-tls1_2", "-tlsextdebug"]);
    assert!(printed.contains("Secure Renegotiation IS supported"), "{printed}");
    assert!(!printed.contains("heartbeat"), "{printed}");
    assert!(printed.contains("Compression: NONE"), "{printed}");
}
