//! What CI runs: set-up, checks, the binary under test, and every test of the workspace.

use std::path::PathBuf;

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
    let venv = root.join(".tools/venv");
    if shell::succeeds(&mut root.cargo(["nextest", "--version"])) {
        let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"];
        let mut command = root.cargo(nextest);
        command.args(["--final-status-level", "slow"]);
        return shell::run(command.args(filter).env("WEIR_BIN", weir).env("WEIR_VENV", venv));
    }
    let mut command = root.cargo(["test", "--workspace", "--no-fail-fast", "--quiet"]);
    shell::run(command.args(filter).env("WEIR_BIN", weir).env("WEIR_VENV", venv))
}

/// Builds the product with debug assertions on but fast enough for real load.
fn build(root: &Root) -> Outcome<PathBuf> {
    let profile = ["build", "--profile", "test-release", "--package", "weir", "--bin", "weir"];
    shell::run(&mut root.cargo(profile))?;
    Ok(root.target().join("test-release/weir"))
}
