//! The PROXY protocol with those who made it, and with nginx, in front and behind.

use std::net::SocketAddr;
use std::process::Command;

use testkit::external::tool;
use testkit::{Client, External, Origin, Setup, Weir};

use crate::scene::{Says, Tcp, parrot};

/// HAProxy with this `frontend` and `backend`; `$ADDR` is where it listens.
fn haproxy(mode: &str, frontend: &str, backend: &str) -> External {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = testkit::port::free_addr();
    let text = format!(
        "global\n  maxconn 500\ndefaults\n  mode {mode}\n  timeout connect 5s\n  \
         timeout client 30s\n  timeout server 30s\nfrontend f\n  {frontend}\n  \
         default_backend b\nbackend b\n  {backend}\n"
    );
    let file = dir.path().join("haproxy.cfg");
    std::fs::write(&file, text.replace("$ADDR", &addr.to_string())).expect("a file");
    let mut command = Command::new(tool("haproxy"));
    command.args(["-db", "-q", "-f"]).arg(file);
    External::listening(command, dir, addr)
}

/// nginx as a proxy of raw connections, which tells this server who the client is.
fn nginx_stream(server: SocketAddr) -> External {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = testkit::port::free_addr();
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
         daemon off; pid nginx.pid; error_log stderr; worker_processes 1; events {{}}\n\
         stream {{ server {{ listen {addr}; proxy_pass {server}; proxy_protocol on; }} }}\n"
    );
    let file = dir.path().join("nginx.conf");
    std::fs::write(&file, text).expect("a file");
    let mut command = Command::new(tool("nginx"));
    command.arg("-p").arg(dir.path()).args(["-e", "stderr", "-c"]).arg(file);
    External::listening(command, dir, addr)
}

/// Connects from an address that tells it from others on this machine.
fn client(addr: SocketAddr) -> Client {
    Client::connect_from("127.0.0.77:0".parse().expect("an address"), addr)
}

fn asks(addr: SocketAddr) -> String {
    client(addr).get("/").text()
}

const FROM: &str = "proxy-protocol from=\"127.0.0.1\"";

#[test]
fn haproxy_in_front() {
    let origin = Origin::echo();
    let weir = Setup::new().listener(FROM).to(&origin).start();
    for how in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        "send-proxy-v2 check check-send-proxy inter 100ms",
    ] {
        let front = haproxy("tcp", "bind $ADDR", &format!("server s {} {how}", weir.addr()));
        let text = asks(front.addr());
        assert!(text.to_lowercase().contains("x-forwarded-for: 127.0.0.77"), "{how}: {text}");
    }
}

#[test]
fn haproxy_in_front_of_an_encrypted_listener() {
    let authority = testkit::Authority::new();
    let leaf = authority.leaf(&["a.test"]);
    let tls = "tls { certificate \"leaf.pem\" key=\"leaf.key\"; }";
    let origin = Origin::echo();
    let setup = Setup::new().listener(FROM).listener(tls).to(&origin);
    let weir = setup.file("leaf.pem", &leaf.pem).file("leaf.key", &leaf.key).start();
    let to = format!("server s {} send-proxy-v2 ssl verify none", weir.addr());
    let front = haproxy("http", "bind $ADDR", &to);
    assert_eq!(client(front.addr()).get("/").status, 200);
    assert_eq!(weir.wait_log(1)[0].text("client"), "127.0.0.77");
}

#[test]
fn nginx_in_front() {
    let origin = Origin::echo();
    let weir = Setup::new().listener(FROM).to(&origin).start();
    let front = nginx_stream(weir.addr());
    let text = asks(front.addr());
    assert!(text.to_lowercase().contains("x-forwarded-for: 127.0.0.77"), "{text}");
}

fn telling(version: &str, server: &str) -> Weir {
    let tell = format!("proxy-protocol \"{version}\"");
    Setup::new().server(server).upstream(&tell).start()
}

#[test]
fn haproxy_behind() {
    let frontend = "bind $ADDR accept-proxy\n  http-request return status 200 \
                    content-type text/plain lf-string \"%[src] %[dst_port]\"";
    let behind = haproxy("http", frontend, "server s 127.0.0.1:1");
    for version in ["v1", "v2"] {
        let weir = telling(version, &behind.server());
        let expected = format!("127.0.0.77 {}", weir.addr().port());
        assert_eq!(asks(weir.addr()), expected, "{version}");
        let tell = format!("proxy-protocol \"{version}\"");
        let raw = Tcp::default().server(&behind.server()).upstream(&tell).start();
        let expected = format!("127.0.0.77 {}", raw.addr().port());
        assert_eq!(asks(raw.addr()), expected, "{version}");
    }
}

#[test]
fn nginx_behind() {
    let addr = testkit::port::free_addr();
    let server = format!(
        "listen {addr} proxy_protocol;
         location / {{ return 200 \"$proxy_protocol_addr $proxy_protocol_server_port\"; }}"
    );
    let mut behind = External::nginx(&server);
    behind.move_to(addr);
    for version in ["v1", "v2"] {
        let weir = telling(version, &behind.server());
        let expected = format!("127.0.0.77 {}", weir.addr().port());
        assert_eq!(asks(weir.addr()), expected, "{version}");
    }
}

#[test]
fn haproxy_checks_a_raw_listener() {
    let origin = parrot();
    let weir = Tcp::before(&origin).listener(FROM).start();
    let to = format!("server s {} send-proxy-v2 check inter 50ms", weir.addr());
    let front = haproxy("tcp", "bind $ADDR", &to);
    client(front.addr()).says("x", "x");
    // A check says LOCAL, or nothing: neither makes the server look ill.
    weir.wait_metrics(|m| m.sum("weir_connections_accepted_total", &[]) >= 3.0);
    client(front.addr()).says("y", "y");
}
