//! Servers that die, hang and come back under constant load.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use testkit::external::{run, tool};
use testkit::{Origin, Setup, Weir};

/// A server in a process of its own, so that it can be killed: another Weir that answers itself.
fn server(addr: SocketAddr) -> Weir {
    let text = format!(
        "workers 1\nlisten \"$LISTEN\"\nlisten \"{addr}\"\nadmin \"$ADMIN\"\n\
         site {{ route \"/*\" {{ respond 200 body=\"alive\"; }}; }}\n"
    );
    let server = Setup::whole(&text).start();
    while !testkit::port::is_listening(addr.port()) {
        thread::sleep(Duration::from_millis(2));
    }
    server
}

fn places() -> [SocketAddr; 3] {
    [(); 3].map(|()| testkit::port::free_addr())
}

fn before(places: &[SocketAddr], upstream: &str) -> Weir {
    let setup = Setup::new().upstream(upstream).global("access-log \"/dev/null\"");
    places.iter().fold(setup, |setup, place| setup.server(&place.to_string())).start()
}

/// Runs wrk while `trouble` happens. Returns what it says.
fn under_load(weir: &Weir, trouble: impl FnOnce()) -> String {
    let mut command = Command::new(tool("wrk"));
    command.args(["-t1", "-c16", "-d4s", "--timeout", "10s", &weir.url("/")]);
    let load = thread::spawn(move || run(&mut command));
    thread::sleep(Duration::from_millis(400));
    trouble();
    let (code, out, err) = load.join().expect("wrk");
    assert_eq!(code, Some(0), "{err}");
    String::from_utf8(out).expect("text")
}

fn expect_no_failure(weir: &Weir, told: &str) {
    assert!(!told.contains("Non-2xx") && !told.contains("Socket errors"), "{told}");
    weir.wait_metrics(|m| m.sum("weir_responses_total", &["status=\"200\""]) > 100.0);
    assert_eq!(weir.metrics().sum("weir_responses_total", &["status=\"5"]), 0.0);
}

#[test]
fn one_server_killed_at_a_time_costs_no_idempotent_request() {
    let places = places();
    let mut servers = places.map(server);
    let weir = before(&places, "");
    let told = under_load(&weir, || {
        for at in 0..3 {
            servers[at].signal(Signal::KILL);
            servers[at].wait_exit();
            thread::sleep(Duration::from_millis(300));
            servers[at] = server(places[at]);
            thread::sleep(Duration::from_millis(300));
        }
    });
    expect_no_failure(&weir, &told);
}

#[test]
fn with_two_of_three_dead_all_is_still_served() {
    let places = places();
    let mut servers = places.map(server);
    let weir = before(&places, "");
    let told = under_load(&weir, || {
        for server in &mut servers[..2] {
            server.signal(Signal::KILL);
            server.wait_exit();
        }
    });
    expect_no_failure(&weir, &told);
}

#[test]
fn a_server_that_hangs_costs_time_and_no_request() {
    let places = places();
    let servers = places.map(server);
    let retry = "retry on=\"connect\" \"reset\" \"timeout\" per-try=\"500ms\"\n\
                 eject consecutive-errors=2 base=\"2s\"";
    let weir = before(&places, retry);
    let told = under_load(&weir, || {
        servers[0].signal(Signal::STOP);
        thread::sleep(Duration::from_millis(1500));
        servers[0].signal(Signal::CONT);
    });
    expect_no_failure(&weir, &told);
}

#[test]
fn a_server_that_resets_every_connection_is_left_out() {
    let resetting = Origin::script(|turn| turn.sock().linger_zero());
    let places = places();
    let _servers = [server(places[0]), server(places[1])];
    let setup = Setup::new().to(&resetting).global("access-log \"/dev/null\"");
    let setup = setup.upstream("eject consecutive-errors=2 base=\"20s\"");
    let setup = places[..2].iter().fold(setup, |setup, place| setup.server(&place.to_string()));
    let weir = setup.start();
    let told = under_load(&weir, || {});
    expect_no_failure(&weir, &told);
    let asked = resetting.seen().connections().len();
    assert!(asked < 100, "{asked} connections");
}

/// A POST may be lost with the server that has it, and is never sent twice.
#[test]
fn posts_that_are_lost_are_those_on_the_dead_server() {
    let places = places();
    let mut servers = places.map(server);
    let weir = before(&places, "");
    let (failed, sent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = weir.client();
                while !over.load(Ordering::Relaxed) {
                    let status = client.exchange(dialogue::post("/", "body")).status;
                    sent.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(usize::from(status != 200), Ordering::Relaxed);
                }
            });
        }
        thread::sleep(Duration::from_millis(300));
        servers[1].signal(Signal::KILL);
        servers[1].wait_exit();
        thread::sleep(Duration::from_millis(500));
        over.store(true, Ordering::Relaxed);
    });
    let (failed, sent) = (failed.into_inner(), sent.into_inner());
    assert!(failed <= 8, "{failed} of {sent} failed, eight were under way");
    assert!(sent > 100);
    // What the others got, and what the clients got answers for: nothing twice.
    let served: f64 = [&servers[0], &servers[2]]
        .iter()
        .map(|server| server.metrics().sum("weir_responses_total", &["status=\"200\""]))
        .sum();
    assert!(served <= (sent - failed) as f64, "{served} served, {sent} sent, {failed} failed");
}
