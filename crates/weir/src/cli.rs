//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

/// Weir, a reverse proxy.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run with a configuration file
    Run {
        /// The configuration file
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check a configuration file and say everything that is wrong with it
    Check {
        /// The configuration file
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Proxy to one or more servers, without a configuration file
    Proxy {
        /// Where to listen: `:8080`, `127.0.0.1:8080`, `unix:/run/weir.sock`
        #[arg(short, long, value_name = "ADDRESS", default_value = ":8080")]
        listen: String,
        /// A server to proxy to; may be given several times
        #[arg(short, long = "to", value_name = "SERVER", required = true)]
        to: Vec<String>,
        /// Worker threads; one for each available core by default
        #[arg(short, long)]
        workers: Option<u16>,
        /// Write an access log to standard output
        #[arg(long)]
        access_log: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}
