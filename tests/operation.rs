//! What those see who run Weir: sockets of all kinds, readiness, the small commands.

use std::os::unix::net::{UnixDatagram, UnixStream};
use std::time::Duration;

use dialogue::get;
use rustix::process::Signal;
use testkit::origin::ok;
use testkit::sock::Sock;
use testkit::weir::run_to_end;
use testkit::{Client, Gate, Origin, PATIENCE, Setup, Weir};

#[test]
fn it_listens_on_unix_sockets_and_on_ipv6() {
    let six = testkit::port::free_addr().port();
    let origin = Origin::echo();
    let global = format!("listen \"unix:$DIR/weir.sock\"\nlisten \"[::1]:{six}\"");
    let weir = Setup::new().global(&global).to(&origin).start();
    let stream = UnixStream::connect(weir.dir().join("weir.sock")).expect("a Unix socket");
    let seen = Client::over(Sock::Unix(stream)).get("/unix").echoed();
    assert_eq!(seen.target(), "/unix");
    let addr = std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, six));
    let seen = Client::connect(addr).get("/six").echoed();
    assert_eq!((seen.target(), seen.field("x-forwarded-for")), ("/six", Some("::1")));
    let forwarded = seen.field("forwarded").expect("Forwarded");
    assert!(forwarded.contains("for=\"[::1]\""), "{forwarded}");
}

#[test]
fn a_unix_socket_left_behind_does_not_hinder_a_start() {
    let text = "listen \"$LISTEN\"\nadmin \"$ADMIN\"\nlisten \"unix:$DIR/w.sock\"\n\
                site { route \"/*\" { respond 200 body=\"up\"; }; }\n";
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("w.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    assert!(socket.exists(), "left behind");
    let text = text.replace("$DIR", &dir.path().display().to_string());
    let _weir = Setup::whole(&text).start();
    let until = std::time::Instant::now() + PATIENCE;
    let stream = loop {
        if let Ok(stream) = UnixStream::connect(&socket) {
            break stream;
        }
        assert!(std::time::Instant::now() < until, "nobody listens");
    };
    assert_eq!(Client::over(Sock::Unix(stream)).get("/").text(), "up");
}

#[test]
fn systemd_is_told_of_start_and_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let hear = |word: &str| {
        let mut buffer = [0; 4096];
        for _ in 0..20 {
            let count = socket.recv(&mut buffer).unwrap_or_else(|e| panic!("no {word}: {e}"));
            if String::from_utf8_lossy(&buffer[..count]).lines().any(|line| line == word) {
                return;
            }
        }
        panic!("no {word}");
    };
    let mut weir = Setup::new().env("NOTIFY_SOCKET", &path.display().to_string()).start();
    hear("READY=1");
    weir.signal(Signal::TERM);
    hear("STOPPING=1");
    assert!(weir.wait_exit().success());
}

/// The status of `/healthz` on the admin listener.
fn health(weir: &Weir) -> u16 {
    Client::connect(weir.admin_addr()).get("/healthz").status
}

#[test]
fn health_is_bad_while_draining() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        c.request();
        waiting.pass();
        c.send(ok("late"));
    });
    let mut weir = Weir::before(&origin);
    assert_eq!(health(&weir), 200);
    let mut client = weir.client();
    client.send(get("/"));
    origin.seen().wait_requests(1);
    weir.signal(Signal::TERM);
    let until = std::time::Instant::now() + PATIENCE;
    while health(&weir) != 503 {
        assert!(std::time::Instant::now() < until, "healthy while it drains");
    }
    gate.open();
    assert_eq!(client.response().text(), "late");
    assert!(weir.wait_exit().success());
}

#[test]
fn draining_has_a_deadline() {
    let origin = Origin::script(|c| {
        c.request();
        c.drain();
    });
    let timeouts = "timeouts { shutdown \"300ms\"; }";
    let mut weir = Setup::new().global(timeouts).to(&origin).start();
    let mut client = weir.client();
    client.send(get("/never"));
    origin.seen().wait_requests(1);
    weir.signal(Signal::TERM);
    let _any_code = weir.wait_exit();
    client.expect_closed();
}

#[test]
fn what_it_says_at_the_start_names_the_places() {
    let weir = Setup::new().start();
    let until = std::time::Instant::now() + PATIENCE;
    while !weir.stderr().join("\n").contains(&weir.addr().to_string()) {
        assert!(std::time::Instant::now() < until, "{:?}", weir.stderr());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_schema_is_json_and_describes_the_nodes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (code, out, err) = run_to_end(&["schema"], dir.path());
    assert_eq!(code, Some(0), "{err}");
    let schema: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(schema["$schema"].as_str().is_some_and(|s| s.contains("json-schema.org")));
    for word in ["listen", "upstream", "trusted-proxies", "error-page"] {
        assert!(out.contains(&format!("\"{word}\"")), "{word}");
    }
}

#[test]
fn fmt_changes_the_looks_and_not_the_meaning() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("w.kdl");
    let text = "listen   \":8081\"\n// kept\nsite {\n route \"/*\"   { respond 200; }\n}\n";
    std::fs::write(&file, text).expect("a file");
    let format = || {
        let (code, out, err) = run_to_end(&["fmt", "w.kdl"], dir.path());
        assert_eq!(code, Some(0), "{out}{err}");
        std::fs::read_to_string(&file).expect("the file")
    };
    let once = format();
    assert_ne!(once, text);
    assert!(once.contains("// kept") && once.contains("listen \":8081\""), "{once}");
    assert_eq!(format(), once, "formatting twice changes nothing more");
    assert_eq!(run_to_end(&["fmt", "--check", "w.kdl"], dir.path()).0, Some(0));
    assert_eq!(run_to_end(&["check", "-c", "w.kdl"], dir.path()).0, Some(0));
}

#[test]
fn completions_know_the_commands() {
    let dir = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, err) = run_to_end(&["completions", shell], dir.path());
        assert_eq!(code, Some(0), "{err}");
        assert!(out.contains("proxy") && out.contains("check"), "{shell}");
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    use std::os::unix::fs::OpenOptionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = dir.path().join("log");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a named pipe");
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let _reader_that_never_reads = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(&fifo)
        .expect("the reading end");
    let global = format!("access-log \"{}\" format=\"json\"", fifo.display());
    let weir = Setup::new().global(&global).start();
    let mut client = weir.client();
    let long = get(&format!("/{}", "l".repeat(4000)));
    let until = std::time::Instant::now() + PATIENCE;
    let dropped =
        |weir: &Weir| weir.metrics().sum("weir_access_log_lines_total", &["outcome=\"dropped\""]);
    while dropped(&weir) < 1.0 {
        assert!(std::time::Instant::now() < until, "nothing was ever dropped");
        for _ in 0..500 {
            assert_eq!(client.exchange(&long).status, 200);
        }
    }
}
