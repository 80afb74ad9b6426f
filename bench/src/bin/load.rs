//! `load exchange|idle ADDRESS`: the load generator for what `wrk` cannot do.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use weir_bench::load::{self, Plan};
use weir_bench::{h2_idle, idle, tally::Tally, tls};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Requests one after the other on each of some lanes
    Exchange(Exchange),
    /// Connections that stay open, silent, until standard input ends
    Idle {
        /// The proxy
        target: SocketAddr,
        /// How many
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
        /// Each with TLS
        #[arg(long, conflicts_with = "h2")]
        tls: bool,
        /// Each with HTTP/2
        #[arg(long)]
        h2: bool,
    },
    /// A TLS handshake and a small request on each connection
    Handshakes {
        /// The proxy
        target: SocketAddr,
        /// Resume the session of the connection before
        #[arg(long)]
        resume: bool,
        /// At a time
        #[arg(long, default_value_t = 8)]
        connections: usize,
        /// How long
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// Downloads over TLS, one after the other
    Downloads {
        /// The proxy
        target: SocketAddr,
        /// Request target
        #[arg(long)]
        path: String,
        /// How many
        #[arg(long, default_value_t = 1)]
        requests: u64,
    },
}

#[derive(Args)]
struct Exchange {
    /// The proxy
    target: SocketAddr,
    /// Request target
    #[arg(long, default_value = "/small")]
    path: String,
    /// Body of each request; 0 makes it a GET
    #[arg(long, default_value_t = 0)]
    upload_bytes: u64,
    /// A new connection for every request
    #[arg(long)]
    close: bool,
    /// Exchanges at a time
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// How many at most
    #[arg(long, default_value_t = u64::MAX)]
    requests: u64,
}

fn main() -> io::Result<()> {
    match Cli::parse().kind {
        Kind::Exchange(wanted) => {
            println!("{}", load::run(plan(wanted))?.line());
        }
        Kind::Idle { target, connections, tls: true, .. } => {
            hold(&tls::idle(target, connections)?)?;
        }
        Kind::Idle { target, connections, h2: true, .. } => {
            hold(&h2_idle::open(target, connections)?)?;
        }
        Kind::Idle { target, connections, .. } => hold(&idle::open(target, connections)?)?,
        Kind::Handshakes { target, resume, connections, seconds } => {
            let time = Duration::from_secs_f64(seconds);
            println!("{}", tls::handshakes(target, resume, (connections, time))?.line());
        }
        Kind::Downloads { target, path, requests } => {
            println!("{}", tls::downloads(target, &path, requests)?.line());
        }
    }
    Ok(())
}

/// Holds connections until standard input ends.
fn hold<T>(open: &[T]) -> io::Result<()> {
    let mut tally = Tally::default();
    tally.requests = open.len() as u64;
    println!("{}", tally.line());
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn plan(wanted: Exchange) -> Plan {
    let Exchange { target, path, upload_bytes, close, connections, seconds, requests } = wanted;
    let duration = Duration::from_secs_f64(seconds);
    Plan { target, path, upload_bytes, close, connections, duration, requests_max: requests }
}
