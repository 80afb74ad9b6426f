//! One stream of a client: its request through the rooms, and the response back into it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http1::{Method, RequestHead, ResponseHead};

use super::send::{Outlet, Pump};
use super::shared::Shared;
use super::{head, websocket};
use crate::body::{Body, H2Body, Inflow};
use crate::connection::Entrance;
use crate::exchange::{Exchange, Interim, Response};
use crate::fault::{Fault, Kind, Side};
use crate::io::memory;
use crate::record::{Gauge, account};
use crate::recycle::Recycled;
use crate::tunnel::{self, Port};
use crate::worker::Worker;
use crate::{page, serve};

/// Sends what goes before the response, and the response itself.
#[derive(Debug)]
pub struct Responder {
    send: RefCell<SendResponse<Bytes>>,
    inflow: Rc<Inflow>,
}

impl Responder {
    /// Relays an interim response.
    ///
    /// # Errors
    /// When the stream is gone.
    pub fn send_interim(&self, head: &ResponseHead) -> Result<(), Fault> {
        let response = head::response(head, None);
        let sent = self.send.borrow_mut().send_informational(response);
        sent.map_err(|_| Fault::client(Kind::ClientGone))?;
        if head.status == 100 {
            self.inflow.release();
        }
        Ok(())
    }

    fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.send.borrow_mut().poll_reset(cx).map(drop)
    }

    fn send_head(
        &self,
        head: &ResponseHead,
        length: Option<u64>,
        ended: bool,
    ) -> Result<SendStream<Bytes>, Fault> {
        let response = head::response(head, length);
        let sent = self.send.borrow_mut().send_response(response, ended);
        sent.map_err(|_| Fault::client(Kind::ClientGone))
    }

    fn reset(&self, reason: Reason) {
        self.send.borrow_mut().send_reset(reason);
    }
}

/// A request as the engine hands it over.
pub(super) struct Arrival {
    pub(super) request: http::Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
    pub(super) worker: Rc<Worker>,
    pub(super) entrance: Rc<Entrance>,
    pub(super) shared: Rc<Shared>,
}

impl Arrival {
    /// Serves the request and records it.
    pub(super) async fn serve(self) {
        let Self { request, respond, worker, entrance, shared } = self;
        let (parts, stream) = request.into_parts();
        let snapshot = worker.snapshot();
        let inflow = Inflow::new(snapshot.timeouts.body_idle);
        let respond = RefCell::new(respond);
        let responder = Rc::new(Responder { send: respond, inflow: Rc::clone(&inflow) });
        let sender = Sender { worker, entrance, shared, responder };
        let expanded = head::expanded_bytes(&parts.headers);
        let Ok(_held) = memory::Share::take(expanded) else {
            return sender.refuse(Fault::proxy(Kind::MemoryExceeded)).await;
        };
        let protocol = parts.extensions.get::<h2::ext::Protocol>().map(h2::ext::Protocol::as_str);
        let mut head = Recycled::<RequestHead>::take();
        let read = websocket::read(&parts, protocol, |parts| {
            head::read(parts, stream.is_end_stream(), (&mut head, &snapshot.head_limits))
        });
        let length = match read {
            Ok(length) => length,
            Err(refusal) => return sender.refuse(Fault::refused(Side::Client, refusal)).await,
        };
        let priority = head.headers.values_named(b"priority").next();
        sender.shared.prioritize(sender.id(), priority);
        let client = sender.entrance.client(&head, &snapshot.trusted_proxies);
        let (body, tunnel) = if protocol.is_some() {
            websocket::prepare(&mut head);
            (Body::Empty, Some(stream))
        } else if stream.is_end_stream() {
            (Body::Empty, None)
        } else {
            let pace = (snapshot.timeouts.body_rate_min, None);
            let body = H2Body::new(stream, Rc::clone(&inflow), Side::Client, pace);
            (Body::H2(Box::new(body)), None)
        };
        let interim = Some(Interim::H2(Rc::clone(&sender.responder)));
        let mut exchange = Exchange::new(snapshot, head, (body, length), client, interim);
        exchange.upgrades |= protocol.is_some();
        exchange.tls.clone_from(&sender.entrance.tls);
        exchange.listener = sender.entrance.listener;
        sender.run(exchange, tunnel).await;
    }
}

/// The way back to the client.
struct Sender {
    worker: Rc<Worker>,
    entrance: Rc<Entrance>,
    shared: Rc<Shared>,
    responder: Rc<Responder>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.shared.leave(self.id());
    }
}

impl Sender {
    fn id(&self) -> u32 {
        self.responder.send.borrow().stream_id().as_u32()
    }

    /// The exchange from its request to its record.
    async fn run(&self, mut exchange: Exchange, tunnel: Option<RecvStream>) {
        let _open = self.worker.raise(Gauge::ExchangesOpen);
        let answer = serve::serve(&self.worker, &mut exchange);
        let Some(mut response) = self.until_reset(answer).await else {
            let end = account::End::gone(self.responder.inflow.received());
            account::exchange(&self.worker, &exchange, None, end);
            return;
        };
        let outcome = match (response.tunnel.is_some(), tunnel) {
            (true, Some(stream)) => {
                return self.tunnel(&exchange, response, stream).await;
            }
            (true, None) => Err(Fault::proxy(Kind::ProxyInternalError)),
            (false, _) => Ok(()),
        };
        let (sent, outcome) = match outcome {
            Ok(()) => self.send(&exchange, &mut response).await,
            Err(fault) => {
                self.responder.reset(Reason::INTERNAL_ERROR);
                (0, Err(fault))
            }
        };
        let outcome = outcome.map_err(|fault| exchange.blame(fault));
        if outcome.is_ok() {
            self.shared.answered();
        }
        let end = account::End::of(self.responder.inflow.received(), sent, outcome);
        account::exchange(&self.worker, &exchange, Some(&response), end);
    }

    /// Runs `work` until it is done or the client gives the stream up, which cancels it.
    async fn until_reset<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.responder.poll_reset(cx).map(|()| None),
        })
        .await
    }

    /// Sends the response. Returns the body bytes that went out, with the fault that ended it.
    async fn send(&self, exchange: &Exchange, response: &mut Response) -> (u64, Result<(), Fault>) {
        if let Some(fault) = response.fault.filter(|fault| fault.kind.is_silent()) {
            self.responder.reset(Reason::CANCEL);
            return (0, Err(fault));
        }
        let body = std::mem::replace(&mut response.body, Body::Empty);
        let status = response.head.status;
        let has_body = exchange.request.method != Method::Head && !matches!(status, 204 | 304);
        let body = if has_body { body } else { Body::Empty };
        let ended = body.is_empty() && body.with_trailers(|trailers| trailers.is_none());
        if let Some(priority) = response.head.headers.values_named(b"priority").next() {
            self.shared.prioritize(self.id(), Some(priority));
        }
        let length = response.declared_length.filter(|_| status != 204);
        let stream = match self.responder.send_head(&response.head, length, ended) {
            Ok(stream) => stream,
            Err(fault) => return (0, Err(fault)),
        };
        if ended {
            body.finish();
            return (0, Ok(()));
        }
        let idle = exchange.snapshot.timeouts.body_idle;
        let outlet = Outlet::new(stream, Rc::clone(&self.shared));
        let mut pump = Pump::new(body, outlet, (Side::Client, idle));
        if let Some(total) = exchange.total_left() {
            pump.cap(total);
        }
        let outcome = poll_fn(|cx| pump.poll(cx)).await;
        let sent = pump.body().bytes_out();
        match outcome {
            Ok(()) => pump.take_body().finish(),
            // What went out must not look whole.
            Err(fault) if fault.side == Side::Client => pump.cancel(Reason::CANCEL),
            Err(_) => pump.cancel(Reason::INTERNAL_ERROR),
        }
        (sent, outcome)
    }

    /// After an accepted extended CONNECT the stream belongs to the two ends (RFC 8441 §5).
    async fn tunnel(&self, exchange: &Exchange, mut response: Response, stream: RecvStream) {
        let Some(far) = response.tunnel.take() else { return };
        websocket::accept(&mut response.head);
        let Ok(send) = self.responder.send_head(&response.head, None, false) else { return };
        let near = Port::h2(stream, Outlet::new(send, Rc::clone(&self.shared)));
        let end = tunnel::serve(&self.worker, exchange, (near, far)).await;
        account::exchange(&self.worker, exchange, Some(&response), end);
    }

    /// Answers a request that breaks a rule or a limit.
    async fn refuse(&self, fault: Fault) {
        let mut response = page::refusal(fault);
        let body = std::mem::replace(&mut response.body, Body::Empty);
        let length = response.declared_length;
        let mut status = 0;
        if let Ok(stream) = self.responder.send_head(&response.head, length, false) {
            let idle = self.worker.snapshot().timeouts.body_idle;
            let outlet = Outlet::new(stream, Rc::clone(&self.shared));
            let mut pump = Pump::new(body, outlet, (Side::Client, idle));
            if poll_fn(|cx| pump.poll(cx)).await.is_ok() {
                status = fault.status();
            }
        }
        account::refused(&self.worker, &self.entrance, fault, status);
    }
}
