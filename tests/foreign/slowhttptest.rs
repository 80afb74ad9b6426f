//! slowhttptest: many slow clients at once, and Weir still serves the quick ones.

use std::process::{Command, Stdio};

use dialogue::get;
use testkit::external::tool;
use testkit::origin::ok;
use testkit::{Origin, Setup, Weir};

fn patient_with_few() -> (Origin, Weir) {
    let origin = Origin::simple(ok("quick"));
    let timeouts = "timeouts { request-header \"1s\"; body-idle \"1s\"; }";
    let weir = Setup::new().global(timeouts).to(&origin).start();
    (origin, weir)
}

/// Runs the tool in one of its modes while plain requests go on; all slow ones must end.
fn attack(mode: &[&str]) {
    let (_origin, weir) = patient_with_few();
    let mut command = Command::new(tool("slowhttptest"));
    command.args(["-c", "200", "-r", "200", "-l", "4", "-p", "2"]).args(mode);
    command.arg("-u").arg(weir.url("/")).current_dir(weir.dir());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut attacker = command.spawn().expect("slowhttptest");
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) > 50.0);
    for _ in 0..50 {
        assert_eq!(weir.client().exchange(get("/")).text(), "quick");
    }
    attacker.wait().expect("it ends");
    weir.wait_metrics(|m| m.sum("weir_connections_open", &[]) <= 1.0);
    assert_eq!(weir.client().exchange(get("/")).text(), "quick");
}

#[test]
fn slowloris() {
    attack(&["-H", "-i", "1"]);
}

#[test]
fn slow_body() {
    attack(&["-B", "-i", "1", "-s", "8192"]);
}

#[test]
fn slow_read() {
    attack(&["-X", "-w", "1", "-y", "10", "-n", "1", "-z", "1"]);
}
