//! What CI runs: set-up, checks, the binary under test, and every test of the workspace.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Outcome, Root};
use crate::{check, setup};

/// Runs all of it; `filter` goes to the test runner. With a filter only the tests are run,
/// since then a person is at work on one of them.
pub fn run(root: &Root, filter: &[String]) -> Outcome {
    setup::run(root, setup::Purpose::Tests)?;
    if filter.is_empty() {
        check::run(root)?;
    }
    let weir = build(root)?;
    let mut command = runner(root);
    command.args(filter).env("WEIR_BIN", weir).env("WEIR_VENV", root.join(".tools/venv"));
    if filter.is_empty() {
        // Among hundreds of tests, the message of a failure is read and its stack is not.
        command.env("RUST_BACKTRACE", "0");
    }
    shell::run(&mut command)
}

/// nextest where it is installed, which ends tests that hang; else cargo's own.
fn runner(root: &Root) -> Command {
    if shell::succeeds(&mut root.cargo(["nextest", "--version"])) {
        let nextest = ["nextest", "run", "--workspace", "--no-fail-fast"];
        let mut command = root.cargo(nextest);
        command.args(["--status-level", "fail", "--final-status-level", "slow"]);
        return command;
    }
    root.cargo(["test", "--workspace", "--no-fail-fast", "--quiet"])
}

/// Builds the product with debug assertions on but fast enough for real load.
fn build(root: &Root) -> Outcome<PathBuf> {
    let profile = ["build", "--profile", "test-release", "--package", "weir", "--bin", "weir"];
    shell::run(&mut root.cargo(profile))?;
    Ok(root.target().join("test-release/weir"))
}
