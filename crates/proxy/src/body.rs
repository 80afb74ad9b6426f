//! A message body, whatever its source: it owns its reader while it lives.
//!
//! Back-pressure is implicit, since nobody polls a body before the last bytes went out.
//! Cancellation is `Drop`.

mod copied;
mod h2;
mod led;
mod mapped;
mod stored;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use cache::disk::Lying;
use http1::{Headers, Refusal};

use crate::fault::{Direction, Fault, Kind, Retry, Side};
use crate::io::clock;
use crate::transport::{ReadFault, Transport};
use crate::upstream::Lease;

pub use copied::{Copied, Tap};
pub use h2::{H2Body, Inflow};
pub use led::Led;
pub use mapped::{Filter, Mapped};
pub use stored::{Source, StoredBody};

/// The content of a request or a response.
#[derive(Debug)]
pub enum Body {
    /// No content.
    Empty,
    /// Content that is there at once.
    Full(Full),
    /// Content that arrives on an HTTP/1.1 transport.
    H1(H1Body),
    /// Content that arrives on an HTTP/2 stream.
    H2(Box<H2Body>),
    /// Content that changes on its way.
    Mapped(Box<Mapped>),
    /// Content that somebody reads along.
    Copied(Box<Copied>),
    /// Content that is kept.
    Stored(Box<StoredBody>),
    /// Content whose beginning has been read.
    Led(Box<Led>),
}

/// Content in memory.
#[derive(Debug)]
pub struct Full {
    content: Content,
    sent: usize,
}

#[derive(Debug)]
enum Content {
    Shared(Arc<[u8]>),
    Owned(Vec<u8>),
}

/// Content that arrives on an HTTP/1.1 transport; from an origin it holds the lease.
#[derive(Debug)]
pub struct H1Body {
    transport: Rc<Transport>,
    side: Side,
    idle_timeout: Duration,
    pace: Pace,
    lease: Option<Lease>,
}

/// How fast a peer sends. Only time spent waiting for it counts, so that a slow reader on the
/// other side is not held against it.
#[derive(Debug)]
struct Pace {
    /// Bytes a second that are expected; 0 is no expectation.
    bytes_per_s_min: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

/// A peer may wait this long in all before its pace is looked at.
const PACE_GRACE: Duration = Duration::from_secs(5);

impl Body {
    /// Content that is shared with the configuration.
    #[must_use]
    pub fn shared(content: Arc<[u8]>) -> Self {
        Self::Full(Full { content: Content::Shared(content), sent: 0 })
    }

    /// Content made for one response.
    #[must_use]
    pub fn owned(content: Vec<u8>) -> Self {
        Self::Full(Full { content: Content::Owned(content), sent: 0 })
    }

    /// Content behind a filter.
    #[must_use]
    pub fn mapped(inner: Self, filter: Box<dyn Filter>) -> Self {
        Self::Mapped(Box::new(Mapped::new(inner, filter)))
    }

    /// Content that `tap` reads along.
    #[must_use]
    pub fn copied(inner: Self, tap: Box<dyn Tap>) -> Self {
        Self::Copied(Box::new(Copied::new(inner, tap)))
    }

    /// Content whose beginning has been read already, and what follows.
    #[must_use]
    pub fn led(beginning: Vec<u8>, rest: Self) -> Self {
        Self::Led(Box::new(Led::new(beginning, rest)))
    }

    /// The body that a client is sending.
    #[must_use]
    pub fn from_client(transport: Rc<Transport>, timeouts: &config::Timeouts) -> Self {
        let pace = Pace::new(timeouts.body_rate_min);
        let idle_timeout = timeouts.body_idle;
        Self::H1(H1Body { transport, side: Side::Client, idle_timeout, pace, lease: None })
    }

    /// The body that an origin is sending over a leased connection.
    #[must_use]
    pub fn from_upstream(lease: Lease, idle_timeout: Duration) -> Self {
        let transport = lease.transport();
        let (side, pace, lease) = (Side::Upstream, Pace::new(0), Some(lease));
        Self::H1(H1Body { transport, side, idle_timeout, pace, lease })
    }

    /// Ready with `true` when bytes are visible, with `false` at the end.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        match self {
            Self::Empty => Poll::Ready(Ok(false)),
            Self::Full(full) => Poll::Ready(Ok(full.sent < full.bytes().len())),
            Self::H1(body) => body.poll_data(cx),
            Self::H2(body) => body.poll_data(cx),
            Self::Mapped(body) => body.poll_data(cx),
            Self::Copied(body) => body.poll_data(cx),
            Self::Stored(body) => body.poll_data(cx),
            Self::Led(body) => body.poll_data(cx),
        }
    }

    /// Lends the visible bytes.
    pub fn with_data<R>(&self, use_data: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Empty => use_data(&[]),
            Self::Full(full) => use_data(full.bytes().get(full.sent..).unwrap_or_default()),
            Self::H1(body) => body.transport.with_body(use_data),
            Self::H2(body) => use_data(body.data()),
            Self::Mapped(body) => use_data(body.data()),
            Self::Copied(body) => body.inner.with_data(use_data),
            Self::Stored(body) => use_data(body.data()),
            Self::Led(body) => body.with_data(use_data),
        }
    }

    /// Drops visible bytes.
    pub fn consume(&mut self, count: usize) {
        match self {
            Self::Empty => {}
            Self::Full(full) => full.sent += count,
            Self::H1(body) => {
                body.transport.consume_body(count);
                body.touch();
            }
            Self::H2(body) => body.consume(count),
            Self::Mapped(body) => body.consume(count),
            Self::Copied(body) => body.consume(count),
            Self::Stored(body) => body.consume(count),
            Self::Led(body) => body.consume(count),
        }
    }

    /// Whether nothing follows the visible bytes.
    #[must_use]
    pub fn is_last(&self) -> bool {
        match self {
            Self::Empty | Self::Full(_) => true,
            Self::H1(body) => body.transport.is_body_ended(),
            Self::H2(body) => body.is_last(),
            Self::Mapped(body) => body.is_last(),
            Self::Copied(body) => body.inner.is_last(),
            Self::Stored(body) => body.is_last(),
            Self::Led(body) => body.is_last(),
        }
    }

    /// Whether neither content nor trailers follow the first `count` visible bytes.
    #[must_use]
    pub fn is_last_with(&self, count: usize) -> bool {
        self.with_data(|data| data.len() == count)
            && self.is_last()
            && self.with_trailers(|trailers| trailers.is_none())
    }

    /// Whether the body is known to have no content at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(full) => full.bytes().is_empty(),
            Self::H1(body) => body.transport.is_body_done(),
            Self::H2(body) => body.is_empty(),
            Self::Mapped(body) => body.is_empty(),
            Self::Copied(body) => body.inner.is_empty(),
            Self::Stored(body) => body.is_empty(),
            Self::Led(body) => body.is_empty(),
        }
    }

    /// The trailer fields, once the body has ended.
    pub fn with_trailers<R>(&self, use_trailers: impl FnOnce(Option<&Headers>) -> R) -> R {
        match self {
            Self::Empty | Self::Full(_) | Self::Stored(_) => use_trailers(None),
            Self::Mapped(body) => body.with_trailers(use_trailers),
            Self::H1(body) => body.transport.with_trailers(use_trailers),
            Self::H2(body) => use_trailers(body.trailers()),
            Self::Copied(body) => body.inner.with_trailers(use_trailers),
            Self::Led(body) => body.rest.with_trailers(use_trailers),
        }
    }

    /// Whether the whole body is still there to be sent.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(full) => full.sent == 0,
            Self::H1(body) => body.transport.is_body_untouched(),
            Self::H2(body) => body.is_untouched(),
            Self::Mapped(body) => body.is_untouched(),
            Self::Copied(body) => body.inner.is_untouched(),
            Self::Stored(_) => false,
            Self::Led(body) => body.is_untouched(),
        }
    }

    /// Begins again, where the content is still in memory.
    pub fn rewind(&mut self) -> bool {
        match self {
            Self::Full(full) => {
                full.sent = 0;
                true
            }
            Self::Copied(body) => body.rewind(),
            _ => false,
        }
    }

    /// Bytes read from the peer so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Full(full) => full.sent as u64,
            Self::H1(body) => body.transport.body_bytes(),
            Self::H2(body) => body.bytes(),
            Self::Mapped(body) => body.inner().bytes(),
            Self::Copied(body) => body.inner.bytes(),
            Self::Stored(body) => body.sent(),
            Self::Led(body) => body.rest.bytes(),
        }
    }

    /// Bytes of content handed on so far, which a filter makes other ones than were read.
    #[must_use]
    pub fn bytes_out(&self) -> u64 {
        if let Self::Mapped(body) = self { body.bytes_out() } else { self.bytes() }
    }

    /// The sender waits for an invitation: its time does not run until it gets one.
    pub fn hold(&self) {
        match self {
            Self::Empty | Self::Full(_) | Self::Stored(_) => {}
            Self::H1(body) => body.transport.hold(),
            Self::H2(body) => body.hold(),
            Self::Mapped(body) => body.inner().hold(),
            Self::Copied(body) => body.inner.hold(),
            Self::Led(body) => body.rest.hold(),
        }
    }

    /// Whether the sender waits for an invitation.
    #[must_use]
    pub fn is_held(&self) -> bool {
        match self {
            Self::Empty | Self::Full(_) | Self::Stored(_) => false,
            Self::H1(body) => body.transport.is_held(),
            Self::H2(body) => body.is_held(),
            Self::Mapped(body) => body.inner().is_held(),
            Self::Copied(body) => body.inner.is_held(),
            Self::Led(body) => body.rest.is_held(),
        }
    }

    /// The time of the sender begins anew: until now it was somebody else's.
    pub fn restart_time(&self) {
        match self {
            Self::H1(body) if !body.transport.is_held() => {
                body.transport.timer().set(body.idle_timeout);
            }
            Self::H2(body) => body.restart_time(),
            Self::Mapped(body) => body.inner().restart_time(),
            Self::Copied(body) => body.inner.restart_time(),
            Self::Led(body) => body.rest.restart_time(),
            _ => {}
        }
    }

    /// Looks at the sender after a read that went past this body.
    ///
    /// # Errors
    /// When it is too slow, or the upload beside this answer has failed.
    pub fn note_wait(&mut self, waits: bool) -> Result<(), Fault> {
        match self {
            Self::Empty | Self::Full(_) | Self::Stored(_) => Ok(()),
            Self::H1(body) => body.note_wait(waits),
            Self::H2(body) => body.note_wait(waits),
            Self::Mapped(body) => body.inner_mut().note_wait(waits),
            Self::Copied(body) => body.inner.note_wait(waits),
            Self::Led(body) => body.rest.note_wait(waits),
        }
    }

    /// Holds content of unknown length to a limit; beyond it reading fails.
    pub fn limit(&self, body_bytes_max: u64) {
        match self {
            Self::Empty | Self::Full(_) | Self::Stored(_) => {}
            Self::H1(body) => body.transport.limit_body(body_bytes_max),
            Self::H2(body) => body.limit(body_bytes_max),
            Self::Mapped(body) => body.inner().limit(body_bytes_max),
            Self::Copied(body) => body.inner.limit(body_bytes_max),
            Self::Led(body) => body.rest.limit(body_bytes_max),
        }
    }

    /// The transport to splice from, when only plain socket bytes are left of the body.
    #[must_use]
    pub fn splice_source(&self) -> Option<(&Rc<Transport>, u64)> {
        match self {
            Self::H1(body) if !body.transport.stream().is_encrypted() => {
                Some((&body.transport, body.transport.unread()?))
            }
            _ => None,
        }
    }

    /// Whether the next bytes have yet to be read from a disk.
    pub fn lies_on_disk(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Stored(body) => body.lies_on_disk(cx),
            _ => false,
        }
    }

    /// Where the next bytes lie in a file, if they can be sent from there. What is sent so is
    /// dropped by [`Self::skip`].
    pub fn lying(&mut self, cx: &mut Context<'_>) -> Option<Lying> {
        match self {
            Self::Stored(body) => body.lying(cx),
            _ => None,
        }
    }

    /// Drops bytes that were sent from their file.
    pub fn skip(&mut self, count: u64) {
        if let Self::Stored(body) = self {
            body.skip(count);
        }
    }

    /// Hands a finished origin connection back to its pool.
    pub fn finish(self) {
        match self {
            Self::H1(H1Body { lease: Some(lease), transport, .. }) => {
                transport.timer().clear();
                if transport.is_body_done() {
                    lease.put_back();
                }
            }
            Self::Mapped(body) => body.into_inner().finish(),
            Self::Copied(body) => body.inner.finish(),
            _ => {}
        }
    }

    /// Ties a still running upload to this body's life.
    pub fn attach_upload(&mut self, upload: crate::upstream::UploadTask) {
        match self {
            Self::H1(H1Body { lease: Some(lease), .. }) => lease.attach_upload(upload),
            Self::Mapped(body) => body.inner_mut().attach_upload(upload),
            Self::H2(body) => {
                if let Some(lease) = body.lease() {
                    lease.attach_upload(upload);
                }
            }
            _ => {}
        }
    }
}

impl Full {
    fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Shared(bytes) => bytes,
            Content::Owned(bytes) => bytes,
        }
    }
}

impl H1Body {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        let polled = self.transport.poll_body(cx).map_err(|fault| body_fault(self.side, &fault));
        self.note_wait(polled.is_pending())?;
        polled
    }

    fn note_wait(&mut self, waits: bool) -> Result<(), Fault> {
        if let Some(fault) = self.lease.as_ref().and_then(Lease::upload_fault) {
            return Err(fault);
        }
        if self.pace.bytes_per_s_min > 0 {
            self.pace.note(waits && !self.transport.is_held());
            if self.pace.is_too_slow(self.transport.body_bytes()) {
                return Err(Fault::client(Kind::RequestBodyTimeout));
            }
        }
        Ok(())
    }

    /// Progress was made: the idle deadline moves on.
    fn touch(&self) {
        self.transport.release(self.idle_timeout);
        self.transport.timer().set(self.idle_timeout);
    }
}

impl Pace {
    const fn new(bytes_per_s_min: u64) -> Self {
        Self { bytes_per_s_min, waited: Duration::ZERO, waiting_since: None }
    }

    fn note(&mut self, waits: bool) {
        let now = clock::now();
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.waiting_since = waits.then_some(now);
    }

    fn is_too_slow(&self, bytes: u64) -> bool {
        let counted = self.waited.saturating_sub(PACE_GRACE).as_secs();
        counted.saturating_mul(self.bytes_per_s_min) > bytes
    }
}

/// What a failed read of a body means for the exchange.
#[must_use]
pub fn body_fault(side: Side, fault: &ReadFault) -> Fault {
    match (fault, side) {
        (ReadFault::Io(error), _) => Fault::io(side, Direction::Read, error),
        (ReadFault::Closed { .. }, Side::Client) => Fault::client(Kind::ClientGone),
        (ReadFault::Closed { .. } | ReadFault::Refused(Refusal::Truncated), Side::Upstream) => {
            Fault::upstream(Kind::HttpResponseIncomplete, Retry::Never)
        }
        (ReadFault::Closed { .. }, Side::Proxy) => Fault::proxy(Kind::ProxyInternalError),
        (ReadFault::Refused(refusal), _) => Fault::refused(side, *refusal),
        (ReadFault::TooLarge, _) => Fault::client(Kind::BodyTooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_beyond_the_grace_counts_against_the_pace() {
        let mut pace = Pace::new(100);
        assert!(!pace.is_too_slow(0));
        pace.waited = PACE_GRACE;
        assert!(!pace.is_too_slow(0));
        pace.waited = PACE_GRACE + Duration::from_secs(2);
        assert!(pace.is_too_slow(199));
        assert!(!pace.is_too_slow(200));
    }
}
