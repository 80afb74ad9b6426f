//! One try on one connection: the request goes out while the answer's head is awaited.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use http1::encode::{self, Framing, Persistence};
use http1::{BodyLength, HeadScanner, Known, Refusal, ResponseHead, framing};

use super::{INTERIM_MAX, Lease, Upload, UploadTask, note_response, set_host};
use crate::body::{Body, body_fault};
use crate::exchange::{Exchange, Response};
use crate::fault::{Direction, Fault, Kind, Retry, Side};
use crate::forward;
use crate::io::clock;
use crate::recycle::Recycled;
use crate::snapshot::ProxyPlan;
use crate::transfer::Transfer;
use crate::transport::{ReadFault, Transport};
use crate::tunnel::Port;

/// Sends the request over `lease` and awaits the final head.
///
/// # Errors
/// A fault of either side. The body is back in the exchange when it was not touched.
pub(super) async fn run(
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    lease: Lease,
) -> Result<Response, Fault> {
    let mut sending = Sending::new(exchange, plan, &lease);
    let mut head = Recycled::<ResponseHead>::take();
    for _ in 0..=INTERIM_MAX {
        let awaited = poll_fn(|cx| sending.poll_head(cx, &mut head)).await;
        if let Err(fault) = awaited {
            exchange.body = sending.take_body();
            return Err(fault);
        }
        if head.status >= 200 || head.status == 101 {
            exchange.trace.first_byte = Some(clock::now());
            return answer(exchange, sending, (head, lease));
        }
        relay(exchange, &mut head).await?;
    }
    Err(Fault::upstream(Kind::HttpInterimFlood, Retry::Never))
}

/// Passes an interim response on. It has no body, and its fields are cleaned like any others.
async fn relay(exchange: &Exchange, head: &mut ResponseHead) -> Result<(), Fault> {
    let refused = |refusal: Refusal| Fault::refused(Side::Upstream, refusal);
    framing::response_length(exchange.request.method, head).map_err(refused)?;
    forward::remove_hop_by_hop(&mut head.headers);
    exchange.send_interim(head).await
}

/// The request on its way and the search for the head of its answer.
struct Sending {
    transport: Rc<Transport>,
    upload: Transfer,
    /// The whole request has left.
    sent: bool,
    /// Set when the origin stopped taking the request; its answer may still be there.
    write_fault: Option<Fault>,
    scanner: HeadScanner,
    limits: http1::HeadLimits,
    first_byte: std::time::Duration,
    unsent: bool,
    /// The client holds its body back until the origin asks for it: the origin's time runs.
    awaits_invitation: bool,
}

impl Sending {
    fn new(exchange: &mut Exchange, plan: &ProxyPlan, lease: &Lease) -> Self {
        let transport = lease.transport();
        if let Some(total) = exchange.total_left() {
            transport.timer().cap(Some(total));
        }
        let mut bytes = Recycled::<Vec<u8>>::take();
        set_host(exchange, plan, &lease.server().target);
        let persistence =
            if exchange.upgrades { Persistence::Upgrade } else { Persistence::Implied };
        encode::request_head(&mut bytes, &exchange.request, exchange.framing, persistence);
        let body_idle = exchange.snapshot.timeouts.body_idle;
        if exchange.expects_continue {
            // The client waits for the origin, so the origin's time runs and the client's does not.
            exchange.body.hold();
            transport.timer().set(exchange.first_byte_timeout(plan));
        } else {
            transport.timer().clear();
        }
        let body = std::mem::replace(&mut exchange.body, Body::Empty);
        let to = (Rc::clone(&transport), Side::Upstream);
        Self {
            transport,
            upload: Transfer::new(bytes, body, to, exchange.framing, body_idle),
            sent: false,
            write_fault: None,
            scanner: HeadScanner::new_response(),
            limits: exchange.snapshot.head_limits,
            first_byte: exchange.first_byte_timeout(plan),
            unsent: true,
            awaits_invitation: exchange.expects_continue,
        }
    }

    /// Sends what can be sent, reads what can be read; ready with a complete head.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), Fault>> {
        self.poll_send(cx)?;
        let transport = Rc::clone(&self.transport);
        let limits = self.limits;
        let polled = transport
            .poll_head(cx, (&mut self.scanner, &limits), |bytes| head.parse(bytes, &limits));
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.scanner = HeadScanner::new_response();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(self.read_fault(&fault))),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Fault> {
        if self.sent || self.write_fault.is_some() {
            return Ok(());
        }
        let polled = self.upload.poll(cx);
        self.unsent &= !self.upload.has_begun();
        match polled {
            Poll::Pending => {
                let invited = self.awaits_invitation && !self.upload.body().is_held();
                if invited && !self.upload.is_stalled() {
                    self.awaits_invitation = false;
                    self.transport.timer().clear();
                }
            }
            Poll::Ready(Ok(())) => {
                self.sent = true;
                self.transport.timer().set(self.first_byte);
            }
            Poll::Ready(Err(fault)) if fault.kind == Kind::ConnectionTerminated => {
                // The origin may have answered before it closed: what it said counts.
                self.write_fault = Some(fault);
                self.transport.timer().set(self.first_byte);
            }
            Poll::Ready(Err(fault)) => return Err(fault),
        }
        Ok(())
    }

    /// No head came. Whether the request may be sent again depends on how far it got.
    fn read_fault(&self, fault: &ReadFault) -> Fault {
        let retry = if self.unsent { Retry::IfUnsent } else { Retry::IfIdempotent };
        match fault {
            ReadFault::Closed { clean: true } => Fault::upstream(Kind::ConnectionTerminated, retry),
            ReadFault::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                let stuck = !self.sent && self.write_fault.is_none() && self.upload.is_stalled();
                let kind =
                    if stuck { Kind::ConnectionWriteTimeout } else { Kind::HttpResponseTimeout };
                Fault::upstream(kind, Retry::IfIdempotent)
            }
            ReadFault::Io(error) if error.kind() != std::io::ErrorKind::OutOfMemory => {
                let fault = Fault::io(Side::Upstream, Direction::Write, error);
                if self.transport.has_buffered() { fault } else { fault.retry(retry) }
            }
            other => body_fault(Side::Upstream, other),
        }
    }

    /// The body, as far as it has not been consumed: a request without one never had any.
    fn take_body(&mut self) -> Body {
        self.upload.take_body()
    }
}

/// Turns the final head into a response that owns the rest of the connection.
fn answer(
    exchange: &mut Exchange,
    sending: Sending,
    (head, mut lease): (Recycled<ResponseHead>, Lease),
) -> Result<Response, Fault> {
    if head.status == 101 {
        return upgrade(exchange, &sending, (head, lease));
    }
    let refused = |refusal: Refusal| Fault::refused(Side::Upstream, refusal);
    let length = framing::response_length(exchange.request.method, &head).map_err(refused)?;
    let declared = framing::content_length(&head.headers).map_err(refused)?;
    if !framing::persists(head.version, &head.headers) || length == BodyLength::UntilClose {
        lease.close_after();
    }
    let transport = lease.transport();
    if !sending.sent {
        exchange.early_response = true;
        if sending.write_fault.is_none() {
            let idle = exchange.snapshot.timeouts.body_idle;
            let upload = Upload::H1(Box::new(sending.upload), Rc::clone(&transport));
            lease.attach_upload(UploadTask::spawn(upload, idle));
        } else {
            lease.close_after();
        }
    }
    let version = head.version;
    let idle = exchange.snapshot.timeouts.body_idle;
    transport.begin_body(length, u64::MAX);
    transport.timer().set(idle);
    let body = Body::from_upstream(lease, idle);
    let mut response = Response::from_upstream(head, body, declared);
    if length == BodyLength::None || length == BodyLength::Exact(0) {
        response.finish_empty_body();
    }
    forward::prepare_response(&mut response.head.headers, version);
    note_response(exchange, response.head.status);
    Ok(response)
}

/// The origin switched protocols. Only a request that asked for it may be answered so.
fn upgrade(
    exchange: &Exchange,
    sending: &Sending,
    (head, lease): (Recycled<ResponseHead>, Lease),
) -> Result<Response, Fault> {
    let switched = head.headers.value(Known::Upgrade).unwrap_or_default();
    let asked = exchange.request.headers.values(Known::Upgrade);
    let offered = asked.flat_map(|value| value.split(|byte| *byte == b','));
    let agreed = offered.map(<[u8]>::trim_ascii).any(|one| one.eq_ignore_ascii_case(switched));
    if !exchange.upgrades || !sending.sent || !agreed {
        return Err(Fault::upstream(Kind::HttpProtocolError, Retry::Never));
    }
    let mut response = Response::switching(head, Port::upstream(lease));
    let version = response.head.version;
    forward::prepare_response(&mut response.head.headers, version);
    Ok(response)
}

/// How the request body is framed towards an origin (RFC 9112 §6.3): as it came, never copied.
#[must_use]
pub fn request_framing(length: BodyLength) -> Framing {
    match length {
        BodyLength::None | BodyLength::UntilClose => Framing::Absent,
        BodyLength::Exact(bytes) => Framing::Length(bytes),
        BodyLength::Chunked => Framing::Chunked,
    }
}
