//! What can be said on the command line.

mod explain;
mod warm;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use explain::ExplainWish;
pub(crate) use warm::WarmWish;

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
    /// Look into the cache of a running Weir
    Cache {
        /// What to look at
        #[command(subcommand)]
        what: CacheCommand,
    },
    /// Remove what a running Weir keeps in its cache, or make it stale
    Purge(PurgeWish),
    /// Fill the cache of a running Weir before users ask
    Warm(WarmWish),
    /// Say what would become of a request, and why: route, middlewares, cache, upstream
    Explain(ExplainWish),
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

/// What there is to see of a cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show the keys that are asked for most; their queries may have secrets
    Top(TopWish),
    /// Show what each store holds, and how many requests it has answered
    Stats(StatsWish),
}

/// Of whom the numbers are to be shown.
#[derive(Debug, Args)]
pub(crate) struct StatsWish {
    /// The admin listener: `127.0.0.1:9900`, `unix:/run/weir-admin.sock`
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:9900")]
    pub(crate) admin: String,
}

/// Which keys are to be shown.
#[derive(Debug, Args)]
pub(crate) struct TopWish {
    /// The admin listener: `127.0.0.1:9900`, `unix:/run/weir-admin.sock`
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:9900")]
    pub(crate) admin: String,
    /// Of this store alone
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
    /// How many of each store, 256 at most
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) count: u16,
}

/// What is to go from the cache.
#[derive(Debug, Args)]
pub(crate) struct PurgeWish {
    /// The admin listener: `127.0.0.1:9900`, `unix:/run/weir-admin.sock`
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1:9900")]
    pub(crate) admin: String,
    /// What to purge
    #[command(flatten)]
    pub(crate) what: PurgeWhat,
    /// Remove it at once; without, it is made stale and may be validated
    #[arg(long)]
    pub(crate) hard: bool,
    /// In this store alone
    #[arg(long, value_name = "NAME")]
    pub(crate) cache: Option<String>,
}

/// One of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct PurgeWhat {
    /// One URL
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// All URLs that begin so
    #[arg(long, value_name = "URL")]
    pub(crate) prefix: Option<String>,
    /// All of a host
    #[arg(long)]
    pub(crate) host: Option<String>,
    /// All with this tag (`Surrogate-Key`, `Cache-Tag`)
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Everything
    #[arg(long)]
    pub(crate) all: bool,
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
