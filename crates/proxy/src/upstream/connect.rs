//! Making a new connection to a server, within its time.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::{Lease, ServerState};
use crate::fault::{Fault, Kind, Retry};
use crate::io::Stream;
use crate::snapshot::ServerTarget;
use crate::transport::Transport;

/// Addresses of one name that are tried in one attempt.
const ADDRESSES_MAX: usize = 3;

/// Connects to `server` within `timeout`; nothing has been sent when it fails.
///
/// # Errors
/// `dns_error`, `connection_refused`, `connection_timeout` or `connection_terminated`.
pub(super) async fn lease(server: &Rc<ServerState>, timeout: Duration) -> Result<Lease, Fault> {
    let outcome = tokio::time::timeout(timeout, open(server)).await;
    let stream = match outcome {
        Err(_elapsed) => return Err(fault(Kind::ConnectionTimeout)),
        Ok(Err(fault)) => return Err(fault),
        Ok(Ok(stream)) => stream,
    };
    Ok(Lease::fresh(Rc::new(Transport::new(stream)), server))
}

async fn open(server: &ServerState) -> Result<Stream, Fault> {
    match &server.target {
        ServerTarget::Ip(address, _) => Stream::connect_tcp(*address).await.map_err(io_fault),
        ServerTarget::Unix(path, _) => Stream::connect_unix(path).await.map_err(io_fault),
        ServerTarget::Name(name) => {
            let addresses = name.addresses.load();
            open_any(server.next_turn(), &addresses).await
        }
    }
}

/// Tries the addresses of a name in turn, beginning at a different one each time.
async fn open_any(turn: usize, addresses: &[SocketAddr]) -> Result<Stream, Fault> {
    let mut last = fault(Kind::DnsError);
    for step in 0..addresses.len().min(ADDRESSES_MAX) {
        let Some(address) = addresses.get((turn + step) % addresses.len()) else { break };
        match Stream::connect_tcp(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = io_fault(error),
        }
    }
    Err(last)
}

fn io_fault(error: io::Error) -> Fault {
    fault(match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Kind::ConnectionRefused,
        io::ErrorKind::TimedOut => Kind::ConnectionTimeout,
        _ => Kind::ConnectionTerminated,
    })
}

fn fault(kind: Kind) -> Fault {
    Fault::upstream(kind, Retry::IfUnsent)
}
