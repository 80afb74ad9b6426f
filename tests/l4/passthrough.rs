//! TLS that is passed on as it is, by the name that the client asks for.

use std::process::Command;
use std::time::Duration;

use testkit::external::{run, tool};
use testkit::origin::{answering, ok};
use testkit::{Authority, Client, Origin, Setup, TlsClient, Weir};

/// An origin with a certificate of its own for this name, which says its name.
fn origin(authority: &Authority, name: &str) -> Origin {
    let body = name.to_owned();
    Origin::secured(authority.leaf(&[name]), answering(move |_| ok(&body)))
}

fn setup(listen: &str, upstreams: &[(&str, &Origin)]) -> Setup {
    let upstreams: String = upstreams
        .iter()
        .map(|(name, origin)| {
            format!("upstream \"{name}\" {{ server \"{}\"; }}\n", origin.server())
        })
        .collect();
    Setup::whole(&format!(
        "{listen}\nadmin \"$ADMIN\"\naccess-log \"stdout\" format=\"json\"\n{upstreams}"
    ))
}

fn passing(routes: &str) -> String {
    format!("listen \"$LISTEN\" protocol=\"tls-passthrough\" {{\n{routes}\n}}")
}

#[test]
fn names_lead_to_servers_that_keep_their_certificates() {
    let (one, other) = (Authority::new(), Authority::new());
    let (app, db) = (origin(&one, "app.example.com"), origin(&other, "db.test"));
    let routes = "route sni=\"*.example.com\" { proxy \"app\"; }\n\
                  route sni=\"db.test\" { proxy \"db\"; }";
    let weir = setup(&passing(routes), &[("app", &app), ("db", &db)]).start();
    for (authority, name) in [(&one, "app.example.com"), (&other, "db.test")] {
        let mut client = TlsClient::trusting(authority).name(name).connect(weir.addr());
        assert_eq!(client.get("/").text(), name);
        assert_eq!(client.get("/").text(), name);
    }
    let stranger = TlsClient::trusting(&one).name("db.test").shake(weir.addr());
    assert!(stranger.is_err(), "the certificate is the server's own");
    let log = weir.wait_log(3);
    let line = log.iter().find(|line| line.text("host") == "app.example.com").expect("a line");
    assert_eq!((line.text("protocol"), line.text("upstream")), ("TLS".into(), "app".into()));
    assert!(line.number("bytes_in") > 0.0 && line.text("reason").is_empty());
    let (_, told, _) = openssl(&weir, "app.example.com");
    assert!(String::from_utf8_lossy(&told).contains("Verification"), "a handshake");
}

/// What OpenSSL says of a handshake by this name.
fn openssl(weir: &Weir, name: &str) -> (Option<i32>, Vec<u8>, String) {
    let at = weir.addr().to_string();
    let mut command = Command::new(tool("openssl"));
    command.args(["s_client", "-connect", &at, "-servername", name]);
    run(command.stdin(std::process::Stdio::null()))
}

#[test]
fn a_name_that_is_not_here_is_told_so() {
    let authority = Authority::new();
    let app = origin(&authority, "a.test");
    let routes = "route sni=\"a.test\" { proxy \"app\"; }";
    let weir = setup(&passing(routes), &[("app", &app)]).start();
    let refused = TlsClient::trusting(&authority).name("b.test").shake(weir.addr());
    let why = refused.map(|_| ()).expect_err("refused");
    assert!(why.to_lowercase().contains("unrecogni"), "{why}");
    let (_, _, told) = openssl(&weir, "b.test");
    assert!(told.contains("unrecognized name"), "{told}");
    assert_eq!(weir.wait_log(1)[0].text("reason"), "misdirected_host");
    assert!(app.seen().connections().is_empty());
}

#[test]
fn protocols_decide_where_names_do_not() {
    let authority = Authority::new();
    let (plain, special) = (origin(&authority, "a.test"), origin(&authority, "a.test"));
    let routes =
        "route { proxy \"plain\"; }\nroute alpn=\"postgresql\" \"x\" { proxy \"special\"; }";
    let weir = setup(&passing(routes), &[("plain", &plain), ("special", &special)]).start();
    let client = TlsClient::trusting(&authority);
    assert_eq!(client.clone().connect(weir.addr()).get("/").status, 200);
    assert_eq!((plain.requests().len(), special.requests().len()), (1, 0));
    let asked = client.alpn(&["x"]).shake(weir.addr());
    // The origin speaks no `x`: what counts is where the client was led.
    drop(asked);
    special.seen().wait_connections(1);
}

/// The first message of a client, as it is on the wire.
fn first_message(name: &str) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let addr = listener.local_addr().expect("bound");
    let name = name.to_owned();
    let client = std::thread::spawn(move || {
        drop(TlsClient::trusting(&Authority::new()).name(&name).shake(addr));
    });
    let (mut socket, _) = listener.accept().expect("accept");
    let mut bytes = vec![0; 8192];
    let count = std::io::Read::read(&mut socket, &mut bytes).expect("a message");
    drop(socket);
    client.join().expect("a client");
    bytes.truncate(count);
    bytes
}

#[test]
fn a_message_in_pieces_arrives_whole() {
    let echo = Origin::script(|c| {
        while let Ok(bytes) = c.read_some() {
            c.send(bytes);
        }
    });
    let routes = "route sni=\"a.test\" { proxy \"echo\"; }";
    let weir = setup(&passing(routes), &[("echo", &echo)]).start();
    let hello = first_message("a.test");
    let mut client = Client::connect(weir.addr());
    for part in hello.chunks(hello.len() / 5) {
        client.send(part);
        std::thread::sleep(Duration::from_millis(20));
    }
    client.expect(&hello);
}

#[test]
fn what_is_no_message_of_tls_ends_here() {
    let authority = Authority::new();
    let app = origin(&authority, "a.test");
    let listen = passing("route { proxy \"app\"; }")
        + "\nlimits tls-hello-bytes-max=\"512B\"\ntimeouts tls-handshake=\"300ms\"";
    let weir = setup(&listen, &[("app", &app)]).start();
    let mut client = Client::connect(weir.addr());
    client.send("GET / HTTP/1.1\r\n\r\n");
    client.expect_closed();
    assert_eq!(weir.wait_log(1)[0].text("reason"), "tls_handshake_failed");
    let mut long = Client::connect(weir.addr());
    let mut hello = vec![22, 3, 1, 4, 0, 1, 0, 3, 0xfc];
    hello.resize(600, 0);
    long.send(&hello);
    long.expect_closed();
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["tls-hello-bytes-max"]) == 1.0);
    let mut silent = Client::connect(weir.addr());
    silent.send([22, 3, 1]);
    silent.expect_closed();
    weir.wait_metrics(|m| m.sum("weir_timeouts_total", &["tls-handshake"]) == 1.0);
    assert!(app.seen().connections().is_empty());
}

#[test]
fn one_port_passes_some_names_on_and_decrypts_the_others() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let app = origin(&theirs, "db.test");
    let listen = "listen \"$LISTEN\" {\n\
                  tls { certificate \"leaf.pem\" key=\"leaf.key\"; }\n\
                  route sni=\"db.test\" { proxy \"app\"; }\n}\n\
                  site { route \"/*\" { respond 200 body=\"ours\"; }; }";
    let leaf = ours.leaf(&["a.test"]);
    let setup = setup(listen, &[("app", &app)]);
    let weir = setup.file("leaf.pem", &leaf.pem).file("leaf.key", &leaf.key).start();
    let mut passed = TlsClient::trusting(&theirs).name("db.test").connect(weir.addr());
    let mut decrypted = TlsClient::trusting(&ours).connect(weir.addr());
    assert_eq!(passed.get("/").text(), "db.test");
    assert_eq!(decrypted.get("/").text(), "ours");
    assert_eq!(passed.get("/").text(), "db.test");
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_tls_handshakes_total", &[]), 1.0);
    assert_eq!(metrics.sum("weir_stream_connections_total", &[]), 1.0);
}

#[test]
fn the_proxy_protocol_names_client_and_name() {
    let raw = Origin::script(|c| {
        let mut seen = Vec::new();
        while !seen.windows(3).any(|part| part == [22, 3, 1]) {
            let Ok(bytes) = c.read_some() else { return };
            seen.extend_from_slice(&bytes);
        }
        let header = seen.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
        let name = seen.windows(9).any(|part| part == b"\x02\x00\x06a.test");
        c.send(if header && name { "good" } else { "bad!" });
    });
    let listen = passing("route sni=\"a.test\" { proxy \"raw\"; }");
    let text = format!(
        "{listen}\nadmin \"$ADMIN\"\nupstream \"raw\" {{ server \"{}\"; proxy-protocol \"v2\"; }}",
        raw.server()
    );
    let weir = Setup::whole(&text).start();
    let mut client = Client::connect(weir.addr());
    client.send(first_message("a.test"));
    client.expect("good");
}
