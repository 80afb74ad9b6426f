//! Taking the header off a connection before anything else is read from it.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::header::{self, HEADER_BYTES_MAX, Header, HeaderFault};
use crate::connection::Place;
use crate::fault::{Fault, Kind, Rule};
use crate::io::{Peer, Stream, Timer};
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
    let timer = Timer::new();
    timer.set(timeout);
    let mut seen = 0;
    let received = poll_fn(|cx| match poll_header(stream, cx, &mut seen) {
        Poll::Pending => timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        ready => ready,
    })
    .await;
    match received {
        Ok(Ok(header)) => Ok(header),
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

/// Looks again whenever more has come; what follows the header stays in the socket.
fn poll_header(
    stream: &Stream,
    cx: &mut Context<'_>,
    seen: &mut usize,
) -> Poll<io::Result<Result<Header, HeaderFault>>> {
    let mut scratch = [0; HEADER_BYTES_MAX];
    loop {
        let count = ready!(stream.poll_peek(cx, *seen, &mut scratch))?;
        *seen = count;
        let found = match header::parse(scratch.get(..count).unwrap_or_default()) {
            Ok(None) => continue,
            Ok(Some(header)) => Ok(header),
            Err(fault) => Err(fault),
        };
        if let Ok(header) = found {
            stream.discard(header.length)?;
        }
        return Poll::Ready(Ok(found));
    }
}
