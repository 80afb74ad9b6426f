//! What can be asked: requests, connections, handshakes, the health protocol of gRPC.

use testkit::origin::{answering, ok};
use testkit::{Authority, External, Origin};

use crate::scene::{
    Patient, QUICK, before, expect_down_because, expect_down_somehow, expect_up, send,
};

#[test]
fn a_body_must_contain_the_text() {
    let (well, sick) = (Origin::simple(ok("all is well")), Origin::simple(ok("all is lost")));
    let check = format!("health-check \"/healthz\" body=\"is well\" {QUICK}");
    let weir = before(&[&well, &sick], &check).start();
    expect_down_because(&weir, &sick.server(), "the body does not contain \"is well\"");
    expect_up(&weir, &well.server(), true);
    send(&weir, 10);
    assert!(sick.requests().iter().all(|request| request.target() == "/healthz"));
}

#[test]
fn another_port_may_be_asked() {
    let served = Patient::new(200);
    let asked = Patient::new(503);
    let port = asked.origin.addr().port();
    let check = format!("health-check \"/healthz\" port={port} {QUICK}");
    let weir = before(&[&served.origin], &check).start();
    expect_down_because(&weir, &served.origin.server(), "HTTP status 503");
    assert_eq!(served.probes(), 0);
    asked.becomes(200);
    expect_up(&weir, &served.origin.server(), true);
}

#[test]
fn unix_sockets_are_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let origin = Origin::unix(&dir.path().join("app.sock"), answering(|_| ok("x")));
    let check = format!("health-check \"/healthz\" initial=\"down\" {QUICK}");
    let weir = before(&[&origin], &check).start();
    expect_up(&weir, &origin.server(), true);
    assert_eq!(origin.requests()[0].field("host"), Some("localhost"));
}

#[test]
fn requests_go_through_tls_where_the_upstream_does() {
    let authority = Authority::new();
    let origin = Origin::secured(authority.leaf(&["origin.test"]), answering(|_| ok("x")));
    let check = format!("health-check \"/healthz\" initial=\"down\" {QUICK}");
    let weir = before(&[&origin], &check)
        .upstream("tls server-name=\"origin.test\" ca=\"root.pem\"")
        .file("root.pem", &authority.pem())
        .start();
    expect_up(&weir, &origin.server(), true);
    send(&weir, 1);
}

#[test]
fn a_handshake_must_succeed_with_the_settings_of_the_upstream() {
    let authority = Authority::new();
    let serve = |leaf| Origin::secured(leaf, answering(|_| ok("x")));
    let well = serve(authority.leaf(&["origin.test"]));
    let ended = serve(authority.dated_leaf(&["origin.test"], -9..-1));
    let plain = Origin::simple(ok("x"));
    let check = format!("health-check kind=\"tls\" initial=\"probe\" {QUICK}");
    let weir = before(&[&well, &ended, &plain], &check)
        .upstream("tls server-name=\"origin.test\" ca=\"root.pem\"")
        .file("root.pem", &authority.pem())
        .start();
    expect_up(&weir, &well.server(), true);
    expect_up(&weir, &ended.server(), false);
    expect_up(&weir, &plain.server(), false);
    expect_down_somehow(
        &weir,
        &ended.server(),
        "TLS: invalid peer certificate: certificate expired",
    );
    expect_down_somehow(&weir, &plain.server(), "");
    send(&weir, 10);
}

#[test]
fn servers_of_http2_are_asked_in_http2() {
    let asked = External::script("h2_health.py", &["200"]);
    let check = format!("health-check \"/healthz\" body=\"well\" initial=\"down\" {QUICK}");
    let weir = testkit::Setup::new()
        .server(&asked.server())
        .upstream("protocol \"h2\"")
        .upstream(&check)
        .start();
    expect_up(&weir, &asked.server(), true);
    let sick = External::script("h2_health.py", &["500"]);
    let weir = testkit::Setup::new()
        .server(&sick.server())
        .upstream("protocol \"h2\"")
        .upstream(&check)
        .start();
    expect_down_because(&weir, &sick.server(), "HTTP status 500");
}

/// A gRPC server with the health protocol; its status is what the file says.
struct Grpc {
    server: External,
    said: std::path::PathBuf,
    _dir: tempfile::TempDir,
}

impl Grpc {
    fn new(status: &str, pem: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let said = dir.path().join("status");
        std::fs::write(&said, status).expect("write");
        let both = dir.path().join("both.pem");
        std::fs::write(&both, pem).expect("write");
        let mut args = vec![said.display().to_string()];
        if !pem.is_empty() {
            args.push(both.display().to_string());
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Self { server: External::script("health_of_grpc.py", &args), said, _dir: dir }
    }

    fn says(&self, status: &str) {
        // In one step: the server may be reading.
        let next = self.said.with_extension("next");
        std::fs::write(&next, status).expect("write");
        std::fs::rename(next, &self.said).expect("rename");
    }
}

#[test]
fn the_health_protocol_of_grpc_is_spoken() {
    let grpc = Grpc::new("SERVING", "");
    let server = grpc.server.server();
    let check = format!("health-check kind=\"grpc\" service=\"app.Api\" initial=\"down\" {QUICK}");
    let weir =
        testkit::Setup::new().server(&server).upstream("protocol \"h2\"").upstream(&check).start();
    expect_up(&weir, &server, true);
    grpc.says("NOT_SERVING");
    expect_up(&weir, &server, false);
    expect_down_because(&weir, &server, "gRPC says NOT_SERVING");
    grpc.says("SERVING");
    expect_up(&weir, &server, true);
    let seen = grpc.server.stderr();
    assert!(seen.iter().any(|line| line == "asked about app.Api"), "{seen:?}");
}

#[test]
fn grpc_over_tls_and_services_that_are_unknown() {
    let authority = Authority::new();
    let leaf = authority.leaf(&["localhost", "127.0.0.1"]);
    let grpc = Grpc::new("SERVING", &leaf.both());
    let server = grpc.server.server();
    let setup = |check: &str| {
        testkit::Setup::new()
            .server(&server)
            .upstream("protocol \"auto\"\ntls ca=\"ca.pem\"")
            .upstream(check)
            .file("ca.pem", &authority.pem())
    };
    let check = format!("health-check kind=\"grpc\" initial=\"down\" {QUICK}");
    expect_up(&setup(&check).start(), &server, true);
    let check = format!("health-check kind=\"grpc\" service=\"no.Such\" {QUICK}");
    let weir = setup(&check).start();
    expect_down_because(&weir, &server, "gRPC status 5 (NOT_FOUND, the service is unknown)");
}

#[test]
fn a_grpc_server_without_the_health_protocol_says_so() {
    let origin = External::script("grpc_server.py", &["one"]);
    let check = format!("health-check kind=\"grpc\" {QUICK}");
    let weir = testkit::Setup::new()
        .server(&origin.server())
        .upstream("protocol \"h2\"")
        .upstream(&check)
        .start();
    let why = "gRPC status 12 (UNIMPLEMENTED, there is no health protocol)";
    expect_down_because(&weir, &origin.server(), why);
}
