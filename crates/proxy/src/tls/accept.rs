//! The handshake with a client.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use rustls::server::UnbufferedServerConnection;

use super::{Facts, ServerTls};
use crate::codec;
use crate::connection::{Connection, Place};
use crate::fault::{Fault, Kind};
use crate::io::{Buffer, Session, Stream, Timer};
use crate::layer4;
use crate::record::{Counter, account};
use crate::transport::Transport;
use crate::worker::Worker;

/// Shakes hands on a task of its own, then serves what was agreed upon.
pub fn accept(worker: Rc<Worker>, stream: Stream, place: Place) {
    let per_s_max = worker.snapshot().tls_handshakes_per_client;
    if let Err(fault) = worker.seats().shake_hands(stream.peer(), per_s_max) {
        // The cheapest answer there is: a reset. A flood is counted and gets no log lines.
        stream.reset_on_close(true);
        return worker.turned_away(fault);
    }
    tokio::task::spawn_local(async move {
        let Some(tls) = plan(&worker, &place) else { return };
        let config = Arc::clone(&tls.config);
        let Ok(connection) = UnbufferedServerConnection::new(config) else { return };
        let stream = stream.secure(Session::server(connection));
        match shake_hands(&worker, &stream).await {
            Ok(()) => enter(worker, (stream, place), &tls),
            Err(error) => fail(&worker, &place, &error),
        }
    });
}

fn plan(worker: &Worker, place: &Place) -> Option<Arc<ServerTls>> {
    let snapshot = worker.snapshot();
    snapshot.listeners.get(place.entrance().listener as usize)?.tls.clone()
}

async fn shake_hands(worker: &Worker, stream: &Stream) -> io::Result<()> {
    let timer = Timer::new();
    timer.set(worker.snapshot().timeouts.tls_handshake);
    poll_fn(|cx| match stream.poll_handshake(cx) {
        Poll::Pending => timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        ready => ready,
    })
    .await
}

fn enter(worker: Rc<Worker>, (stream, mut place): (Stream, Place), tls: &ServerTls) {
    worker.metrics().add(Counter::TlsHandshakes, 1);
    let facts = stream.with_session(|session| Facts::of(session, tls.client_cert.as_ref()));
    let Some(facts) = facts else { return };
    if facts.is_resumed {
        worker.metrics().add(Counter::TlsResumptions, 1);
    }
    let is_h2 = facts.alpn == Some("h2") || place.is_h2_only();
    place.secure(facts);
    if place.is_passed_on() {
        layer4::start(&worker, stream, (place, layer4::Way::Only));
    } else if is_h2 {
        codec::h2::start(worker, stream, place, Buffer::default());
    } else {
        Connection::new(Rc::new(Transport::new(stream)), place).start();
    }
}

/// Records why a handshake came to nothing. A client that just leaves is not worth a line.
fn fail(worker: &Worker, place: &Place, error: &io::Error) {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => Kind::TlsHandshakeTimeout,
        io::ErrorKind::InvalidData => Kind::TlsHandshakeFailed,
        io::ErrorKind::OutOfMemory => Kind::MemoryExceeded,
        _ => return worker.metrics().add(Counter::TlsAbandoned, 1),
    };
    account::refused(worker, place.entrance(), Fault::client(kind), 0);
}
