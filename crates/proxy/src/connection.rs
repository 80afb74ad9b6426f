//! One client connection: next request, serve, send, record, until it ends.

mod place;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http1::{BodyLength, RequestHead, Version};

use crate::body::Body;
use crate::codec::h1::{self, NoRequest, Plan};
use crate::exchange::{Exchange, Interim, Response};
use crate::fault::{Fault, Kind};
use crate::io::clock;
use crate::record::{Gauge, account};
use crate::recycle::Recycled;
use crate::transport::Transport;
use crate::tunnel::Port;
use crate::worker::{Open, Worker};
use crate::{codec, page, serve, tunnel};

pub use place::{Entrance, Place};

/// After this long without a request a connection is parked: it gives back all memory.
const PARK_AFTER: Duration = Duration::from_millis(250);

/// A client's connection while it is being served.
#[derive(Debug)]
pub struct Connection {
    transport: Rc<Transport>,
    worker: Rc<Worker>,
    /// Its entry in the worker's register.
    entry: Entry,
    place: Place,
}

/// An entry in the worker's register of served connections.
#[derive(Debug)]
pub(crate) struct Entry {
    worker: Rc<Worker>,
    key: usize,
}

impl Entry {
    /// Registers a connection for as long as this lives.
    pub(crate) fn new(worker: &Rc<Worker>, open: Open) -> Self {
        let key = worker.connections().insert(open);
        Self { worker: Rc::clone(worker), key }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.worker.connections().remove(self.key);
    }
}

/// How a connection leaves the hands of HTTP/1.1 without ending.
enum Parting {
    Park,
    Http2,
}

/// What follows an exchange.
enum Next {
    Request,
    Linger,
    Close,
}

impl Connection {
    /// A connection that is to be served.
    #[must_use]
    pub fn new(transport: Rc<Transport>, place: Place) -> Self {
        let worker = Rc::clone(place.worker());
        let entry = Entry::new(&worker, Open::H1(Rc::clone(&transport), false));
        Self { transport, worker, entry, place }
    }

    /// Serves the connection on a task of its own.
    pub fn start(self) {
        tokio::task::spawn_local(async move {
            match self.run().await {
                Some((idle, Parting::Park)) => idle.park(),
                Some((preface, Parting::Http2)) => preface.become_h2(),
                None => {}
            }
        });
    }

    /// Serves requests until the connection ends (`None`), has been idle for a while, or turns
    /// out to speak HTTP/2.
    async fn run(self) -> Option<(Self, Parting)> {
        loop {
            let snapshot = self.worker.snapshot();
            self.worker.connections().set_idle(self.entry.key, !self.transport.has_buffered());
            let client_idle = snapshot.timeouts.client_idle;
            let idle = PARK_AFTER.min(client_idle);
            let may_be_h2 = self.place.takes_preface();
            let read = h1::read_request(&self.transport, &snapshot, (idle, may_be_h2)).await;
            self.worker.connections().set_idle(self.entry.key, false);
            let next = match read {
                // What was put in force while the request was on its way is what it meets.
                Ok(request) => {
                    self.place.note_request();
                    self.exchange(self.worker.snapshot(), request).await
                }
                Err(NoRequest::Closed) => Next::Close,
                Err(NoRequest::Idle) if self.can_park(client_idle) => {
                    return Some((self, Parting::Park));
                }
                Err(NoRequest::Http2) => return Some((self, Parting::Http2)),
                Err(NoRequest::Idle) => {
                    self.worker.metrics().timeout("client-idle");
                    Next::Close
                }
                Err(NoRequest::Fault(fault)) => self.refuse(fault).await,
            };
            match next {
                Next::Request if !self.worker.is_draining() => {}
                Next::Request | Next::Close => {
                    self.transport.stream().farewell();
                    return None;
                }
                Next::Linger => {
                    h1::linger(&self.transport).await;
                    return None;
                }
            }
        }
    }

    /// What has been read must not be forgotten, and what is over needs no parking.
    fn can_park(&self, client_idle: Duration) -> bool {
        client_idle > PARK_AFTER && !self.transport.has_buffered()
    }

    /// The client knew beforehand that HTTP/2 is spoken here (RFC 9113 §3.3).
    fn become_h2(self) {
        let Self { transport, worker, entry, place } = self;
        drop(entry);
        let incoming = transport.take_buffered();
        if let Some(transport) = Rc::into_inner(transport) {
            codec::h2::start(worker, transport.into_stream(), place, incoming);
        }
    }

    /// Leaves the worker to watch the socket.
    fn park(self) {
        let Self { transport, worker, entry, place } = self;
        let until = clock::now() + worker.snapshot().timeouts.client_idle - PARK_AFTER;
        drop(entry);
        worker.count_client(transport.stream().take_traffic());
        // Nothing else holds a transport between messages.
        if let Some(transport) = Rc::into_inner(transport)
            && !worker.is_draining()
        {
            // One that cannot be watched is closed: it has nothing to lose.
            let _ = worker.parking().park(transport.into_stream(), place, until);
            worker.note_parked();
        }
    }

    /// One exchange from its head to its record.
    async fn exchange(
        &self,
        snapshot: crate::snapshot::SnapshotRef,
        (head, length): (Recycled<RequestHead>, BodyLength),
    ) -> Next {
        let transport = &self.transport;
        let _open = self.worker.raise(Gauge::ExchangesOpen);
        let body_idle = snapshot.timeouts.body_idle;
        transport.begin_body(length, u64::MAX);
        transport.timer().set(body_idle);
        let entrance = self.place.entrance();
        let client = entrance.client(&head, &snapshot.trusted_proxies);
        let body = Body::from_client(Rc::clone(transport), &snapshot.timeouts);
        let understands_interim = head.version >= Version::Http11;
        let interim = understands_interim.then(|| Interim::H1(Rc::clone(transport)));
        let mut exchange = Exchange::new(snapshot, head, (body, length), client, interim);
        exchange.tls.clone_from(&entrance.tls);
        exchange.listener = entrance.listener;
        let half_closes = !exchange.persists;
        let answered = {
            let answer = self.answer(&mut exchange);
            until_gone(transport, half_closes, answer).await
        };
        let Some(Answered { mut response, plan, sent, outcome }) = answered else {
            let end = account::End::gone(transport.body_bytes());
            account::exchange(&self.worker, &exchange, None, end);
            return Next::Close;
        };
        let end = account::End::of(transport.body_bytes(), sent, outcome);
        if outcome.is_ok() && response.tunnel.is_some() {
            return self.tunnel(&exchange, response).await;
        }
        account::exchange(&self.worker, &exchange, Some(&response), end);
        self.worker.count_client(transport.stream().take_traffic());
        response.body = Body::Empty;
        self.after(&exchange, plan, outcome).await
    }

    /// Serves, then sends.
    async fn answer(&self, exchange: &mut Exchange) -> Answered {
        let mut response = serve::serve(&self.worker, exchange).await;
        let transport = &self.transport;
        if let Some(fault) = response.fault.filter(|fault| fault.kind.is_silent()) {
            let plan = Plan::switching();
            return Answered { response, plan, sent: 0, outcome: Err(fault) };
        }
        let plan = if response.tunnel.is_some() {
            Plan::switching()
        } else {
            Plan::of(exchange, &response, transport, self.worker.is_draining())
        };
        if let Some(total) = exchange.total_left() {
            transport.timer().cap(Some(total));
        }
        // Whatever ends it early, a cut body must not look like a whole one.
        let marks_end = plan.ends_with_connection();
        if marks_end {
            transport.stream().reset_on_close(true);
        }
        let (sent, outcome) = h1::send(transport, exchange, &mut response, plan).await;
        let outcome = outcome.map_err(|fault| exchange.blame(fault));
        if marks_end && outcome.is_ok() {
            transport.stream().reset_on_close(false);
        }
        Answered { response, plan, sent, outcome }
    }

    async fn after(&self, exchange: &Exchange, plan: Plan, outcome: Result<(), Fault>) -> Next {
        if outcome.is_err() {
            return Next::Close;
        }
        if !plan.keeps_alive {
            return if self.transport.is_body_done() { Next::Close } else { Next::Linger };
        }
        let idle = exchange.snapshot.timeouts.body_idle;
        match h1::drain(&self.transport, idle).await {
            Ok(()) => Next::Request,
            Err(_) => Next::Close,
        }
    }

    /// After 101 the connection belongs to the two ends.
    async fn tunnel(&self, exchange: &Exchange, mut response: Response) -> Next {
        let Some(far) = response.tunnel.take() else { return Next::Close };
        let near = Port::client(&self.transport);
        let end = tunnel::serve(&self.worker, exchange, (near, far)).await;
        account::exchange(&self.worker, exchange, Some(&response), end);
        Next::Close
    }

    /// Answers what could not be read as a request.
    async fn refuse(&self, fault: Fault) -> Next {
        if fault.kind == Kind::ClientGone {
            account::refused(&self.worker, self.place.entrance(), fault, 0);
            return Next::Close;
        }
        let mut bytes = Recycled::<Vec<u8>>::take();
        page::write_refusal(fault, &mut bytes);
        self.transport.timer().cap(None);
        self.transport.timer().set(self.worker.snapshot().timeouts.body_idle);
        let written = self.transport.write_all(&bytes).await;
        let status = if written.is_ok() { fault.status() } else { 0 };
        account::refused(&self.worker, self.place.entrance(), fault, status);
        if written.is_ok() { Next::Linger } else { Next::Close }
    }
}

/// A response that was sent, or not quite.
struct Answered {
    response: Response,
    plan: Plan,
    sent: u64,
    outcome: Result<(), Fault>,
}

/// Runs `work` until it is done or the client has left (`None`), which cancels it.
///
/// A client that announced its last request may close its sending side and still read: only a
/// client of a lasting connection has left when it closes.
async fn until_gone<T>(
    transport: &Transport,
    half_closes: bool,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        if !half_closes && transport.is_body_done() && transport.poll_gone(cx).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<T, F: Future>(_: impl FnOnce(T) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection costs while it serves; parked it is only a socket and a timer.
    #[test]
    fn a_serving_connection_is_small() {
        let bytes = size(Connection::run);
        assert!(bytes <= 6 * 1024, "{bytes} bytes");
    }
}
