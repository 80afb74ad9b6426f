//! One client connection: next request, serve, send, record, until it ends.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http1::{BodyLength, RequestHead};

use crate::body::Body;
use crate::codec::h1::{self, NoRequest, Plan};
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::io::clock;
use crate::limits::Seat;
use crate::record::{Counter, Gauge, account};
use crate::recycle::Recycled;
use crate::transport::Transport;
use crate::worker::Worker;
use crate::{forward, page, serve, tunnel};

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

/// What a connection takes up for as long as it is open, served or parked.
#[derive(Debug)]
pub struct Place {
    worker: Rc<Worker>,
    _seat: Seat,
}

impl Place {
    /// Counts a new connection.
    #[must_use]
    pub fn new(worker: Rc<Worker>, seat: Seat) -> Self {
        worker.metrics().add(Counter::ConnectionsAccepted, 1);
        Self { worker, _seat: seat }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.metrics().add(Counter::ConnectionsClosed, 1);
    }
}

/// An entry in the worker's register of served connections.
#[derive(Debug)]
struct Entry {
    worker: Rc<Worker>,
    key: usize,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.worker.connections().remove(self.key);
    }
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
        let worker = Rc::clone(&place.worker);
        let key = worker.connections().insert(&transport);
        let entry = Entry { worker: Rc::clone(&worker), key };
        Self { transport, worker, entry, place }
    }

    /// Serves the connection on a task of its own.
    pub fn start(self) {
        tokio::task::spawn_local(async move {
            if let Some(idle) = self.run().await {
                idle.park();
            }
        });
    }

    /// Serves requests until the connection ends (`None`) or has been idle for a while.
    async fn run(self) -> Option<Self> {
        loop {
            let snapshot = self.worker.snapshot();
            self.worker.connections().set_idle(self.entry.key, !self.transport.has_buffered());
            let client_idle = snapshot.timeouts.client_idle;
            let idle = PARK_AFTER.min(client_idle);
            let read = h1::read_request(&self.transport, &snapshot, idle).await;
            self.worker.connections().set_idle(self.entry.key, false);
            let next = match read {
                // What was put in force while the request was on its way is what it meets.
                Ok(request) => self.exchange(self.worker.snapshot(), request).await,
                Err(NoRequest::Closed) => Next::Close,
                Err(NoRequest::Idle) if self.can_park(client_idle) => return Some(self),
                Err(NoRequest::Idle) => {
                    self.worker.metrics().timeout("client-idle");
                    Next::Close
                }
                Err(NoRequest::Fault(fault)) => self.refuse(fault).await,
            };
            match next {
                Next::Request if !self.worker.is_draining() => {}
                Next::Request | Next::Close => return None,
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
        let client = forward::client(transport.stream().peer(), &head, &snapshot.trusted_proxies);
        let body = Body::from_client(Rc::clone(transport), &snapshot.timeouts);
        let mut exchange = Exchange::new(snapshot, head, (body, length), client, transport);
        let half_closes = !exchange.persists;
        let answered = {
            let answer = self.answer(&mut exchange);
            until_gone(transport, half_closes, answer).await
        };
        let Some(Answered { mut response, plan, sent, outcome }) = answered else {
            account::exchange(&self.worker, &exchange, None, account::End::gone(transport));
            return Next::Close;
        };
        let end = account::End::of(transport, sent, outcome);
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
    async fn tunnel(&self, exchange: &Exchange, response: Response) -> Next {
        let Some(lease) = &response.tunnel else { return Next::Close };
        let upstream = lease.transport();
        self.worker.metrics().add(Counter::Tunnels, 1);
        let open = self.worker.raise(Gauge::TunnelsOpen);
        let idle = exchange.snapshot.timeouts.tunnel_idle;
        let carried = tunnel::run(&self.transport, &upstream, idle).await;
        drop(open);
        if carried.timed_out {
            self.worker.metrics().timeout("tunnel-idle");
        }
        let end = account::End::tunnel(&carried);
        account::exchange(&self.worker, exchange, Some(&response), end);
        Next::Close
    }

    /// Answers what could not be read as a request.
    async fn refuse(&self, fault: Fault) -> Next {
        if fault.kind == Kind::ClientGone {
            account::refused(&self.worker, &self.transport, fault, 0);
            return Next::Close;
        }
        let mut bytes = Recycled::<Vec<u8>>::take();
        page::write_refusal(fault, &mut bytes);
        self.transport.timer().cap(None);
        self.transport.timer().set(self.worker.snapshot().timeouts.body_idle);
        let written = self.transport.write_all(&bytes).await;
        let status = if written.is_ok() { fault.status() } else { 0 };
        account::refused(&self.worker, &self.transport, fault, status);
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
