//! The command line: reads what the user wants and starts it.

mod allocator;
mod caches;
mod certificates;
mod cli;
mod command;
mod discovery;
mod explain;
mod live;
mod probes;
mod roster;
mod servers;
mod signals;
mod start;
mod tunables;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Parsing ends the process with code 2 on a usage error, and with 0 after help or version.
    match command::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}
