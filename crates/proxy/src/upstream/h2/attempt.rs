//! One try on one stream: the request goes out while the answer's head is awaited.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http1::{BodyLength, Known, Refusal, ResponseHead, framing};

use super::head;
use crate::body::{Body, H2Body, Inflow};
use crate::codec::h2::{Outlet, Pump};
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Retry, Rule, Side};
use crate::io::{Timer, clock};
use crate::recycle::Recycled;
use crate::snapshot::ProxyPlan;
use crate::tunnel::Port;
use crate::upstream::{INTERIM_MAX, StreamLease, Upload, UploadTask, note_response, set_host};
use crate::{forward, handshake_key};

/// What the answer to an upgrade is proved by.
type UpgradeKey = Option<Vec<u8>>;

/// Sends the request on a new stream and awaits the final head.
///
/// # Errors
/// A fault of either side. The body is back in the exchange when it was not touched.
pub(crate) async fn run(
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    lease: StreamLease,
) -> Result<Response, Fault> {
    set_host(exchange, plan, &lease.server().target);
    if exchange.upgrades {
        return tunnel(exchange, plan, lease).await;
    }
    let (future, stream, ended) = open(exchange, &lease, None).await?;
    let mut sending = Sending::new(exchange, plan, (future, stream, ended), &lease);
    let mut interim = Recycled::<ResponseHead>::take();
    for _ in 0..=INTERIM_MAX {
        match poll_fn(|cx| sending.poll(cx, &mut interim)).await {
            Ok(Some(response)) => {
                exchange.trace.first_byte = Some(clock::now());
                return answer(exchange, (sending, response), lease);
            }
            Ok(None) => {
                forward::remove_hop_by_hop(&mut interim.headers);
                exchange.send_interim(&interim).await?;
            }
            Err(fault) => {
                exchange.body = sending.take_body();
                return Err(safe_retry(exchange, fault));
            }
        }
    }
    Err(Fault::upstream(Kind::HttpInterimFlood, Retry::Never))
}

/// Opens a stream with the request's head.
async fn open(
    exchange: &Exchange,
    lease: &StreamLease,
    protocol: Option<&str>,
) -> Result<(ResponseFuture, SendStream<Bytes>, bool), Fault> {
    let ended = protocol.is_none() && exchange.body.is_empty();
    let framing = (exchange.framing, exchange.takes_trailers);
    let request = head::request(&exchange.request, lease.server().scheme(), framing, protocol)
        .map_err(|refusal| Fault::refused(Side::Client, refusal))?;
    let mut sender = lease.connection().sender();
    let unsent = |_| Fault::upstream(Kind::ConnectionTerminated, Retry::IfUnsent);
    poll_fn(|cx| sender.poll_ready(cx)).await.map_err(unsent)?;
    let (future, stream) = sender.send_request(request, ended).map_err(unsent)?;
    Ok((future, stream, ended))
}

/// A body that has been touched cannot be sent again, whatever the server says.
fn safe_retry(exchange: &Exchange, fault: Fault) -> Fault {
    if exchange.body.is_untouched() { fault } else { fault.retry(Retry::Never) }
}

/// The request on its way and the wait for the head of its answer.
struct Sending {
    future: ResponseFuture,
    upload: Option<Pump>,
    /// The whole request has been handed over. Its body stays where it is: whether the request
    /// may be sent again depends on it.
    sent: bool,
    /// The client holds its body back until the server asks for it: the server's time runs.
    awaits_invitation: bool,
    timer: Timer,
    first_byte: std::time::Duration,
    write_fault: Option<Fault>,
}

impl Sending {
    fn new(
        exchange: &mut Exchange,
        plan: &ProxyPlan,
        (future, stream, ended): (ResponseFuture, SendStream<Bytes>, bool),
        lease: &StreamLease,
    ) -> Self {
        let timer = Timer::new();
        timer.cap(exchange.total_left());
        if ended || exchange.expects_continue {
            timer.set(exchange.first_byte_timeout(plan));
        }
        if exchange.expects_continue {
            exchange.body.hold();
        }
        let upload = (!ended).then(|| {
            let body = std::mem::replace(&mut exchange.body, Body::Empty);
            let outlet = Outlet::in_turns(stream, Rc::clone(lease.connection().shared()));
            Pump::new(body, outlet, (Side::Upstream, exchange.snapshot.timeouts.body_idle))
        });
        let first_byte = exchange.first_byte_timeout(plan);
        let (sent, awaits_invitation) = (ended, exchange.expects_continue);
        let write_fault = None;
        Self { future, upload, sent, awaits_invitation, timer, first_byte, write_fault }
    }

    /// Ready with the final head, or with `None` when an interim one is in `interim`.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        interim: &mut ResponseHead,
    ) -> Poll<Result<Option<http::Response<RecvStream>>, Fault>> {
        self.poll_upload(cx)?;
        match self.future.poll_informational(cx) {
            // There is nothing to switch to (RFC 9113 §8.6).
            Poll::Ready(Some(Ok(response))) if response.status() == 101 => {
                let fault = Fault::upstream(Kind::HttpProtocolError, Retry::Never);
                return Poll::Ready(Err(fault));
            }
            Poll::Ready(Some(Ok(response))) => {
                head::response(response.status(), response.headers(), interim);
                return Poll::Ready(Ok(None));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(self.failed(&error))),
            Poll::Ready(None) | Poll::Pending => {}
        }
        match Pin::new(&mut self.future).poll(cx) {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(Some(response))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(&error))),
            Poll::Pending => self
                .timer
                .poll(cx)
                .map(|()| Err(Fault::upstream(Kind::HttpResponseTimeout, Retry::IfIdempotent))),
        }
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        let runs = !self.sent && self.write_fault.is_none();
        let Some(upload) = self.upload.as_mut().filter(|_| runs) else { return Ok(()) };
        match upload.poll(cx) {
            Poll::Pending => {
                if self.awaits_invitation && !upload.body().is_held() {
                    self.awaits_invitation = false;
                    self.timer.clear();
                }
                Ok(())
            }
            Poll::Ready(Ok(())) => {
                self.sent = true;
                self.timer.set(self.first_byte);
                Ok(())
            }
            // The server may have answered and heard enough: what it said counts.
            Poll::Ready(Err(fault)) if fault.kind == Kind::ConnectionTerminated => {
                self.write_fault = Some(fault);
                self.timer.set(self.first_byte);
                Ok(())
            }
            Poll::Ready(Err(fault)) => Err(fault),
        }
    }

    /// No head came. Whether the request may be sent again depends on what the server says of it.
    fn failed(&self, error: &h2::Error) -> Fault {
        let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        // Streams that a GOAWAY leaves out have not been looked at (RFC 9113 §6.8).
        let unseen = error.is_go_away() && error.is_remote();
        if refused || unseen {
            return Fault::upstream(Kind::ConnectionTerminated, Retry::IfUnsent);
        }
        let retry = Retry::IfIdempotent;
        if error.is_io() || error.is_go_away() {
            return Fault::upstream(Kind::ConnectionTerminated, retry);
        }
        let fault = Fault::upstream(Kind::HttpProtocolError, Retry::Never);
        Fault { rule: Rule::http2(error), ..fault }
    }

    fn take_body(&mut self) -> Body {
        self.upload.as_mut().map_or(Body::Empty, Pump::take_body)
    }
}

/// Turns the final head into a response that owns the rest of the stream.
fn answer(
    exchange: &mut Exchange,
    (sending, response): (Sending, http::Response<RecvStream>),
    mut lease: StreamLease,
) -> Result<Response, Fault> {
    let (parts, stream) = response.into_parts();
    let mut head = Recycled::<ResponseHead>::take();
    head::response(parts.status, &parts.headers, &mut head);
    let refused = |refusal: Refusal| Fault::refused(Side::Upstream, refusal);
    let declared = framing::content_length(&head.headers).map_err(refused)?;
    let length = framing::response_length(exchange.request.method, &head).map_err(refused)?;
    let idle = exchange.snapshot.timeouts.body_idle;
    let inflow = Inflow::new(idle);
    inflow.cap(exchange.total_left());
    let running = sending.upload.filter(|_| !sending.sent && sending.write_fault.is_none());
    if let Some(pump) = running {
        exchange.early_response = true;
        let upload = Upload::H2(Box::new(pump), Rc::clone(&inflow));
        lease.attach_upload(UploadTask::spawn(upload, idle));
    }
    let empty = stream.is_end_stream() || length == BodyLength::None;
    let body = if empty {
        Body::Empty
    } else {
        Body::H2(Box::new(H2Body::new(stream, inflow, Side::Upstream, (0, Some(lease)))))
    };
    let version = head.version;
    let mut response = Response::from_upstream(head, body, declared);
    forward::prepare_response(&mut response.head.headers, version);
    note_response(exchange, response.head.status);
    Ok(response)
}

/// Asks for another protocol (RFC 8441). What comes back looks as if HTTP/1.1 had switched.
async fn tunnel(
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    lease: StreamLease,
) -> Result<Response, Fault> {
    let upgrade = exchange.request.headers.value(Known::Upgrade).unwrap_or_default();
    let protocol = String::from_utf8_lossy(upgrade).to_ascii_lowercase();
    let key: UpgradeKey =
        exchange.request.headers.values_named(b"sec-websocket-key").next().map(<[u8]>::to_vec);
    if !lease.connection().takes_extended_connect().await {
        return Err(Fault::upstream(Kind::HttpUpgradeFailed, Retry::Never));
    }
    let (future, stream, _) = open(exchange, &lease, Some(&protocol)).await?;
    let failed = |_| Fault::upstream(Kind::HttpUpgradeFailed, Retry::Never);
    let awaited = tokio::time::timeout(plan.first_byte_timeout, future).await;
    let response = awaited
        .map_err(|_| Fault::upstream(Kind::HttpResponseTimeout, Retry::Never))?
        .map_err(failed)?;
    exchange.trace.first_byte = Some(clock::now());
    let (parts, incoming) = response.into_parts();
    let mut head = Recycled::<ResponseHead>::take();
    head::response(parts.status, &parts.headers, &mut head);
    forward::prepare_response(&mut head.headers, http1::Version::Http2);
    if !parts.status.is_success() {
        let inflow = Inflow::new(exchange.snapshot.timeouts.body_idle);
        let declared = framing::content_length(&head.headers).unwrap_or(None);
        let body = H2Body::new(incoming, inflow, Side::Upstream, (0, Some(lease)));
        return Ok(Response::from_upstream(head, Body::H2(Box::new(body)), declared));
    }
    head.status = 101;
    head.headers.set_known(Known::Upgrade, protocol.as_bytes());
    if let Some(key) = key {
        head.headers.set(b"Sec-WebSocket-Accept", &handshake_key::accept(&key));
    }
    let outlet = Outlet::in_turns(stream, Rc::clone(lease.connection().shared()));
    Ok(Response::switching(head, Port::h2_upstream(incoming, outlet, lease)))
}
