//! Everything that can be said about the tree without running the product.

use crate::shell::{self, Outcome, Root};
use crate::tidy;

/// fmt, clippy, tidy, deny: the cheapest first.
pub fn run(root: &Root) -> Outcome {
    shell::run(&mut root.cargo(["fmt", "--all", "--check"]))?;
    tidy::run(root)?;
    shell::run(&mut root.cargo(CLIPPY))?;
    deny(root)
}

const CLIPPY: [&str; 7] =
    ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];

/// The advisories database is a git repository of its own and cannot be reached from
/// everywhere; bans, licences and sources need nothing but Cargo.lock.
fn deny(root: &Root) -> Outcome {
    if shell::which("cargo-deny").is_none() {
        eprintln!("cargo-deny is not installed (`cargo xtask setup` does that): deny skipped");
        return Ok(());
    }
    shell::run(&mut root.cargo([
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
