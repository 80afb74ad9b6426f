//! The public test suite for HTTP caches, through the real binary. What does not pass is listed,
//! with its reason, in `failing.txt`; the list may only become shorter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::external::run;
use testkit::port::free_addr;
use testkit::{External, Setup, Weir};

/// One test of the suite with what became of it.
struct Judged {
    kind: String,
    name: String,
    told: String,
}

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/node/node_modules")
}

/// The origin of the suite.
fn origin() -> External {
    let addr = free_addr();
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(modules().join("http-cache-tests/server/server.mjs"));
    for prefix in ["npm_config", "npm_package_config"] {
        command.env(format!("{prefix}_protocol"), "http");
        command.env(format!("{prefix}_port"), addr.port().to_string());
        command.env(format!("{prefix}_pidfile"), dir.path().join("pid"));
    }
    External::listening(command, dir, addr)
}

fn judge(weir: &Weir) -> Vec<Judged> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cache_suite.mjs");
    let mut command = Command::new("node");
    command.arg("--no-warnings").arg(script).arg(modules()).arg(weir.url(""));
    let (code, out, err) = run(&mut command);
    assert_eq!(code, Some(0), "{err}");
    let line = |line: &str| {
        let mut parts = line.splitn(3, '\t').map(str::to_owned);
        let mut next = || parts.next().expect("three parts");
        Judged { kind: next(), name: next(), told: next() }
    };
    String::from_utf8(out).expect("text").lines().map(line).collect()
}

#[test]
fn all_but_the_listed_tests_pass() {
    let origin = origin();
    let weir = Setup::new().server(&origin.server()).route("cache").start();
    let judged = judge(&weir);
    let of = |kind: &str| judged.iter().filter(|test| test.kind == kind).count();
    assert!(of("required") >= 165 && of("optimal") >= 95, "the suite has shrunk");
    let list = include_str!("failing.txt").lines().filter(|line| !line.starts_with('#'));
    let listed: BTreeSet<&str> = list.filter(|line| !line.is_empty()).collect();
    let mut wrong = Vec::new();
    for test in judged.iter().filter(|test| test.kind != "check") {
        let name = format!("{} {}", test.kind, test.name);
        match (test.told == "pass", listed.contains(name.as_str())) {
            (true, true) => wrong.push(format!("{name} passes now: take it off failing.txt")),
            (false, false) => wrong.push(format!("{name}: {}", test.told)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
