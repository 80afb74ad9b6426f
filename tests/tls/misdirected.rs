//! A connection that was opened for one name and is asked for another.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Setup, TlsClient, Weir};

use crate::scene::{certificate, listen, pair};

struct Scene {
    authority: Authority,
    weir: Weir,
}

/// Two certificates: one for `a.test` and `both.test`, one for `b.test`.
fn scene() -> Scene {
    let authority = Authority::new();
    let (one, two) = (authority.leaf(&["a.test", "both.test"]), authority.leaf(&["b.test"]));
    let setup = pair(pair(Setup::new(), "one", &one), "two", &two);
    let setup = setup.file("root.pem", &authority.pem());
    let tls = format!("{}\n{}", certificate("one"), certificate("two"));
    let site = |host: &str| {
        format!("site \"{host}\" {{ route \"/*\" {{ respond 200 body=\"this is {host}\"; }}\n}}")
    };
    let sites = ["a.test", "b.test", "both.test"].map(site).join("\n");
    Scene { authority, weir: listen(setup, &tls).global(&sites).start() }
}

impl Scene {
    /// The status and body that curl gets at a connection for `sni` when it asks for `host`.
    fn ask(&self, http: &str, sni: &str, host: &str) -> (String, String) {
        let mut command = Command::new(tool("curl"));
        let addr = self.weir.addr();
        command.args(["-sS", "--max-time", "20", http, "-w", "\n%{http_code}", "--cacert"]);
        command.arg(self.weir.dir().join("root.pem"));
        command.args(["--connect-to", &format!("::{addr}")]);
        command.args(["-H", &format!("Host: {host}"), &format!("https://{sni}/")]);
        let (code, out, err) = run(&mut command);
        assert_eq!(code, Some(0), "{err}");
        let text = String::from_utf8(out).expect("text");
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.to_owned(), body.to_owned())
    }
}

#[test]
fn another_certificate_is_needed() {
    let scene = scene();
    for http in ["--http1.1", "--http2"] {
        for (sni, host) in [("a.test", "b.test"), ("b.test", "a.test"), ("both.test", "b.test")] {
            let (status, body) = scene.ask(http, sni, host);
            assert_eq!(status, "421", "{http} {sni} {host}");
            assert!(!body.contains("this is"), "{body}");
        }
    }
    let log = scene.weir.wait_log(6);
    assert!(log.iter().all(|line| line.mentions("misdirected_host")), "{log:#?}");
}

#[test]
fn the_same_certificate_serves_all_its_names() {
    let scene = scene();
    for http in ["--http1.1", "--http2"] {
        for (sni, host) in [
            ("a.test", "a.test"),
            ("a.test", "both.test"),
            ("both.test", "a.test"),
            ("b.test", "B.test:444"),
        ] {
            let (status, body) = scene.ask(http, sni, host);
            let name = host.split(':').next().expect("a name").to_lowercase();
            assert_eq!((status.as_str(), body), ("200", format!("this is {name}")), "{http} {sni}");
        }
    }
}

#[test]
fn a_connection_that_goes_on_after_the_refusal() {
    let scene = scene();
    let client = TlsClient::trusting(&scene.authority);
    let mut connection = client.connect(scene.weir.addr());
    let get = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(connection.exchange(get("a.test")).text(), "this is a.test");
    assert_eq!(connection.exchange(get("b.test")).status, 421);
    assert_eq!(connection.exchange(get("both.test")).text(), "this is both.test");
    // In absolute form the target's host is what counts.
    let absolute = "GET https://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert!(matches!(connection.exchange(absolute).status, 400 | 421));
}

#[test]
fn without_a_name_in_the_handshake_any_host_will_do() {
    let scene = scene();
    let mut command = Command::new(tool("curl"));
    let url = format!("https://{}/", scene.weir.addr());
    command.args(["-sSk", "--max-time", "20", "-H", "Host: b.test"]).arg(url);
    let (_, out, err) = run(&mut command);
    assert_eq!(String::from_utf8_lossy(&out), "this is b.test", "{err}");
}
