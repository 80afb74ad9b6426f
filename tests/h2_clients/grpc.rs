//! gRPC clients and servers of the PyPI package `grpcio`, with Weir between them.

use testkit::external::{python_script, run};
use testkit::{Authority, External, Setup, Weir};

fn server(name: &str) -> External {
    External::script("grpc_server.py", &[name])
}

fn before(servers: &[&External]) -> Weir {
    let setup = Setup::new().upstream("protocol \"h2\"\nbalance \"round-robin\"");
    servers.iter().fold(setup, |setup, server| setup.server(&server.server())).start()
}

/// Lets the client do something, and returns what it said.
fn call(target: &str, what: &[&str]) -> String {
    let mut client = python_script("grpc_client.py");
    let (code, out, err) = run(client.arg(target).args(what));
    assert_eq!(code, Some(0), "{what:?}: {err}");
    String::from_utf8(out).expect("text").trim().to_owned()
}

#[test]
fn all_kinds_of_call_and_their_metadata() {
    let origin = server("one");
    let weir = before(&[&origin]);
    call(&weir.addr().to_string(), &["all_kinds"]);
    let log = weir.wait_log(4);
    assert!(log.iter().all(|line| line.status() == 200), "{log:?}");
}

#[test]
fn statuses_of_the_server_and_large_messages() {
    let origin = server("one");
    let weir = before(&[&origin]);
    let target = weir.addr().to_string();
    call(&target, &["errors"]);
    call(&target, &["large"]);
}

#[test]
fn a_thousand_calls_on_one_connection_are_balanced_one_by_one() {
    let (one, two) = (server("one"), server("two"));
    let weir = before(&[&one, &two]);
    assert_eq!(call(&weir.addr().to_string(), &["many"]), "one two");
    let log = weir.wait_log(1000);
    for origin in [&one, &two] {
        let took = log.iter().filter(|line| line.text("server") == origin.server()).count();
        assert!((450..=550).contains(&took), "{took} of 1000");
    }
    weir.wait_metrics(|m| m.sum("weir_http2_connections_total", &[]) == 1.0);
}

#[test]
fn a_deadline_ends_the_call_for_all_three() {
    let origin = server("one");
    let weir = before(&[&origin]);
    call(&weir.addr().to_string(), &["deadline"]);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
}

#[test]
fn the_server_hears_of_a_cancelled_call() {
    let origin = server("one");
    let weir = before(&[&origin]);
    call(&weir.addr().to_string(), &["cancel"]);
    let heard = || origin.stderr().iter().any(|line| line == "cancelled");
    weir.wait_metrics(|_| heard());
}

#[test]
fn our_own_errors_are_statuses() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new().server(&nobody).upstream("protocol \"h2\"").start();
    let said = call(&weir.addr().to_string(), &["status"]);
    assert_eq!(said, "14 The origin refused the connection.");
    let elsewhere = "upstream \"x\" { server \"127.0.0.1:1\"; protocol \"h2\"; }\n\
        site { route \"/other/*\" { proxy \"x\"; } }";
    let text = format!("listen \"$LISTEN\"\nadmin \"$ADMIN\"\n{elsewhere}");
    let weir = Setup::whole(&text).start();
    assert_eq!(call(&weir.addr().to_string(), &["status"]), "12 Nothing is served at this path.");
}

#[test]
fn encrypted_on_both_sides() {
    let authority = Authority::new();
    let leaf = authority.leaf(&["localhost", "127.0.0.1"]);
    let files = tempfile::tempdir().expect("a directory");
    let (ca, both) = (files.path().join("ca.pem"), files.path().join("both.pem"));
    std::fs::write(&ca, authority.pem()).expect("write");
    std::fs::write(&both, leaf.both()).expect("write");
    let both = both.display().to_string();
    let origin = External::script("grpc_server.py", &["one", &both]);
    let weir = Setup::new()
        .server(&origin.server())
        .file("both.pem", &leaf.both())
        .file("ca.pem", &authority.pem())
        .listener("tls { certificate \"both.pem\"; }")
        .upstream("protocol \"auto\"\ntls ca=\"ca.pem\"")
        .start();
    let target = format!("localhost:{}", weir.addr().port());
    call(&target, &["all_kinds", &ca.display().to_string()]);
}
