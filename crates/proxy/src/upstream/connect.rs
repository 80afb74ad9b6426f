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

/// How often a request looks whether a name has its first answer.
const FIRST_ANSWER_LOOK: Duration = Duration::from_millis(10);

/// Connects to `server` within `timeout`; nothing has been sent when it fails.
///
/// # Errors
/// `dns_error`, `connection_refused`, `connection_timeout` or `connection_terminated`.
pub(super) async fn lease(server: &Rc<ServerState>, timeout: Duration) -> Result<Lease, Fault> {
    let outcome = tokio::time::timeout(timeout, open(server, timeout)).await;
    let stream = match outcome {
        Err(_elapsed) => return Err(fault(Kind::ConnectionTimeout)),
        Ok(Err(fault)) => return Err(fault),
        Ok(Ok(stream)) => stream,
    };
    Ok(Lease::fresh(Rc::new(Transport::new(stream)), server))
}

async fn open(server: &ServerState, timeout: Duration) -> Result<Stream, Fault> {
    match &server.target {
        ServerTarget::Ip(address, _) => {
            Stream::connect_tcp(*address).await.map_err(|error| io_fault(&error))
        }
        ServerTarget::Unix(path, _) => {
            Stream::connect_unix(path).await.map_err(|error| io_fault(&error))
        }
        ServerTarget::Name(name) => {
            // Right after the start the first answer may still be on its way.
            while !name.is_settled() {
                tokio::time::sleep(FIRST_ANSWER_LOOK).await;
            }
            let addresses = name.addresses();
            open_any(server.next_turn(), &addresses, timeout).await
        }
    }
}

/// Tries the addresses of a name in turn, beginning at a different one each time.
/// One that does not answer leaves time for the others.
async fn open_any(
    turn: usize,
    addresses: &[SocketAddr],
    timeout: Duration,
) -> Result<Stream, Fault> {
    let mut last = fault(Kind::DnsError);
    let tries = addresses.len().min(ADDRESSES_MAX);
    let share = timeout / tries.max(1) as u32;
    for step in 0..tries {
        let Some(address) = addresses.get((turn + step) % addresses.len()) else { break };
        match tokio::time::timeout(share, Stream::connect_tcp(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = io_fault(&error),
            Err(_elapsed) => last = fault(Kind::ConnectionTimeout),
        }
    }
    Err(last)
}

fn io_fault(error: &io::Error) -> Fault {
    fault(match error.kind() {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::NotFound
        // A Unix socket whose queue is full.
        | io::ErrorKind::WouldBlock => Kind::ConnectionRefused,
        io::ErrorKind::TimedOut => Kind::ConnectionTimeout,
        _ => Kind::ConnectionTerminated,
    })
}

fn fault(kind: Kind) -> Fault {
    Fault::upstream(kind, Retry::IfUnsent)
}
