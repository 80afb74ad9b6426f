//! Content that arrives on an HTTP/2 stream. The peer's window opens only for what has been handed
//! on, so a slow taker slows the sender and nothing is held but the window.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::RecvStream;
use http1::Headers;

use super::Pace;
use crate::codec::h2::trailers;
use crate::fault::{Direction, Fault, Kind, Retry, Rule, Side};
use crate::io::Timer;
use crate::upstream::StreamLease;

/// What is known of the incoming side of a stream, shared with those who do not read it.
#[derive(Debug)]
pub struct Inflow {
    timer: Timer,
    idle_timeout: Duration,
    received: Cell<u64>,
    bytes_max: Cell<u64>,
    held: Cell<bool>,
}

impl Inflow {
    /// The peer's time runs from now on.
    #[must_use]
    pub fn new(idle_timeout: Duration) -> Rc<Self> {
        let timer = Timer::new();
        timer.set(idle_timeout);
        let (received, bytes_max) = (Cell::new(0), Cell::new(u64::MAX));
        Rc::new(Self { timer, idle_timeout, received, bytes_max, held: Cell::new(false) })
    }

    /// The deadline of the peer.
    #[must_use]
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Bounds the time that the peer may take in all.
    pub fn cap(&self, total: Option<Duration>) {
        self.timer.cap(total);
        self.timer.set(self.idle_timeout);
    }

    /// Body bytes received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// The peer may send its body now.
    pub fn release(&self) {
        if self.held.replace(false) {
            self.timer.set(self.idle_timeout);
        }
    }
}

/// The content of a stream.
#[derive(Debug)]
pub struct H2Body {
    stream: RecvStream,
    chunk: Bytes,
    trailers: Option<Headers>,
    /// All data has come; trailers may follow.
    data_ended: bool,
    ended: bool,
    consumed: u64,
    inflow: Rc<Inflow>,
    side: Side,
    pace: Pace,
    lease: Option<StreamLease>,
}

impl H2Body {
    /// The content that `side` sends. What comes from an origin holds its lease.
    #[must_use]
    pub fn new(
        stream: RecvStream,
        inflow: Rc<Inflow>,
        side: Side,
        (bytes_per_s_min, lease): (u64, Option<StreamLease>),
    ) -> Self {
        Self {
            stream,
            chunk: Bytes::new(),
            trailers: None,
            data_ended: false,
            ended: false,
            consumed: 0,
            inflow,
            side,
            pace: Pace::new(bytes_per_s_min),
            lease,
        }
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        let polled = self.poll_chunk(cx);
        self.note_wait(polled.is_pending())?;
        polled
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        while self.chunk.is_empty() {
            if self.ended {
                return Poll::Ready(Ok(false));
            }
            if self.data_ended {
                let trailers = match self.stream.poll_trailers(cx) {
                    Poll::Pending => return self.poll_deadline(cx),
                    Poll::Ready(trailers) => trailers.map_err(|error| self.failed(&error))?,
                };
                self.trailers = trailers.as_ref().map(trailers_of);
                self.ended = true;
                continue;
            }
            match self.stream.poll_data(cx) {
                Poll::Pending => return self.poll_deadline(cx),
                Poll::Ready(Some(Ok(chunk))) => self.take(chunk)?,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(self.failed(&error))),
                Poll::Ready(None) => self.data_ended = true,
            }
        }
        Poll::Ready(Ok(true))
    }

    fn take(&mut self, chunk: Bytes) -> Result<(), Fault> {
        let received = self.inflow.received.get() + chunk.len() as u64;
        self.inflow.received.set(received);
        self.chunk = chunk;
        if received > self.inflow.bytes_max.get() {
            return Err(Fault::client(Kind::BodyTooLarge));
        }
        Ok(())
    }

    fn poll_deadline(&self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        ready!(self.inflow.timer.poll(cx));
        let error = std::io::ErrorKind::TimedOut.into();
        Poll::Ready(Err(Fault::io(self.side, Direction::Read, &error)))
    }

    /// The stream or its connection broke.
    fn failed(&self, error: &h2::Error) -> Fault {
        match self.side {
            Side::Upstream => Fault::upstream(Kind::HttpResponseIncomplete, Retry::Never),
            _ if error.is_remote() || error.is_io() => Fault::client(Kind::ClientGone),
            _ => Fault { rule: Rule::http2(error), ..Fault::client(Kind::HttpRequestError) },
        }
    }

    pub(super) fn note_wait(&mut self, waits: bool) -> Result<(), Fault> {
        if let Some(fault) = self.lease.as_ref().and_then(StreamLease::upload_fault) {
            return Err(fault);
        }
        if self.pace.bytes_per_s_min > 0 {
            self.pace.note(waits && !self.inflow.held.get());
            if self.pace.is_too_slow(self.inflow.received.get()) {
                return Err(Fault::client(Kind::RequestBodyTimeout));
            }
        }
        Ok(())
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.chunk
    }

    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.chunk.len());
        self.chunk.advance(count);
        self.consumed += count as u64;
        // Fails only where the stream is over, and then there is no window to open.
        let _ = self.stream.flow_control().release_capacity(count);
        self.inflow.release();
        self.inflow.timer.set(self.inflow.idle_timeout);
    }

    pub(super) fn is_last(&self) -> bool {
        self.ended || self.stream.is_end_stream()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunk.is_empty() && self.is_last()
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.consumed == 0
    }

    pub(super) fn trailers(&self) -> Option<&Headers> {
        self.trailers.as_ref()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.inflow.received.get()
    }

    pub(super) fn hold(&self) {
        self.inflow.held.set(true);
        self.inflow.timer.clear();
    }

    pub(super) fn is_held(&self) -> bool {
        self.inflow.held.get()
    }

    pub(super) fn restart_time(&self) {
        if !self.inflow.held.get() {
            self.inflow.timer.set(self.inflow.idle_timeout);
        }
    }

    pub(super) fn limit(&self, bytes_max: u64) {
        self.inflow.bytes_max.set(bytes_max);
    }

    pub(super) fn lease(&mut self) -> Option<&mut StreamLease> {
        self.lease.as_mut()
    }
}

fn trailers_of(map: &http::HeaderMap) -> Headers {
    trailers(map)
}
