//! Versions, suites, groups, and what is spoken afterwards.

use testkit::{Setup, TlsClient};

use crate::scene::{Scene, s_client};

fn is_refused(printed: &str) -> bool {
    printed.contains("alert protocol version") || printed.contains("Cipher is (NONE)")
}

#[test]
fn both_versions_by_default_and_nothing_older() {
    let scene = Scene::new(Setup::new(), "");
    for (flag, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let printed = s_client(scene.weir.addr(), &[flag]);
        assert!(printed.contains(&format!("New, {version}, Cipher is ")), "{printed}");
    }
    for flag in ["-tls1", "-tls1_1"] {
        // openssl offers them at security level 0 only.
        let printed = s_client(scene.weir.addr(), &[flag, "-cipher", "DEFAULT:@SECLEVEL=0"]);
        assert!(is_refused(&printed), "{flag}: {printed}");
    }
}

#[test]
fn modern_and_a_lowest_version_refuse_the_old_one() {
    for tls in ["policy \"modern\"", "min-version \"1.3\""] {
        let scene = Scene::new(Setup::new(), tls);
        assert!(is_refused(&s_client(scene.weir.addr(), &["-tls1_2"])), "{tls}");
        let printed = s_client(scene.weir.addr(), &[]);
        assert!(printed.contains("New, TLSv1.3, Cipher is "), "{printed}");
        scene.client.connect(scene.weir.addr()).expect_alive("/");
    }
}

#[test]
fn suites_without_forward_secrecy_or_authentication_are_not_spoken() {
    let scene = Scene::new(Setup::new(), "");
    let offers = ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "aNULL"];
    for offer in offers {
        let cipher = format!("{offer}:@SECLEVEL=0");
        let printed = s_client(scene.weir.addr(), &["-tls1_2", "-cipher", &cipher]);
        assert!(printed.contains("Cipher is (NONE)"), "{offer}: {printed}");
    }
    for good in ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"] {
        let printed = s_client(scene.weir.addr(), &["-tls1_2", "-cipher", good]);
        assert!(printed.contains(&format!("Cipher is {good}")), "{printed}");
    }
}

#[test]
fn the_group_that_withstands_quantum_computers_is_preferred() {
    let scene = Scene::new(Setup::new(), "");
    let (mut client, shaken) = scene.client.shake(scene.weir.addr()).expect("a handshake");
    assert_eq!((shaken.group.as_str(), shaken.version.as_str()), ("X25519MLKEM768", "TLSv1_3"));
    client.expect_alive("/");
    for group in ["X25519", "P-256", "P-384"] {
        let printed = s_client(scene.weir.addr(), &["-groups", group]);
        assert!(printed.contains("New, TLSv1.3"), "{group}: {printed}");
    }
    let old = TlsClient::with(&scene.authority, "1.2", None).shake(scene.weir.addr());
    assert_eq!(old.expect("a handshake").1.group, "X25519");
}

#[test]
fn the_protocol_is_what_both_sides_speak() {
    let scene = Scene::new(Setup::new(), "");
    let agreed = |offer: &[&str]| {
        let client = scene.client.clone().alpn(offer);
        client.shake(scene.weir.addr()).map(|(_, shaken)| shaken.alpn)
    };
    let some = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(agreed(&["h2", "http/1.1"]), some("h2"));
    assert_eq!(agreed(&["http/1.1", "h2"]), some("h2"), "ours is the better order");
    assert_eq!(agreed(&["http/1.1"]), some("http/1.1"));
    assert_eq!(agreed(&["h2"]), some("h2"));
    assert_eq!(agreed(&[]), Ok(None));
    let stranger = agreed(&["imap"]);
    assert!(stranger.is_err_and(|why| why.contains("NoApplicationProtocol")));
    let printed = s_client(scene.weir.addr(), &["-alpn", "http/1.1"]);
    assert!(printed.contains("ALPN protocol: http/1.1"), "{printed}");
}

#[test]
fn who_agrees_on_nothing_is_served_by_http_1() {
    let scene = Scene::new(Setup::new(), "");
    scene.client.connect(scene.weir.addr()).expect_alive("/");
    let line = &scene.weir.wait_log(1)[0];
    assert!(line.mentions("HTTP/1.1"), "{line:?}");
}

#[test]
fn a_listener_may_speak_one_protocol_only() {
    let scene = Scene::new(Setup::new().listener("protocols \"h1\""), "");
    let offer = scene.client.clone().alpn(&["h2", "http/1.1"]);
    let (mut client, shaken) = offer.shake(scene.weir.addr()).expect("a handshake");
    assert_eq!(shaken.alpn.as_deref(), Some("http/1.1"));
    client.expect_alive("/");
    let out = scene.curl(&["--http2", "-w", " %{http_version}"], "/");
    assert_eq!(out, "ok 1.1");

    let scene = Scene::new(Setup::new().listener("protocols \"h2\""), "");
    let out = scene.curl(&["--http2", "-w", " %{http_version}"], "/");
    assert_eq!(out, "ok 2");
    assert!(scene.client.clone().alpn(&["http/1.1"]).shake(scene.weir.addr()).is_err());
}

#[test]
fn curl_by_both_protocols_and_versions() {
    let scene = Scene::new(Setup::new(), "");
    for (http, spoken) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for tls in ["1.2", "1.3"] {
            let args = [http, "--tlsv1.2", "--tls-max", tls, "-w", " %{http_version}"];
            assert_eq!(scene.curl(&args, "/"), format!("ok {spoken}"));
        }
    }
}

#[test]
fn a_listener_for_http_2_alone_answers_nothing_else() {
    let scene = Scene::new(Setup::new().listener("protocols \"h2\""), "");
    let mut client = scene.client.connect(scene.weir.addr());
    client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(!client.everything().contains("200 OK"));

    let weir = Setup::new().listener("protocols \"h2\"").start();
    let mut client = weir.client();
    client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(!client.everything().contains("200 OK"));
    let mut command = std::process::Command::new(testkit::external::tool("curl"));
    command.args(["-sS", "--max-time", "20", "--http2-prior-knowledge"]).arg(weir.url("/"));
    let (_, out, err) = testkit::external::run(&mut command);
    assert_eq!(out, b"ok", "{err}");
}
