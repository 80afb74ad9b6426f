//! The command line of the tasks; the tasks themselves are in the library beside it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::shell::{Outcome, Root};
use xtask::{bench, check, fuzz, setup, test, tidy};

/// Tasks of the project: set-up, checks, tests, benchmarks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the other tasks need; quick when all of it is there
    Setup {
        /// What to prepare for
        #[arg(value_enum, default_value_t = setup::Purpose::All)]
        purpose: setup::Purpose,
    },
    /// fmt, clippy, tidy and deny, without running a test
    Check,
    /// Set up, check, build the binary under test and run every test
    Test {
        /// Passed on to the test runner, for example a test's name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        filter: Vec<String>,
    },
    /// Measure Weir and its peers side by side in one run
    Bench(bench::Options),
    /// Run one fuzz target for a while
    Fuzz {
        /// A target of fuzz/fuzz_targets
        name: String,
        /// How long, in seconds
        seconds: u32,
    },
    /// Hold the tree against the house rules that no other tool knows
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            eprintln!("error: {fail}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome {
    let root = Root::find()?;
    match task {
        Task::Setup { purpose } => setup::run(&root, purpose),
        Task::Check => check::run(&root),
        Task::Test { filter } => test::run(&root, &filter),
        Task::Bench(options) => bench::run(&root, &options),
        Task::Fuzz { name, seconds } => fuzz::run(&root, &name, seconds),
        Task::Tidy => tidy::run(&root),
    }
}
