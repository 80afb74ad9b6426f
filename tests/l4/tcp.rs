//! A TCP listener: what goes through, how it ends, what is said about it.

use rustix::process::Signal;
use testkit::message::Broken;
use testkit::pattern::Pattern;
use testkit::{Gate, Origin};

use crate::scene::{Says, Tcp, parrot, wait};

#[test]
fn bytes_go_both_ways_and_are_counted_and_logged() {
    let origin = parrot();
    let weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    client.says("no HTTP at all\0\n", "no HTTP at all\0\n");
    weir.wait_metrics(|m| m.sum("weir_tunnels_open", &[]) == 1.0);
    drop(client);
    let line = weir.wait_log(1).remove(0);
    let word = |name: &str| line.text(name);
    assert_eq!((word("protocol"), word("status")), ("TCP".into(), "200".into()), "{line:?}");
    assert_eq!((word("bytes_in"), word("bytes_out")), ("16".into(), "16".into()));
    assert_eq!((word("client"), word("upstream")), ("127.0.0.1".into(), "origin".into()));
    assert_eq!((word("server"), word("attempts")), (origin.server(), "1".into()));
    assert_eq!((word("route"), word("reason")), (weir.addr().to_string(), String::new()));
    weir.wait_metrics(|m| m.sum("weir_tunnels_open", &[]) == 0.0);
    let metrics = weir.metrics();
    for (name, value) in [
        ("weir_stream_connections_total", 1.0),
        ("weir_client_received_bytes_total", 16.0),
        ("weir_client_sent_bytes_total", 16.0),
        ("weir_upstream_connect_seconds_count", 1.0),
        ("weir_connections_accepted_total", 1.0),
    ] {
        assert_eq!(metrics.sum(name, &[]), value, "{name}");
    }
    weir.wait_metrics(|m| m.sum("weir_upstream_sent_bytes_total", &[]) == 16.0);
    weir.wait_metrics(|m| m.sum("weir_connections_closed_total", &[]) == 1.0);
}

#[test]
fn a_server_may_speak_first() {
    let origin = Origin::script(|c| {
        c.send("220 ready\r\n");
        assert_eq!(c.read_until(b"\n").expect("a line"), b"QUIT\n");
    });
    let weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    client.expect("220 ready\r\n");
    client.send("QUIT\n");
    client.expect_closed();
}

#[test]
fn an_end_of_one_direction_leaves_the_other_open() {
    let origin = Origin::script(|c| match c.index {
        0 => {
            assert_eq!(c.read_to_end().expect("an orderly end"), b"a question");
            c.send("an answer");
        }
        _ => {
            c.send("all there is");
            c.half_close();
            assert_eq!(c.read_to_end().expect("an orderly end"), b"thanks");
        }
    });
    let weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    client.send("a question").half_close();
    assert_eq!(client.read_to_end().expect("an orderly end"), b"an answer");
    let mut client = weir.client();
    assert_eq!(client.read_to_end().expect("an orderly end"), b"all there is");
    client.send("thanks");
    drop(client);
    origin.seen().wait_idle();
}

#[test]
fn a_cut_is_passed_on_as_one() {
    let (cut, gate) = (Gate::default(), Gate::default());
    let (told, waiting) = (cut.clone(), gate.clone());
    let origin = Origin::script(move |c| match c.index {
        0 => {
            c.send("x");
            assert!(matches!(c.read_to_end(), Err(Broken::Reset(_))));
            told.open();
        }
        _ => {
            c.send("half of i");
            waiting.pass();
            c.sock().linger_zero();
        }
    });
    let weir = Tcp::before(&origin).global("workers 1").start();
    let mut client = weir.client();
    client.expect("x");
    client.reset();
    cut.pass();
    let mut client = weir.client();
    client.expect("half of i");
    gate.open();
    assert!(matches!(client.read_to_end(), Err(Broken::Reset(_))));
    let log = weir.wait_log(2);
    assert_eq!(log[0].text("reason"), "client_gone");
    assert_eq!((log[1].text("reason"), log[1].status()), ("connection_terminated".into(), 502));
}

#[test]
fn what_a_server_said_before_it_left_still_arrives() {
    let origin = Origin::script(|c| {
        let _greeting = c.read_some();
        Pattern::default().write(&mut **c, 300_000).expect("sent");
        // Closed with unread bytes of the client: that is a reset, but behind the answer.
    });
    let weir = Tcp::before(&origin).start();
    for _ in 0..5 {
        let mut client = weir.client();
        client.send("hello");
        Pattern::default().check(&mut *client, 300_000).expect("all of it");
    }
}

#[test]
fn a_connection_that_carries_nothing_is_closed_and_counted() {
    let origin = parrot();
    let weir = Tcp::before(&origin).global("timeouts tcp-idle=\"300ms\"").start();
    let mut client = weir.client();
    client.says("x", "x");
    client.expect_closed();
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["tcp-idle"]) == 1.0);
    assert_eq!(weir.wait_log(1)[0].text("reason"), "tcp_idle_timeout");
    origin.seen().wait_idle();
}

#[test]
fn large_traffic_flows_both_ways_at_once() {
    const TOTAL: u64 = 60_000_000;
    let origin = Origin::script(|c| {
        let mut sink = c.sock().share();
        let writer = std::thread::spawn(move || Pattern::default().write(&mut sink, TOTAL));
        Pattern::default().check(&mut **c, TOTAL).expect("the client's bytes");
        writer.join().expect("a writer").expect("sent");
    });
    let weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    let mut sink = client.sock().share();
    let writer = std::thread::spawn(move || Pattern::default().write(&mut sink, TOTAL));
    Pattern::default().check(&mut *client, TOTAL).expect("the origin's bytes");
    writer.join().expect("a writer").expect("sent");
    drop(client);
    let line = weir.wait_log(1).remove(0);
    assert_eq!((line.number("bytes_in"), line.number("bytes_out")), (6e7, 6e7));
    // Whatever was held to move them is given back: pipes, for one.
    wait("few descriptors", || weir.open_files() < 60);
}

#[test]
fn a_client_that_does_not_read_holds_the_server_back() {
    let (sent, gate) = (Gate::default(), Gate::default());
    let (told, waiting) = (sent.clone(), gate.clone());
    let origin = Origin::script(move |c| {
        told.open();
        Pattern::default().write(&mut **c, 40_000_000).expect("sent");
        waiting.open();
    });
    let weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    sent.pass();
    wait("back-pressure", || weir.rss_bytes() > 0);
    assert!(weir.rss_peak_bytes() < 80 << 20, "{}", weir.rss_peak_bytes());
    Pattern::default().check(&mut *client, 40_000_000).expect("all of it");
    gate.pass();
}

#[test]
fn another_server_is_tried_where_one_cannot_be_reached() {
    let nobody = testkit::port::free_addr().to_string();
    let origin = parrot();
    let weir = Tcp::before(&origin).server(&nobody).global("workers 1").start();
    for _ in 0..4 {
        weir.client().says("x", "x");
    }
    let log = weir.wait_log(4);
    assert!(log.iter().all(|line| line.text("server") == origin.server()), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.text("attempts") == "2").count(), 1, "{log:?}");
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_upstream_retries_total", &[]), 1.0);
    assert_eq!(metrics.sum("weir_upstream_faults_total", &[&nobody]), 1.0);
}

#[test]
fn without_a_server_the_connection_is_reset() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Tcp::default().server(&nobody).start();
    let mut client = weir.client();
    assert!(matches!(client.read_to_end(), Err(Broken::Reset(_))));
    let line = weir.wait_log(1).remove(0);
    assert_eq!((line.text("reason"), line.status()), ("connection_refused".into(), 502));
    weir.wait_metrics(|m| m.sum("weir_faults_total", &["connection_refused"]) == 1.0);
}

#[test]
fn servers_at_unix_sockets() {
    let dir = tempfile::tempdir().expect("a directory");
    let origin = Origin::unix(&dir.path().join("s"), |c| {
        c.send("by a path");
    });
    let weir = Tcp::before(&origin).start();
    assert_eq!(weir.client().everything(), "by a path");
}

#[test]
fn one_too_many_is_reset_and_told_nothing() {
    let origin = parrot();
    let limits = "limits connections-per-client-max=2";
    let weir = Tcp::before(&origin).global(limits).start();
    let open: Vec<_> = (0..2)
        .map(|_| {
            let mut client = weir.client();
            client.says("x", "x");
            client
        })
        .collect();
    // Not a byte: who speaks something else would take it for an answer.
    assert_eq!(weir.client().everything(), "");
    let name = "connections-per-client-max";
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &[name]) == 1.0);
    drop(open);
}

#[test]
fn an_open_connection_is_given_the_time_of_a_shutdown() {
    let origin = parrot();
    let mut weir = Tcp::before(&origin).start();
    let mut client = weir.client();
    client.says("x", "x");
    weir.signal(Signal::TERM);
    wait("no new connections", || !testkit::port::is_listening(weir.addr().port()));
    client.says("still here", "still here");
    drop(client);
    assert_eq!(weir.wait_exit().code(), Some(0));
    assert_eq!(weir.log().len(), 1);
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    let origin = parrot();
    let mut weir = Tcp::before(&origin).global("timeouts shutdown=\"300ms\"").start();
    let mut client = weir.client();
    client.says("x", "x");
    weir.signal(Signal::TERM);
    client.expect_closed();
    assert_eq!(weir.wait_exit().code(), Some(0));
}

#[test]
fn no_other_is_tried_where_retry_says_so() {
    let gone = testkit::port::free_addr().to_string();
    let tcp = Tcp::default().server(&gone).server(&parrot().server());
    for upstream in ["retry attempts=0", "retry on=\"reset\""] {
        let upstream = format!("balance \"first\"\nconnections max=9\n{upstream}");
        let weir = tcp.clone().upstream(&upstream).start();
        assert_eq!(weir.client().everything(), "");
        let line = weir.wait_log(1).remove(0);
        assert_eq!(
            (line.text("reason"), line.number("attempts")),
            ("connection_refused".into(), 1.0)
        );
    }
}
