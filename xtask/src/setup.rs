//! Installs what the tasks need from the registries; what is there already is left alone.

mod debian;
mod node;
mod python;

use clap::ValueEnum;

use crate::shell::{self, Outcome, Root};

/// What the machine is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// `cargo xtask test`
    Tests,
    /// `cargo xtask bench`
    Bench,
    /// Both
    All,
}

/// Prepares the machine; the second time it only looks.
pub fn run(root: &Root, purpose: Purpose) -> Outcome {
    debian::install(root, purpose)?;
    if purpose != Purpose::Bench {
        python::tests(root)?;
        python::tests_of_old(root)?;
        node::tests(root)?;
        cargo_deny(root)?;
    }
    if purpose != Purpose::Tests {
        python::bench(root)?;
    }
    Ok(())
}

fn cargo_deny(root: &Root) -> Outcome {
    if shell::which("cargo-deny").is_some() {
        return Ok(());
    }
    eprintln!("installing cargo-deny, which takes some minutes");
    let mut install = root.cargo(["install", "--locked", "--quiet", "cargo-deny"]);
    shell::run(install.env_remove("CARGO_TARGET_DIR"))
}
