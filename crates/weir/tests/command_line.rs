//! What the verbs print and which code they end with: 0, 1 for a failure, 2 for wrong usage or
//! configuration.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use testkit::weir::run_to_end;

const GOOD: &str = "listen \":8080\"\n\
                    upstream \"app\" {\n    server \"127.0.0.1:3000\"\n}\n\
                    site {\n    route \"/*\" { proxy \"app\" }\n}\n";

/// Runs in a directory that holds `weir.kdl` with this text.
fn run(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("weir.kdl"), text).unwrap();
    run_to_end(arguments, dir.path())
}

#[test]
fn check_of_a_good_file_says_what_it_holds() {
    let (code, out, err) = run(GOOD, &["check", "-c", "weir.kdl"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, "weir.kdl is good: 1 listeners, 1 sites, 1 routes, 1 upstreams");
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let text = GOOD.replace("proxy \"app\"", "proxy \"apq\"").replace("listen", "lisen");
    let (code, out, err) = run(&text, &["check", "-c", "weir.kdl"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("weir.kdl:1:1") && err.contains("listen"), "{err}");
    assert!(err.contains("weir.kdl:6:24") && err.contains("app"), "{err}");
}

#[test]
fn check_counts_what_only_the_compiled_form_shows() {
    let route = "    route \"/*\" { proxy \"app\" }\n";
    let twice = GOOD.replace(route, &format!("{route}{route}"));
    let (code, _, err) = run(&twice, &["check", "-c", "weir.kdl"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_configuration() {
    for verb in ["check", "run"] {
        let (code, _, err) = run("", &[verb, "-c", "none.kdl"]);
        assert_eq!(code, Some(2));
        assert!(err.contains("none.kdl"), "{err}");
    }
}

#[test]
fn an_address_that_is_taken_is_a_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = run("", &["proxy", "-l", &address, "--to", "127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("cannot listen on {address}")), "{err}");
}

#[test]
fn wrong_usage_ends_with_two_and_a_hint() {
    let lines: [&[&str]; 4] =
        [&["proxy"], &["run", "-c", "weir.kdl", "--verbose"], &["rum"], &["proxy", "--to", ":"]];
    for arguments in lines {
        let (code, out, err) = run(GOOD, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
    let (_, _, err) = run("", &["rum"]);
    assert!(err.contains("run"), "{err}");
}

#[test]
fn the_schema_is_json_and_knows_the_nodes() {
    let (code, out, _) = run("", &["schema"]);
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    let nodes = &schema["properties"];
    for node in ["listen", "site", "upstream", "access-log"] {
        assert!(nodes.get(node).is_some(), "{node}");
    }
}

#[test]
fn fmt_changes_a_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weir.kdl");
    std::fs::write(&file, "listen   \":8080\"\n").unwrap();
    let fmt = |arguments: &[&str]| run_to_end(arguments, dir.path());
    let (code, _, err) = fmt(&["fmt", "--check", "weir.kdl"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("weir.kdl is not formatted"), "{err}");
    assert_eq!(read(&file), "listen   \":8080\"\n");
    assert_eq!(fmt(&["fmt", "weir.kdl"]).0, Some(0));
    assert_eq!(read(&file), "listen \":8080\"\n");
    assert_eq!(fmt(&["fmt", "--check", "weir.kdl"]).0, Some(0));
}

#[test]
fn fmt_of_what_is_no_kdl_is_a_wrong_configuration() {
    assert_eq!(run("listen {", &["fmt", "weir.kdl"]).0, Some(2));
    assert_eq!(run("", &["fmt", "none.kdl"]).0, Some(1));
}

#[test]
fn completions_and_version() {
    let (code, out, _) = run("", &["completions", "bash"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("complete -F _weir"), "{out}");
    let (code, out, _) = run("", &["--version"]);
    assert_eq!((code, out.as_str()), (Some(0), concat!("weir ", env!("CARGO_PKG_VERSION"))));
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
