//! Sessions that go on, on whichever worker, and those that must not.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Setup, TlsClient, Weir};

use crate::scene::{NAMES, Scene, certificate, listen, pair};

const RESUMED: &str = "weir_tls_resumptions_total";
const SHAKEN: &str = "weir_tls_handshakes_total";

/// One connection with a request, after which the ticket has come. Whether it was resumed.
fn visit(client: &TlsClient, weir: &Weir) -> bool {
    let (mut connection, shaken) = client.shake(weir.addr()).expect("a handshake");
    connection.expect_alive("/");
    shaken.is_resumed
}

#[test]
fn every_worker_takes_up_the_sessions_of_the_others() {
    for version in ["1.2", "1.3"] {
        let scene = Scene::new(Setup::new().workers(4), "");
        let client = TlsClient::with(&scene.authority, version, None);
        assert!(!visit(&client, &scene.weir));
        for _ in 0..40 {
            assert!(visit(&client, &scene.weir), "{version}");
        }
        scene.weir.wait_metrics(|m| m.sum(RESUMED, &[]) == 40.0 && m.sum(SHAKEN, &[]) == 41.0);
    }
}

#[test]
fn python_and_openssl_resume() {
    let scene = Scene::new(Setup::new().workers(4), "");
    let port = scene.weir.addr().port().to_string();
    for version in ["TLSv1_2", "TLSv1_3"] {
        let mut command = testkit::external::python_script("tls_resume.py");
        let (code, out, err) = run(command.args([&port, &scene.root(), version, "12"]));
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(
            String::from_utf8_lossy(&out).trim(),
            "False True".to_owned() + &" True".repeat(10)
        );
    }
    let mut command = Command::new(tool("openssl"));
    command.args(["s_client", "-tls1_2", "-reconnect", "-connect"]);
    let (_, out, err) = run(command.arg(scene.weir.addr().to_string()));
    let out = String::from_utf8_lossy(&out).into_owned();
    assert_eq!(out.matches("Reused, TLSv1.2").count(), 5, "{out}{err}");
}

#[test]
fn a_session_of_one_listener_is_worth_nothing_at_another() {
    let authority = Authority::new();
    let strict_addr = testkit::port::free_addr();
    let own = certificate("leaf");
    let strict = format!(
        "listen \"{strict_addr}\" {{\n tls {{\n{own}\n\
         client-auth \"required\" ca=\"root.pem\"\n}}\n}}"
    );
    let setup = pair(Setup::new(), "leaf", &authority.leaf(&NAMES));
    let setup = setup.file("root.pem", &authority.pem()).global(&strict);
    let weir = listen(setup, &own).start();
    for version in ["1.2", "1.3"] {
        let client = TlsClient::with(&authority, version, None);
        assert!(!visit(&client, &weir));
        assert!(visit(&client, &weir), "the client does resume");
        // The same client and sessions, where a certificate is asked for.
        if let Ok((mut connection, shaken)) = client.shake(strict_addr) {
            assert!(!shaken.is_resumed, "{version}");
            connection.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            let text = connection.everything();
            assert!(!text.contains("200"), "{version}: {text}");
        }
    }
}

#[test]
fn who_was_proved_once_is_known_when_the_session_goes_on() {
    let origin = testkit::Origin::echo();
    let setup = Setup::new().to(&origin).workers(2);
    let authority = Authority::new();
    let setup = pair(setup, "leaf", &authority.leaf(&NAMES)).file("root.pem", &authority.pem());
    let nodes = format!("{}\nclient-auth \"required\" ca=\"root.pem\"", certificate("leaf"));
    let weir = listen(setup, &nodes).start();
    for version in ["1.2", "1.3"] {
        let client = TlsClient::with(&authority, version, Some(&authority.client("carol")));
        let mut seen = Vec::new();
        for round in 0..4 {
            let (mut connection, shaken) = client.shake(weir.addr()).expect("a handshake");
            assert_eq!(shaken.is_resumed, round > 0, "{version}");
            let echoed = connection.get("/").text();
            seen.push(
                echoed.lines().find(|line| line.starts_with("Client-Cert: ")).map(str::to_owned),
            );
        }
        seen.dedup();
        assert!(matches!(seen.as_slice(), [Some(_)]), "{version}: {seen:?}");
    }
}
