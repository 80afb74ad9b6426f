//! Making a new connection to a server, within its time.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::UnbufferedClientConnection;

use super::h2::Connection;
use super::{Lease, ServerState, StreamLease, Turn};
use crate::fault::{Fault, Kind, Retry, Rule};
use crate::io::{Session, Stream};
use crate::snapshot::{ServerTarget, Snapshot};
use crate::tls::ClientTls;
use crate::transport::Transport;

/// Addresses of one name that are tried in one attempt.
const ADDRESSES_MAX: usize = 3;

/// How often a request looks whether a name has its first answer.
const FIRST_ANSWER_LOOK: Duration = Duration::from_millis(10);

/// A way to a server, for one exchange.
pub(super) enum Way {
    /// A connection of HTTP/1.1.
    H1(Lease),
    /// A stream of HTTP/2.
    H2(StreamLease),
}

impl Way {
    /// Keeps the place on the server for as long as the way is used.
    pub(super) fn occupy(&mut self, turn: Turn) {
        match self {
            Self::H1(lease) => lease.occupy(turn),
            Self::H2(lease) => lease.occupy(turn),
        }
    }
}

/// Connects to `server` within `timeout`; nothing has been sent when it fails.
///
/// # Errors
/// `dns_error`, `connection_refused`, `connection_timeout`, `connection_terminated`, or a fault
/// of the TLS handshake.
pub(super) async fn make(
    server: &Rc<ServerState>,
    timeout: Duration,
    (snapshot, header): (&Snapshot, &[u8]),
) -> Result<Way, Fault> {
    let way = (server.tls.as_deref(), header);
    let made = async {
        if server.speaks_h1_only() {
            return Ok(Way::H1(fresh(open(server, timeout, way).await?, server)));
        }
        let _making = server.streams.making.lock().await;
        // While this one waited, another may have made room.
        if let Some(stream) = shared_stream(server) {
            return Ok(Way::H2(stream));
        }
        let stream = open(server, timeout, way).await?;
        if !server.is_h2(&stream) {
            return Ok(Way::H1(fresh(stream, server)));
        }
        let connection = Connection::begin(stream, snapshot).await?;
        server.streams.add(&connection);
        Ok(Way::H2(StreamLease::new(connection, server)))
    };
    match tokio::time::timeout(timeout, made).await {
        Err(_elapsed) => Err(fault(Kind::ConnectionTimeout)),
        Ok(made) => made,
    }
}

pub(super) fn fresh(stream: Stream, server: &Rc<ServerState>) -> Lease {
    let mut lease = Lease::fresh(Rc::new(Transport::new(stream)), server);
    if server.proxy_protocol.is_some() {
        // It has begun with the name of a client and is of no use to another.
        lease.close_after();
    }
    lease
}

/// Connects for bytes that nobody looks into, within `timeout`.
///
/// # Errors
/// As [`make`].
pub(super) async fn open_within(
    server: &ServerState,
    timeout: Duration,
    way: (Option<&ClientTls>, &[u8]),
) -> Result<Stream, Fault> {
    match tokio::time::timeout(timeout, open(server, timeout, way)).await {
        Err(_elapsed) => Err(fault(Kind::ConnectionTimeout)),
        Ok(opened) => opened,
    }
}

/// A stream on a connection that is there already.
pub(super) fn shared_stream(server: &Rc<ServerState>) -> Option<StreamLease> {
    let connection = server.streams.find()?;
    Some(StreamLease::new(connection, server))
}

/// Connects, says who the client is, and shakes hands where the connection is to be encrypted.
async fn open(
    server: &ServerState,
    timeout: Duration,
    (tls, header): (Option<&ClientTls>, &[u8]),
) -> Result<Stream, Fault> {
    let stream = reach(server, timeout).await?;
    if !header.is_empty() {
        send(&stream, header).await.map_err(|error| io_fault(&error))?;
    }
    match tls {
        None => Ok(stream),
        Some(tls) => secure(stream, tls, server.target.host()).await,
    }
}

/// Sends what goes before anything else.
async fn send(stream: &Stream, header: &[u8]) -> io::Result<()> {
    let mut rest = header;
    while !rest.is_empty() {
        let slices = [io::IoSlice::new(rest)];
        let sent = std::future::poll_fn(|cx| stream.poll_write(cx, &slices)).await?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

async fn secure(stream: Stream, tls: &ClientTls, host: &str) -> Result<Stream, Fault> {
    let host = std::str::from_utf8(http1::host_of(host.as_bytes())).unwrap_or(host);
    let name = tls.server_name(host).ok_or_else(|| fault(Kind::TlsProtocolError))?;
    let connection = UnbufferedClientConnection::new(Arc::clone(&tls.config), name);
    let connection = connection.map_err(|error| tls_fault(&error))?;
    let stream = stream.secure(Session::client(connection));
    match std::future::poll_fn(|cx| stream.poll_handshake(cx)).await {
        Ok(()) => Ok(stream),
        Err(error) => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            Err(inner.map_or_else(|| io_fault(&error), tls_fault))
        }
    }
}

/// Why a handshake with a server failed. The request has not been sent.
fn tls_fault(error: &rustls::Error) -> Fault {
    use rustls::{CertificateError, Error};
    let Error::InvalidCertificate(reason) = error else {
        return fault(match error {
            Error::AlertReceived(_) => Kind::TlsAlertReceived,
            _ => Kind::TlsProtocolError,
        });
    };
    let code = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate_expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate_not_valid_yet"
        }
        CertificateError::UnknownIssuer => "certificate_unknown_issuer",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate_wrong_name"
        }
        CertificateError::Revoked => "certificate_revoked",
        CertificateError::ApplicationVerificationFailure => "certificate_not_pinned",
        _ => "certificate_invalid",
    };
    Fault { rule: Some(Rule::Certificate(code)), ..fault(Kind::TlsCertificateError) }
}

async fn reach(server: &ServerState, timeout: Duration) -> Result<Stream, Fault> {
    match &server.target {
        ServerTarget::Ip(address, _) | ServerTarget::Resolved(address, ..) => {
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
