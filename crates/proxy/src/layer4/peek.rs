//! TLS connections that may be passed on as they are: a look at the first message, which stays
//! in the socket for whoever gets the connection.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use super::hello;
use super::tcp::{self, Way};
use crate::connection::Place;
use crate::fault::{Fault, Kind};
use crate::io::{Stream, ahead};
use crate::record::account;
use crate::tls;
use crate::worker::Worker;

/// What follows a look.
enum Verdict {
    /// It is passed on.
    Pass(Way),
    /// It is for us.
    Decrypt,
    /// It is for nobody, and this much of it has been seen.
    Refuse(Fault, usize),
}

/// A fatal alert: there is no such name here (RFC 6066 §3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Looks at the first message on a task of its own, then passes the connection on, shakes hands,
/// or ends it.
pub fn start(worker: &Rc<Worker>, stream: Stream, place: Place) {
    let worker = Rc::clone(worker);
    tokio::task::spawn_local(async move {
        match look(&worker, &stream, &place).await {
            Verdict::Pass(way) => tcp::start(&worker, stream, (place, way)),
            Verdict::Decrypt => tls::accept(worker, stream, place),
            Verdict::Refuse(fault, seen) => {
                refuse(&stream, fault, seen).await;
                account::refused(&worker, place.entrance(), fault, 0);
            }
        }
    });
}

async fn look(worker: &Worker, stream: &Stream, place: &Place) -> Verdict {
    let snapshot = worker.snapshot();
    let Some(listener) = snapshot.listeners.get(place.entrance().listener as usize) else {
        return Verdict::Refuse(Fault::proxy(Kind::ProxyInternalError), 0);
    };
    let bounds = (snapshot.timeouts.tls_handshake, snapshot.tls_hello_bytes_max);
    let (looked, seen) = ahead::look(stream, bounds, hello::parse).await;
    let decrypts = listener.tls.is_some();
    match looked {
        Ok(Ok(hello)) => match listener.passes.find(&hello) {
            Some(route) => Verdict::Pass(Way::Route(route, hello.name)),
            None if decrypts => Verdict::Decrypt,
            None => Verdict::Refuse(Fault::client(Kind::MisdirectedHost), seen),
        },
        // Our own handshake says best what is wrong.
        Ok(Err(_)) if decrypts => Verdict::Decrypt,
        Ok(Err(_)) => Verdict::Refuse(Fault::client(Kind::TlsHandshakeFailed), seen),
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
            worker.metrics().limit("tls-hello-bytes-max");
            Verdict::Refuse(Fault::client(Kind::TlsHandshakeFailed), seen)
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Verdict::Refuse(Fault::client(Kind::TlsHandshakeTimeout), seen)
        }
        Err(_) => Verdict::Refuse(Fault::client(Kind::ClientGone), seen),
    }
}

/// Ends a connection that is for nobody; who asked for a name that is not here is told so.
async fn refuse(stream: &Stream, fault: Fault, seen: usize) {
    if fault.kind == Kind::MisdirectedHost {
        let alert = [io::IoSlice::new(&UNRECOGNIZED_NAME)];
        // One attempt: whoever does not take seven bytes is not waited for.
        let _ = poll_fn(|cx| match stream.poll_write(cx, &alert) {
            Poll::Pending => Poll::Ready(Ok(0)),
            ready => ready,
        })
        .await;
        // What was sent would be lost to a reset by the bytes that nobody has read.
        let _ = stream.discard(seen);
        stream.shutdown_write();
    } else {
        stream.reset_on_close(true);
    }
}
