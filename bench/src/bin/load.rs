//! `load exchange|objects|idle ADDRESS`: the load generator for what `wrk` cannot do.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use weir_bench::load::{self, Asks, Plan};
use weir_bench::object::Family;
use weir_bench::picks::{Order, Picks};
use weir_bench::{h2_idle, idle, tally::Tally, tls, zipf::Zipf};

/// After this, objects are asked for no more.
const OBJECTS_TIME_MAX: Duration = Duration::from_secs(600);

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Requests one after the other on each of some lanes
    Exchange(Exchange),
    /// Another object with every request, in a sequence that is the same each time
    Objects(Objects),
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

#[derive(Args)]
struct Objects {
    /// The proxy
    target: SocketAddr,
    /// What the objects are like
    #[arg(long)]
    family: Likeness,
    /// Bytes of each, where all are of one size
    #[arg(long, default_value_t = 1024)]
    bytes: u64,
    /// How they follow one another
    #[arg(long)]
    order: Sequence,
    /// Exponent of Zipf's law
    #[arg(long, default_value_t = 1.0)]
    alpha: f64,
    /// How many there are
    #[arg(long)]
    count: u64,
    /// Requests of the sequence that were made before
    #[arg(long, default_value_t = 0)]
    skip: u64,
    /// Requests to make
    #[arg(long)]
    requests: u64,
    /// At a time
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Likeness {
    /// Of sizes as they are met with
    Spread,
    /// Of one size
    Fixed,
    /// Of one size, stale after a second
    Brief,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sequence {
    InTurn,
    Even,
    Zipf,
}

fn main() -> io::Result<()> {
    match Cli::parse().kind {
        Kind::Exchange(wanted) => {
            println!("{}", load::run(plan(wanted))?.line());
        }
        Kind::Objects(wanted) => {
            println!("{}", load::run(objects(&wanted))?.line());
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
    let asks = Asks::Same { path, upload_bytes };
    Plan { target, asks, close, connections, duration, requests_max: requests }
}

/// Ends with its requests; the time is only there so that it ends at all.
fn objects(wanted: &Objects) -> Plan {
    let family = match wanted.family {
        Likeness::Spread => Family::Spread,
        Likeness::Fixed => Family::Fixed(wanted.bytes),
        Likeness::Brief => Family::Brief(wanted.bytes),
    };
    let order = match wanted.order {
        Sequence::InTurn => Order::InTurn,
        Sequence::Even => Order::Even,
        Sequence::Zipf => Order::Zipf(Zipf::new(wanted.count, wanted.alpha)),
    };
    Plan {
        target: wanted.target,
        asks: Asks::Objects(Picks::new(family, wanted.count, order, wanted.skip)),
        close: false,
        connections: wanted.connections,
        duration: OBJECTS_TIME_MAX,
        requests_max: wanted.requests,
    }
}
