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
    /// Start three small origins and Weir in front of them, and show requests as they flow
    Demo {
        /// Where to listen; a free port by default
        #[arg(short, long, value_name = "ADDRESS")]
        listen: Option<String>,
        /// Print the configuration of the demo and end
        #[arg(long)]
        print: bool,
    },
    /// Print the JSON Schema of the configuration
    Schema,
    /// Format a configuration file in place
    Fmt {
        /// The file; standard input to standard output when it is `-`
        file: PathBuf,
        /// Change nothing; fail when the file is not formatted
        #[arg(long)]
        check: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// Whether it is there to stay.
    pub(crate) fn serves(&self) -> bool {
        match self {
            Self::Run { .. } | Self::Proxy { .. } => true,
            Self::Demo { print, .. } => !print,
            _ => false,
        }
    }
}
