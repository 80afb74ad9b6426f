//! What `weir check` says of TLS material that cannot be used: file, line, reason.

use std::path::Path;
use std::process::Command;

use testkit::external::{run, tool};
use testkit::weir::run_to_end;
use testkit::{Authority, Leaf};

/// What `weir check` complains of with these files, where `nodes` begin at line 3.
fn complaint(nodes: &str, files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("a file");
    }
    complaint_in(dir.path(), nodes)
}

fn complaint_in(dir: &Path, nodes: &str) -> String {
    let addr = testkit::port::free_addr();
    let text = format!(
        "listen \"{addr}\" {{\n    tls {{\n{nodes}\n    }}\n}}\n\
         site {{ route \"/*\" {{ respond 200; }}\n}}\n"
    );
    std::fs::write(dir.join("weir.kdl"), text).expect("a configuration");
    let (code, out, err) = run_to_end(&["check", "-c", "weir.kdl"], dir);
    assert_eq!(code, Some(2), "{nodes}: {out}{err}");
    let (started, _, said) = run_to_end(&["run", "-c", "weir.kdl"], dir);
    assert!(started.is_some_and(|code| code != 0), "{said}");
    format!("{out}{err}")
}

const NODE: &str = "certificate \"leaf.pem\" key=\"leaf.key\"";

fn leaf() -> Leaf {
    Authority::new().leaf(&["a.test"])
}

fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in {text}");
    }
}

#[test]
fn keys_that_are_encrypted() {
    let leaf = leaf();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("plain.key"), &leaf.key).expect("a file");
    std::fs::write(path("leaf.pem"), &leaf.pem).expect("a file");
    for kind in ["pkcs8", "ec"] {
        let mut command = Command::new(tool("openssl"));
        command.arg(kind).arg("-in").arg(path("plain.key")).arg("-out").arg(path("leaf.key"));
        command.args(["-passout", "pass:secret"]);
        command.args(if kind == "ec" { &["-aes256"][..] } else { &["-topk8", "-v2", "aes256"] });
        let (code, _, err) = run(&mut command);
        assert_eq!(code, Some(0), "{err}");
        let said = complaint_in(dir.path(), NODE);
        says(&said, &["weir.kdl:3", "leaf.key", "is encrypted", "openssl pkey"]);
    }
}

#[test]
fn pairs_that_do_not_match() {
    let said = complaint(NODE, &[("leaf.pem", &leaf().pem), ("leaf.key", &leaf().key)]);
    says(&said, &["weir.kdl:3", "leaf.key", "does not belong", "leaf.pem"]);
}

#[test]
fn files_that_are_missing_or_something_else() {
    let leaf = leaf();
    says(&complaint(NODE, &[]), &["weir.kdl:3", "leaf.pem", "no such file"]);
    says(&complaint(NODE, &[("leaf.pem", &leaf.pem)]), &["weir.kdl:3", "leaf.key", "no such file"]);
    let said = complaint(NODE, &[("leaf.pem", "hello"), ("leaf.key", &leaf.key)]);
    says(&said, &["weir.kdl:3", "no certificate in", "leaf.pem"]);
    let said = complaint(NODE, &[("leaf.pem", &leaf.pem), ("leaf.key", &leaf.pem)]);
    says(&said, &["weir.kdl:3", "no private key in", "leaf.key"]);
    let node = "certificate \"leaf.pem\" key=\"leaf.key\" ocsp=\"leaf.pem\"";
    let said = complaint(node, &[("leaf.pem", &leaf.pem), ("leaf.key", &leaf.key)]);
    says(&said, &["weir.kdl:3", "leaf.pem", "not an OCSP response"]);
}

#[test]
fn authorities_and_lists_of_clients_that_are_none() {
    let leaf = leaf();
    let files = [("leaf.pem", leaf.pem.as_str()), ("leaf.key", &leaf.key), ("junk", "junk")];
    let with = |auth: &str| complaint(&format!("{NODE}\nclient-auth {auth}"), &files);
    says(&with("\"required\" ca=\"none.pem\""), &["weir.kdl:4", "none.pem", "no such file"]);
    says(&with("\"required\" ca=\"junk\""), &["weir.kdl:4", "no certificate in", "junk"]);
    says(&with("\"required\" ca=\"leaf.pem\" crl=\"junk\""), &["weir.kdl:4", "junk"]);
    says(&with("\"required\""), &["weir.kdl:4", "ca"]);
    says(&with("\"sometimes\""), &["weir.kdl:4", "required"]);
}

#[test]
fn several_at_once_are_all_told() {
    let said = complaint(&format!("{NODE}\n{}", NODE.replace("leaf", "other")), &[]);
    says(&said, &["weir.kdl:3", "weir.kdl:4", "leaf.pem", "other.pem"]);
}
