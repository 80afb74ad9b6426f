//! TLS towards origin servers: whom Weir trusts, what it says, and why it gives up.

use testkit::origin::{answering, echo, ok};
use testkit::tls::Secured;
use testkit::{Authority, External, Leaf, LogLine, Origin, Setup, Weir};

use crate::scene::{certificate, listen, pair};

/// nginx over TLS with this certificate, trusted through `root.pem` beside Weir's configuration.
struct Scene {
    authority: Authority,
    leaf: Leaf,
    nginx: External,
}

fn nginx(leaf: &Leaf, version: &str, more: &str) -> External {
    let addr = testkit::port::free_addr();
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("leaf.pem"), &leaf.pem).expect("a file");
    std::fs::write(dir.path().join("leaf.key"), &leaf.key).expect("a file");
    let place = dir.path().display().to_string();
    let server = format!(
        "listen {addr} ssl{version}; ssl_certificate {place}/leaf.pem;
         ssl_certificate_key {place}/leaf.key; ssl_session_tickets on;
         ssl_session_cache builtin:1000; {more}
         location / {{ return 200 \"$server_protocol $ssl_server_name $ssl_session_reused\"; }}"
    );
    let mut external = External::nginx(&server);
    assert!(testkit::port::wait_listening(addr.port(), testkit::PATIENCE, || true));
    // nginx reads its files at its start.
    drop(dir);
    external.move_to(addr);
    external
}

impl Scene {
    fn new(version: &str, more: &str) -> Self {
        let authority = Authority::new();
        let leaf = authority.leaf(&["origin.test", "127.0.0.1"]);
        let nginx = nginx(&leaf, version, more);
        Self { authority, leaf, nginx }
    }

    fn weir(&self, tls: &str, upstream: &str) -> Weir {
        self.setup(tls, upstream).start()
    }

    fn setup(&self, tls: &str, upstream: &str) -> Setup {
        let setup = Setup::new().server(&self.nginx.server()).upstream(tls).upstream(upstream);
        setup.file("root.pem", &self.authority.pem())
    }

    /// The answer to a GET.
    fn get(&self, tls: &str, upstream: &str) -> String {
        let response = self.weir(tls, upstream).get("/");
        assert_eq!(response.status, 200, "{tls}: {response:?}");
        response.text()
    }

    /// The one log line of a GET that comes to a 502.
    fn fault(&self, tls: &str) -> LogLine {
        fault(&self.weir(tls, ""))
    }

    fn pin(&self) -> String {
        pin(&self.leaf)
    }
}

fn fault(weir: &Weir) -> LogLine {
    let response = weir.get("/");
    assert_eq!(response.status, 502, "{response:?}");
    weir.wait_log(1).remove(0)
}

/// The pin of a certificate's key, by openssl.
fn pin(leaf: &Leaf) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("leaf.key"), &leaf.key).expect("a file");
    let line = "openssl pkey -in leaf.key -pubout -outform DER | openssl dgst -sha256 -binary \
                | openssl base64 -A";
    let mut command = std::process::Command::new("sh");
    let (code, out, err) = testkit::external::run(command.args(["-c", line]).current_dir(&dir));
    assert_eq!(code, Some(0), "{err}");
    format!("sha256/{}", String::from_utf8(out).expect("text"))
}

fn is_reason(line: &LogLine, reason: &str) {
    assert!(line.mentions(reason), "{reason}: {line:?}");
}

const TRUST: &str = "tls ca=\"root.pem\" server-name=\"origin.test\"";

#[test]
fn verified_servers_are_spoken_to() {
    let scene = Scene::new("", "");
    assert!(scene.get(TRUST, "").starts_with("HTTP/1.1 origin.test"));
    // Without a name of its own the server's address is what its certificate must be for.
    assert!(scene.get("tls ca=\"root.pem\"", "").starts_with("HTTP/1.1 "));
    for versions in ["TLSv1.2", "TLSv1.3"] {
        let scene = Scene::new("", &format!("ssl_protocols {versions};"));
        assert!(scene.get(TRUST, "").starts_with("HTTP/1.1 origin.test"), "{versions}");
    }
}

#[test]
fn whoever_cannot_be_verified_gets_no_request() {
    let scene = Scene::new("", "");
    is_reason(&scene.fault("tls server-name=\"origin.test\""), "certificate_unknown_issuer");
    let wrong = "tls ca=\"root.pem\" server-name=\"other.test\"";
    is_reason(&scene.fault(wrong), "certificate_wrong_name");
    for (days, reason) in [(-9..-2, "certificate_expired"), (2..9, "certificate_not_valid_yet")] {
        let leaf = scene.authority.dated_leaf(&["origin.test"], days);
        let origin = nginx(&leaf, "", "");
        let setup = Setup::new().server(&origin.server()).upstream(TRUST);
        is_reason(&fault(&setup.file("root.pem", &scene.authority.pem()).start()), reason);
    }
    let weir = scene.weir("tls", "");
    let response = weir.get("/");
    let status = response.field("proxy-status").unwrap_or_default();
    assert!(status.contains("tls_certificate_error"), "{response:?}");
}

#[test]
fn verification_can_be_turned_off() {
    let scene = Scene::new("", "");
    assert!(scene.get("tls verify=#false", "").starts_with("HTTP/1.1"));
}

#[test]
fn pinned_keys_are_asked_for() {
    let scene = Scene::new("", "");
    let own = scene.pin();
    let other = pin(&scene.authority.leaf(&["x.test"]));
    let with = |tls: &str, pins: &str| format!("{tls} {{ pin {pins}; }}");
    scene.get(&with(TRUST, &format!("\"{own}\"")), "");
    scene.get(&with(TRUST, &format!("\"{other}\" \"{own}\"")), "");
    scene.get(&with("tls verify=#false", &format!("\"{own}\"")), "");
    let foreign = format!("\"{other}\"");
    is_reason(&scene.fault(&with(TRUST, &foreign)), "certificate_not_pinned");
    is_reason(&scene.fault(&with("tls verify=#false", &foreign)), "certificate_not_pinned");
    // A pin takes the place of no verification.
    let unknown = with("tls server-name=\"origin.test\"", &format!("\"{own}\""));
    is_reason(&scene.fault(&unknown), "certificate_unknown_issuer");
}

#[test]
fn a_pinned_certificate_that_is_only_sent_along_proves_nothing() {
    let authority = Authority::new();
    let (real, mut thief) = (authority.leaf(&["origin.test"]), authority.leaf(&["origin.test"]));
    thief.pem += &real.pem;
    let origin = nginx(&thief, "", "");
    let tls = format!("{TRUST} {{ pin \"{}\"; }}", pin(&real));
    let setup = Setup::new().server(&origin.server()).upstream(&tls);
    let weir = setup.file("root.pem", &authority.pem()).start();
    is_reason(&fault(&weir), "certificate_not_pinned");
}

#[test]
fn an_authority_in_between_can_be_pinned() {
    let authority = Authority::new();
    let between = authority.intermediate("between");
    let origin = nginx(&between.leaf(&["origin.test"]), "", "");
    let mut pinned = authority.leaf(&["x.test"]);
    pinned.key = between.key();
    let tls = format!("{TRUST} {{ pin \"{}\"; }}", pin(&pinned));
    let setup = Setup::new().server(&origin.server()).upstream(&tls);
    let weir = setup.file("root.pem", &authority.pem()).start();
    assert_eq!(weir.get("/").status, 200);
}

#[test]
fn our_own_certificate_is_shown_to_who_asks() {
    let authority = Authority::new();
    let dir = tempfile::tempdir().expect("a directory");
    let clients = Authority::named("clients");
    let ca = dir.path().join("clients.pem");
    std::fs::write(&ca, clients.pem()).expect("a file");
    let more = format!(
        "ssl_client_certificate {}; ssl_verify_client on;
         location /who {{ return 200 \"$ssl_client_s_dn\"; }}",
        ca.display()
    );
    let leaf = authority.leaf(&["origin.test"]);
    let origin = nginx(&leaf, "", &more);
    let us = clients.client("weir");
    let setup = || {
        let setup = Setup::new().server(&origin.server()).file("root.pem", &authority.pem());
        pair(setup, "us", &us)
    };
    let tls = format!("{TRUST} certificate=\"us.pem\" key=\"us.key\"");
    assert_eq!(setup().upstream(&tls).start().get("/who").text(), "CN=weir");
    // nginx answers who has none by itself.
    assert_eq!(setup().upstream(TRUST).start().get("/who").status, 400);
}

#[test]
fn the_protocol_is_what_the_server_chooses() {
    let one = Scene::new("", "");
    assert!(one.get(TRUST, "protocol \"auto\"").starts_with("HTTP/1.1 "));
    let two = Scene::new(" http2", "");
    assert!(two.get(TRUST, "protocol \"auto\"").starts_with("HTTP/2.0 "));
    assert!(two.get(TRUST, "protocol \"h2\"").starts_with("HTTP/2.0 "));
    assert!(two.get(TRUST, "protocol \"h1\"").starts_with("HTTP/1.1 "));
    assert_eq!(one.weir(TRUST, "protocol \"h2\"").get("/").status, 502);
}

#[test]
fn two_weirs_speak_http_2_to_each_other() {
    let origin = Origin::answer(echo);
    let authority = Authority::new();
    let setup = pair(Setup::new().to(&origin), "leaf", &authority.leaf(&["127.0.0.1"]));
    let behind = listen(setup, &certificate("leaf")).start();
    let front = Setup::new().server(&behind.addr().to_string()).upstream("protocol \"auto\"");
    let front = front.upstream("tls ca=\"root.pem\"").file("root.pem", &authority.pem()).start();
    let body = "b".repeat(3_000_000);
    let mut client = front.client();
    for _ in 0..3 {
        let response = client.exchange(dialogue::post("/through", &body));
        assert_eq!(response.status, 200);
        assert!(response.echoed().body == body.as_bytes());
    }
    assert!(behind.wait_log(3).iter().all(|line| line.mentions("HTTP/2")));
}

#[test]
fn sessions_with_servers_are_resumed() {
    for version in ["TLSv1.2", "TLSv1.3"] {
        let scene = Scene::new("", &format!("ssl_protocols {version}; keepalive_timeout 0;"));
        let weir = scene.setup(TRUST, "").workers(1).start();
        let reused: Vec<_> = (0..6).map(|_| weir.get("/").text().ends_with(" r")).collect();
        assert_eq!(reused, [false, true, true, true, true, true], "{version}");
    }
}

/// An origin over TLS that plays this script.
fn secured(leaf: Leaf, script: impl Fn(&mut testkit::Turn) + Send + Sync + 'static) -> Origin {
    Origin::secured(leaf, script)
}

#[test]
fn a_stream_that_is_cut_is_not_passed_off_as_whole() {
    let authority = Authority::new();
    let leaf = authority.leaf(&["127.0.0.1"]);
    let setup = |origin: &Origin| {
        let setup = Setup::new().to(origin).upstream("tls ca=\"root.pem\"");
        setup.file("root.pem", &authority.pem()).start()
    };
    let origin = secured(leaf.clone(), |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\n\r\nhalf of it");
        // No farewell: an attacker on the way can do as much.
    });
    let weir = setup(&origin);
    match weir.client().ask(dialogue::get("/")).outcome() {
        testkit::Outcome::Cut(_) => {}
        testkit::Outcome::Whole(response) => assert_eq!(response.status, 502),
        other => panic!("{other:?}"),
    }
    assert!(weir.wait_log(1)[0].mentions("http_response_incomplete"), "{:?}", weir.log());
    let origin = secured(leaf, |c| {
        c.request();
        c.send("HTTP/1.1 200 OK\r\n\r\nall of it");
        c.sock_mut().tls().map(Secured::say_farewell);
    });
    assert_eq!(setup(&origin).get("/").text(), "all of it");
}

#[test]
fn servers_that_do_not_shake_hands() {
    let authority = Authority::new();
    let setup = |server: &str| {
        let setup = Setup::new().server(server).upstream("tls ca=\"root.pem\"");
        setup.upstream("timeouts connect=\"300ms\"").file("root.pem", &authority.pem()).start()
    };
    let plain = Origin::script(|c| {
        c.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        c.drain();
    });
    is_reason(&fault(&setup(&plain.server())), "tls_protocol_error");
    let deaf = Origin::deaf();
    let weir = setup(&deaf.server());
    assert_eq!(weir.get("/").status, 504);
    is_reason(&weir.wait_log(1)[0], "connection_timeout");
    let closing = Origin::script(|_| {});
    assert_eq!(setup(&closing.server()).get("/").status, 502);
    let answered = secured(authority.leaf(&["127.0.0.1"]), answering(|_| ok("fine")));
    assert_eq!(setup(&answered.server()).get("/").text(), "fine");
}
