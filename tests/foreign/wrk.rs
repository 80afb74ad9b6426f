//! Load by wrk: short, many connections, no error of any kind.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::origin::ok;
use testkit::{External, Origin, Setup, Weir};

/// Runs wrk for a second and checks that every request was answered with 2xx.
fn load(weir: &Weir, connections: &str) {
    let mut command = Command::new(tool("wrk"));
    command.args(["-t1", "-d1s", "--timeout", "10s", "-c", connections]).arg(weir.url("/"));
    let (code, out, err) = run(&mut command);
    let report = String::from_utf8(out).expect("text");
    assert_eq!(code, Some(0), "{err}");
    assert!(report.contains("Requests/sec:"), "{report}");
    assert!(!report.contains("Socket errors"), "{report}");
    assert!(!report.contains("Non-2xx"), "{report}");
    let count = report.lines().find_map(|line| line.split_once(" requests in"));
    let count: u64 = count.expect("a count").0.trim().parse().expect("a number");
    assert!(count > 100, "{report}");
}

#[test]
fn without_errors() {
    let origin = Origin::simple(ok("hello"));
    let weir = Weir::before(&origin);
    load(&weir, "16");
}

#[test]
fn without_errors_before_nginx_on_many_connections() {
    let origin = External::nginx("location / { return 200 hello; }");
    let weir = Setup::new().server(&origin.server()).start();
    load(&weir, "200");
    let before = weir.rss_bytes();
    load(&weir, "200");
    let grown = weir.rss_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "a second run costs {grown} bytes more");
}
