//! Debian's `varnishtest` with our own dialogues in `tests/vtc`: an HTTP client and server that
//! somebody else wrote, with Weir between them.

use std::path::Path;
use std::process::Command;

use testkit::Setup;
use testkit::external::{run, tool};

/// Plays one dialogue. Its server listens on `${origin}` and its clients talk to `${weir}`.
fn play(name: &str, setup: Setup) {
    let origin = testkit::port::free_addr();
    let weir = setup.server(&origin.to_string()).start();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vtc").join(name);
    let mut command = Command::new(tool("varnishtest"));
    command.args(["-t", "20", "-D", &format!("weir={}", weir.addr())]);
    command.args(["-D", &format!("origin={origin}")]).arg(file);
    let (code, out, err) = run(command.env("TMPDIR", weir.dir()));
    assert_eq!(code, Some(0), "{}{err}", String::from_utf8_lossy(&out));
}

#[test]
fn pipeline() {
    play("pipeline.vtc", Setup::new());
}

#[test]
fn chunks() {
    play("chunks.vtc", Setup::new());
}

#[test]
fn fields() {
    play("fields.vtc", Setup::new());
}

#[test]
fn bodiless() {
    play("bodiless.vtc", Setup::new());
}

#[test]
fn close() {
    play("close.vtc", Setup::new());
}

#[test]
fn refusals() {
    play("refusals.vtc", Setup::new());
}

#[test]
fn slow_origin() {
    play("slow_origin.vtc", Setup::new().upstream("timeouts first-byte=\"500ms\""));
}

#[test]
fn retry() {
    play("retry.vtc", Setup::new());
}

#[test]
fn edits() {
    let route = "request-headers { set \"X-Env\" \"prod\"; remove \"X-Debug\"; }\n\
                 response-headers { remove \"Server\"; add \"Vary\" \"Origin\"; }";
    play("edits.vtc", Setup::new().route(route));
}
