//! Starting, draining, stopping: signals, exit codes, log files.

use dialogue::get;
use rustix::process::Signal;
use testkit::origin::ok;
use testkit::weir::run_to_end;
use testkit::{Client, Gate, Origin, PATIENCE, Setup, Weir};

/// An origin that answers when the gate opens.
fn waiting_origin() -> (Origin, Gate) {
    let gate = Gate::default();
    let waiting = gate.clone();
    let origin = Origin::script(move |c| {
        while c.next_request().is_some() {
            waiting.pass();
            c.send(ok("finished"));
        }
    });
    (origin, gate)
}

/// Waits until nobody listens at the client address any more.
fn wait_refused(weir: &Weir) {
    let until = std::time::Instant::now() + PATIENCE;
    while testkit::port::is_listening(weir.addr().port()) {
        assert!(std::time::Instant::now() < until, "still accepting");
        std::thread::yield_now();
    }
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_accepts_nothing_new() {
    let (origin, gate) = waiting_origin();
    let mut weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/in-flight"));
    origin.seen().wait_requests(1);
    weir.signal(Signal::TERM);
    wait_refused(&weir);
    gate.open();
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "finished"));
    assert_eq!(response.field("connection"), Some("close"));
    client.expect_closed();
    assert_eq!(weir.wait_exit().code(), Some(0));
    assert_eq!(weir.log().len(), 1, "the log is written to its end");
}

#[test]
fn sigterm_closes_idle_connections_at_once() {
    let origin = Origin::simple(ok("x"));
    let mut weir = Weir::before(&origin);
    let mut client = weir.client();
    client.expect_alive("/");
    weir.signal(Signal::TERM);
    client.expect_closed();
    assert_eq!(weir.wait_exit().code(), Some(0));
}

#[test]
fn sigterm_lets_an_upload_and_a_download_finish() {
    let origin = Origin::echo();
    let mut weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nhal");
    origin.seen().wait_connections(1);
    weir.signal(Signal::TERM);
    wait_refused(&weir);
    client.send("ves");
    assert_eq!(client.response().echoed().text(), "halves");
    assert_eq!(weir.wait_exit().code(), Some(0));
}

#[test]
fn one_sigint_drains_like_sigterm() {
    let (origin, gate) = waiting_origin();
    let mut weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    origin.seen().wait_requests(1);
    weir.signal(Signal::INT);
    wait_refused(&weir);
    gate.open();
    assert_eq!(client.response().text(), "finished");
    assert_eq!(weir.wait_exit().code(), Some(0));
}

#[test]
fn two_sigints_end_it_at_once() {
    let (origin, _gate) = waiting_origin();
    let mut weir = Weir::before(&origin);
    let mut client = weir.client();
    client.send(get("/"));
    origin.seen().wait_requests(1);
    weir.signal(Signal::INT);
    wait_refused(&weir);
    assert!(weir.is_running(), "one request is still due");
    weir.signal(Signal::INT);
    let _any_code = weir.wait_exit();
    client.expect_closed();
}

#[test]
fn sigusr1_opens_the_log_file_again() {
    let origin = Origin::simple(ok("x"));
    let global = "access-log \"$DIR/access.log\" format=\"json\"";
    let weir = Setup::new().global(global).to(&origin).start();
    let (log, old) = (weir.dir().join("access.log"), weir.dir().join("access.log.1"));
    let has = |path: &std::path::Path, what: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(what))
    };
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let until = std::time::Instant::now() + PATIENCE;
        while !done() {
            assert!(std::time::Instant::now() < until, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    assert_eq!(weir.get("/before").status, 200);
    wait("the first line", &|| has(&log, "/before"));
    std::fs::rename(&log, &old).expect("rotate");
    weir.signal(Signal::USR1);
    wait("the new file", &|| log.exists());
    assert_eq!(weir.get("/after").status, 200);
    wait("the second line", &|| has(&log, "/after"));
    assert!(has(&old, "/before") && !has(&old, "/after"));
}

#[test]
fn formats_of_the_access_log() {
    let origin = Origin::simple(ok("hello"));
    for (format, wanted) in [
        ("combined", "\"GET /x?y HTTP/1.1\" 200 5 \"-\" \"-\""),
        ("{method} {path} {status}", "GET /x 200"),
    ] {
        let global = format!("access-log \"stdout\" format=\"{format}\"");
        let mut weir = Setup::new().global(&global).to(&origin).start();
        assert_eq!(weir.get("/x?y").status, 200);
        weir.signal(Signal::TERM);
        assert!(weir.wait_exit().success());
        // Its end closes the pipe; the reader of the lines may need a moment more.
        let until = std::time::Instant::now() + PATIENCE;
        while !weir.stdout().iter().any(|line| line.ends_with(wanted)) {
            assert!(std::time::Instant::now() < until, "{format}: {:?}", weir.stdout());
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_log_line_cannot_be_forged() {
    let origin = Origin::simple(ok("x"));
    let weir = Weir::before(&origin);
    let ask = "GET /\"}%0a{\"status\":200} HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"}\t\\\r\n\r\n";
    let _any_status = weir.client().exchange(ask);
    assert_eq!(weir.wait_log(1).len(), 1);
}

#[test]
fn exit_codes_of_the_command_line() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(
        dir.path().join("good.kdl"),
        "listen \":8081\"\nsite { route \"/*\" { respond 200; }; }\n",
    )
    .expect("a file");
    std::fs::write(dir.path().join("bad.kdl"), "listen \":8081\"\nlisten-too \":1\"\n")
        .expect("a file");
    for (args, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["check", "-c", "good.kdl"], 0),
        (&["check", "-c", "bad.kdl"], 2),
        (&["run", "-c", "bad.kdl"], 2),
        (&["no-such-command"], 2),
        (&["run"], 2),
    ] {
        let (got, out, err) = run_to_end(args, dir.path());
        assert_eq!(got, Some(code), "{args:?}: {out}{err}");
    }
}

#[test]
fn a_missing_file_and_a_taken_port_are_failures() {
    let dir = tempfile::tempdir().expect("a directory");
    let (code, _, err) = run_to_end(&["run", "-c", "missing.kdl"], dir.path());
    assert!(matches!(code, Some(1 | 2)) && err.contains("missing.kdl"), "{code:?} {err}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let addr = taken.local_addr().expect("bound").to_string();
    let text = format!("listen \"{addr}\"\nsite {{ route \"/*\" {{ respond 200; }}; }}\n");
    std::fs::write(dir.path().join("taken.kdl"), text).expect("a file");
    let (code, _, err) = run_to_end(&["run", "-c", "taken.kdl"], dir.path());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&addr), "{err}");
}

#[test]
fn errors_of_a_configuration_say_where() {
    let dir = tempfile::tempdir().expect("a directory");
    let text =
        "listen \":8081\"\nupstrem \"x\" { server \"127.0.0.1:1\"; }\nsite { rout \"/\"; }\n";
    std::fs::write(dir.path().join("w.kdl"), text).expect("a file");
    let (code, out, err) = run_to_end(&["check", "-c", "w.kdl"], dir.path());
    let all = out + &err;
    assert_eq!(code, Some(2));
    for part in ["w.kdl:2:1", "upstream", "w.kdl:3:8", "route", "^"] {
        assert!(all.contains(part), "{part} is missing: {all}");
    }
}

#[test]
fn what_is_not_built_yet_is_refused_and_never_ignored() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, nodes) in [
        ("acme", "listen \":443\" { tls { automatic { email \"a@b.test\"; }; }; }"),
        ("route", "site { route \"/*\" { rate-limit \"1/s\"; respond 200; }; }"),
        ("h3", "listen \":443\" { protocols \"h3\"; }"),
    ] {
        let text = format!("listen \":8081\"\n{nodes}\n");
        std::fs::write(dir.path().join("w.kdl"), text).expect("a file");
        let (code, out, err) = run_to_end(&["check", "-c", "w.kdl"], dir.path());
        assert_eq!(code, Some(2), "{name}");
        assert!((out + &err).contains("not supported yet"), "{name}");
    }
}

#[test]
fn settings_from_the_environment_and_from_included_files() {
    let weir = Setup::whole("listen \"$LISTEN\"\nadmin \"$ADMIN\"\ninclude \"sites/*.kdl\"\n")
        .file(
            "sites/a.kdl",
            "site { route \"/*\" { respond 200 body=\"{env.WEIR_TEST_WORD}\"; }; }\n",
        )
        .env("WEIR_TEST_WORD", "from outside")
        .start();
    assert_eq!(weir.get("/").text(), "from outside");
}

#[test]
fn demo_serves_from_an_empty_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = std::process::Command::new(testkit::weir::binary())
        .arg("demo")
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::inherit())
        .spawn()
        .expect("start weir demo");
    let out = child.stdout.take().expect("piped");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(out)).map_while(Result::ok);
    let address = lines.take(100).find_map(|line| {
        let (_, rest) = line.split_once("http://")?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".:".contains(c)));
        rest[..end.unwrap_or(rest.len())].replace("localhost", "127.0.0.1").parse().ok()
    });
    let response = address.map(|address| Client::connect(address).get("/"));
    child.kill().expect("stop weir demo");
    child.wait().expect("reap weir demo");
    assert_eq!(response.expect("an address to try").status, 200);
}
