//! `origin 127.0.0.1:PORT`: the cheap origin of the benchmarks.

use std::io;
use std::net::{SocketAddr, TcpListener};

use clap::Parser;
use weir_bench::origin::Origin;

/// Serves /small, /16k, /1m, /stream?bytes=N, objects by number, and takes any upload at /upload.
#[derive(Parser)]
struct Cli {
    /// Where to listen
    address: SocketAddr,
}

fn main() -> io::Result<()> {
    Origin::new(TcpListener::bind(Cli::parse().address)?)?.serve()
}
