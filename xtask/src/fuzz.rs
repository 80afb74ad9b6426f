//! Runs one fuzz target for a bounded time with the corpus it has.

use crate::shell::{self, Fail, Outcome, Root};

/// `cargo fuzz` needs unstable compiler flags, which the stable compiler allows when it is
/// told that it bootstraps itself.
pub fn run(root: &Root, name: &str, seconds: u32) -> Outcome {
    if shell::which("cargo-fuzz").is_none() {
        return Err(Fail::new("cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`"));
    }
    let limit = format!("-max_total_time={seconds}");
    let mut command = root.cargo(["fuzz", "run", name, "--", &limit, "-timeout=10"]);
    shell::run(command.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_TARGET_DIR"))
}
