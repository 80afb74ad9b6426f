//! Taking the header off a connection before anything else is read from it.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::header::{self, HEADER_BYTES_MAX, Header};
use crate::connection::Place;
use crate::fault::{Fault, Kind, Rule};
use crate::io::{Peer, Stream, ahead};
use crate::listen;
use crate::record::{Counter, account};
use crate::worker::Worker;

/// Awaits the header of a connection on a task of its own, then lets the client in.
pub fn welcome(worker: Rc<Worker>, stream: Stream, place: Place) {
    tokio::task::spawn_local(async move {
        let (mut stream, mut place) = (stream, place);
        let timeout = worker.snapshot().timeouts.request_header;
        let known = match receive(&stream, timeout).await {
            Ok(header) => settle(&worker, header, (&mut stream, &mut place)),
            Err(fault) => Err(fault),
        };
        match known {
            Ok(()) => listen::enter(&worker, stream, place),
            Err(fault) => {
                stream.reset_on_close(true);
                account::refused(&worker, place.entrance(), fault, 0);
            }
        }
    });
}

/// From here on the client is who the header says.
fn settle(
    worker: &Worker,
    header: Header,
    (stream, place): (&mut Stream, &mut Place),
) -> Result<(), Fault> {
    worker.metrics().add(Counter::ProxyHeaders, 1);
    let Some(addresses) = header.relayed else { return Ok(()) };
    stream.set_peer(Peer::Tcp(addresses.client));
    place.relayed(addresses.client, addresses.server)
}

async fn receive(stream: &Stream, timeout: Duration) -> Result<Header, Fault> {
    let (received, _) = ahead::look(stream, (timeout, HEADER_BYTES_MAX), header::parse).await;
    match received {
        // What follows the header stays in the socket.
        Ok(Ok(header)) => match stream.discard(header.length) {
            Ok(()) => Ok(header),
            Err(_) => Err(Fault::client(Kind::ClientGone)),
        },
        Ok(Err(fault)) => Err(Fault {
            rule: Some(Rule::ProxyHeader(fault.code())),
            ..Fault::client(Kind::ProxyHeaderError)
        }),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Err(Fault::client(Kind::RequestHeaderTimeout))
        }
        Err(_) => Err(Fault::client(Kind::ClientGone)),
    }
}
