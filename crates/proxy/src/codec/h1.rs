//! HTTP/1.1 towards clients: the next request, the response, and what becomes of the connection.
//!
//! **Invariant:** framing towards the client is generated here, never copied from the origin.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http1::encode::{self, Framing, Persistence};
use http1::{BodyLength, HeadLimits, HeadScanner, Method, Refusal, RequestHead, Version, framing};

use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::fault::{Direction, Fault, Kind, Side};
use crate::recycle::Recycled;
use crate::snapshot::Snapshot;
use crate::transfer::Transfer;
use crate::transport::{ReadFault, Transport};

/// A rest of a request body up to this length is read and dropped to keep the connection.
const DRAIN_BYTES_MAX: u64 = 64 * 1024;

/// What came instead of a request.
#[derive(Debug)]
pub enum NoRequest {
    /// The client closed between requests.
    Closed,
    /// Nothing came within the wait.
    Idle,
    /// The client begins to speak HTTP/2; what it has sent is still to be read.
    Http2,
    /// Something came that is answered with an error.
    Fault(Fault),
}

/// What the preface of HTTP/2 looks like to a parser of HTTP/1.1 (RFC 9113 §3.4).
const H2_PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Awaits the next request head. `idle` bounds the wait for its first byte; the preface of HTTP/2
/// may come instead where `may_be_h2`.
///
/// # Errors
/// See [`NoRequest`].
pub async fn read_request(
    transport: &Transport,
    snapshot: &Snapshot,
    (idle, may_be_h2): (Duration, bool),
) -> Result<(Recycled<RequestHead>, BodyLength), NoRequest> {
    let limits = snapshot.head_limits;
    let header_timeout = snapshot.timeouts.request_header;
    let mut scanner = HeadScanner::new_request();
    let mut started = transport.has_buffered();
    transport.timer().cap(None);
    transport.timer().set(if started { header_timeout } else { idle });
    let mut is_h2 = false;
    let mut parse = |head: &[u8]| {
        let parsed = parse(head, &limits);
        is_h2 = parsed.is_err() && may_be_h2 && head == H2_PREFACE_HEAD;
        parsed
    };
    let parsed = poll_fn(|cx| {
        let polled = transport.poll_head(cx, (&mut scanner, &limits), &mut parse);
        if !started && transport.has_buffered() && is_waiting(&polled) {
            // The first byte starts the clock for the whole head; it is not set back again. It may
            // have come just as the wait for it ended: then that end does not count.
            started = true;
            transport.timer().set(header_timeout);
            return transport.poll_head(cx, (&mut scanner, &limits), &mut parse);
        }
        polled
    })
    .await;
    if is_h2 && transport.unread_head(H2_PREFACE_HEAD).is_ok() {
        return Err(NoRequest::Http2);
    }
    parsed.map_err(|fault| match fault {
        ReadFault::Closed { clean: true } => NoRequest::Closed,
        ReadFault::Closed { clean: false } => NoRequest::Fault(Fault::client(Kind::ClientGone)),
        ReadFault::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            if started {
                NoRequest::Fault(Fault::client(Kind::RequestHeaderTimeout))
            } else {
                NoRequest::Idle
            }
        }
        ReadFault::Io(error) => NoRequest::Fault(Fault::io(Side::Client, Direction::Read, &error)),
        ReadFault::Refused(refusal) => NoRequest::Fault(Fault::refused(Side::Client, refusal)),
        ReadFault::TooLarge => NoRequest::Fault(Fault::client(Kind::BodyTooLarge)),
    })
}

fn parse(
    bytes: &[u8],
    limits: &HeadLimits,
) -> Result<(Recycled<RequestHead>, BodyLength), Refusal> {
    let mut head = Recycled::<RequestHead>::take();
    head.parse(bytes, limits)?;
    let length = framing::request_length(&head)?;
    Ok((head, length))
}

/// Whether no head is there yet, in time or not.
fn is_waiting<T>(polled: &Poll<Result<T, ReadFault>>) -> bool {
    match polled {
        Poll::Pending => true,
        Poll::Ready(Err(ReadFault::Io(error))) => error.kind() == std::io::ErrorKind::TimedOut,
        Poll::Ready(_) => false,
    }
}

/// How a response goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    framing: Framing,
    persistence: Persistence,
    /// The connection serves another request afterwards.
    pub keeps_alive: bool,
}

impl Plan {
    /// Decides framing and persistence (RFC 9112 §6.3, §9.3).
    #[must_use]
    pub fn of(
        exchange: &Exchange,
        response: &Response,
        transport: &Transport,
        draining: bool,
    ) -> Self {
        let request = &exchange.request;
        let framing = response_framing(exchange, response);
        let keeps_alive = !draining
            && framing != Framing::UntilClose
            && exchange.persists
            && !exchange.early_response
            && can_drain(exchange, transport);
        let persistence = match (keeps_alive, request.version) {
            (false, _) => Persistence::Close,
            (true, Version::Http10) => Persistence::KeepAlive,
            (true, _) => Persistence::Implied,
        };
        Self { framing, persistence, keeps_alive }
    }

    /// Whether the end of the connection is the end of the body, so that a cut body would look
    /// complete.
    #[must_use]
    pub fn ends_with_connection(self) -> bool {
        self.framing == Framing::UntilClose
    }

    /// After 101: no framing at all.
    #[must_use]
    pub const fn switching() -> Self {
        let (framing, persistence) = (Framing::Absent, Persistence::Upgrade);
        Self { framing, persistence, keeps_alive: false }
    }
}

/// Writes the head and the body. Returns the body bytes that went out, with the fault that ended
/// it early, if one did.
pub async fn send(
    transport: &Rc<Transport>,
    exchange: &Exchange,
    response: &mut Response,
    plan: Plan,
) -> (u64, Result<(), Fault>) {
    let mut bytes = Recycled::<Vec<u8>>::take();
    encode::response_head(
        &mut bytes,
        Version::Http11,
        &response.head,
        plan.framing,
        plan.persistence,
    );
    let body = std::mem::replace(&mut response.body, Body::Empty);
    let body = if has_body(exchange, response.head.status) { body } else { Body::Empty };
    let idle = exchange.snapshot.timeouts.body_idle;
    transport.timer().clear();
    let to = (Rc::clone(transport), Side::Client);
    let mut transfer = Transfer::new(bytes, body, to, plan.framing, idle);
    let outcome = poll_fn(|cx| transfer.poll(cx)).await;
    let sent = transfer.body().bytes_out();
    if outcome.is_ok() {
        transfer.take_body().finish();
    }
    (sent, outcome)
}

/// The framing of a response: the origin's length where it is known, else chunked; HTTP/1.0
/// clients read until the end.
fn response_framing(exchange: &Exchange, response: &Response) -> Framing {
    let status = response.head.status;
    if status == 204 || status < 200 {
        return Framing::Absent;
    }
    match response.declared_length {
        Some(bytes) => Framing::Length(bytes),
        None if !has_body(exchange, status) => Framing::Absent,
        None if exchange.request.version == Version::Http10 => Framing::UntilClose,
        None => Framing::Chunked,
    }
}

/// Whether a body follows the head (RFC 9112 §6.3).
fn has_body(exchange: &Exchange, status: u16) -> bool {
    exchange.request.method != Method::Head && status >= 200 && status != 204 && status != 304
}

/// Whether the next request can be found: the body of this one has been read, or its rest is
/// short and certain to come.
fn can_drain(exchange: &Exchange, transport: &Transport) -> bool {
    let short = transport.body_left().is_some_and(|left| left <= DRAIN_BYTES_MAX);
    transport.is_body_done() || (short && !exchange.expects_continue)
}

/// Reads and drops what is left of the request body, so that the next request can be read.
///
/// # Errors
/// When the rest does not come.
pub async fn drain(transport: &Transport, idle_timeout: Duration) -> Result<(), Fault> {
    // All of it has to come soon: nobody waits for it any more.
    transport.timer().cap(Some(LINGER));
    while !transport.is_body_done() {
        transport.timer().set(idle_timeout);
        let more = poll_fn(|cx| transport.poll_body(cx)).await;
        let more = more.map_err(|fault| crate::body::body_fault(Side::Client, &fault))?;
        if more {
            transport.consume_body(transport.visible());
        }
    }
    Ok(())
}

/// How long a closing connection waits for the client to read our last words.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that a closing connection reads and drops at the most.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// Closes without destroying what the client has not read yet: a close with unread input would
/// reset the connection (RFC 9112 §9.6).
pub async fn linger(transport: &Transport) {
    transport.stream().shutdown_write();
    drop(transport.take_buffered());
    transport.timer().cap(Some(LINGER));
    transport.timer().set(LINGER);
    let mut dropped = 0;
    let mut scratch = crate::io::Buffer::default();
    while dropped < LINGER_BYTES_MAX {
        let read =
            poll_fn(|cx: &mut Context<'_>| match transport.stream().poll_read(cx, &mut scratch) {
                Poll::Pending => transport.poll_deadline(cx),
                ready => ready,
            })
            .await;
        match read {
            Ok(0) | Err(_) => return,
            Ok(count) => dropped += count,
        }
        scratch.consume(scratch.len());
    }
}
