//! OCSP responses that come with the certificate.

use std::path::Path;
use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Setup};

use crate::scene::{NAMES, certificate, listen, pair, s_client};

fn openssl(dir: &Path, args: &[&str]) {
    let mut command = Command::new(tool("openssl"));
    let (code, _, err) = run(command.args(args).current_dir(dir));
    assert_eq!(code, Some(0), "{args:?}: {err}");
}

/// What the authority says of the certificate in `dir`, as DER in `leaf.der`.
fn answer(dir: &Path, serial: &str, state: &str) {
    let revoked = if state == "R" { "250101000000Z" } else { "" };
    let index = format!(
        "{state}\t401231235959Z\t{revoked}\t{}\tunknown\t/CN=a.test\n",
        serial.to_uppercase()
    );
    std::fs::write(dir.join("index.txt"), index).expect("a file");
    openssl(dir, &["ocsp", "-issuer", "root.pem", "-cert", "leaf.pem", "-reqout", "ask.der"]);
    let sign = ["ocsp", "-index", "index.txt", "-CA", "root.pem", "-rsigner", "root.pem"];
    let more = ["-rkey", "root.key", "-reqin", "ask.der", "-respout", "leaf.der", "-ndays", "2"];
    openssl(dir, &[&sign[..], &more].concat());
}

#[test]
fn the_response_of_the_file_is_stapled_and_loaded_again() {
    let authority = Authority::new();
    let leaf = authority.leaf(&NAMES);
    let dir = tempfile::tempdir().expect("a directory");
    let files = [
        ("root.pem", authority.pem()),
        ("root.key", authority.key()),
        ("leaf.pem", leaf.pem.clone()),
    ];
    for (name, text) in &files {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    answer(dir.path(), &leaf.serial(), "V");
    let staple = dir.path().join("leaf.der").display().to_string();
    let node = format!("{} ocsp=\"{staple}\"", certificate("leaf"));
    let weir = listen(pair(Setup::new(), "leaf", &leaf), &node).start();
    let root = dir.path().join("root.pem").display().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let printed = s_client(weir.addr(), &[version, "-status", "-CAfile", &root]);
        assert!(printed.contains("OCSP Response Status: successful"), "{printed}");
        assert!(printed.contains("Cert Status: good"), "{printed}");
    }
    assert!(!s_client(weir.addr(), &[]).contains("OCSP Response Status"));
    answer(dir.path(), &leaf.serial(), "R");
    let until = std::time::Instant::now() + testkit::PATIENCE;
    while !s_client(weir.addr(), &["-status"]).contains("Cert Status: revoked") {
        assert!(std::time::Instant::now() < until, "the new response is not sent");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn without_one_nothing_is_stapled() {
    let authority = Authority::new();
    let weir = listen(pair(Setup::new(), "leaf", &authority.leaf(&NAMES)), &certificate("leaf"));
    let printed = s_client(weir.start().addr(), &["-status"]);
    assert!(printed.contains("OCSP response: no response sent"), "{printed}");
}
