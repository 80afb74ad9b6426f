//! Moves a body into an HTTP/2 stream, as its peer takes it.

use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::head;
use super::shared::Shared;
use crate::body::Body;
use crate::fault::{Fault, Kind, Retry, Side};
use crate::io::Timer;

/// The sending side of a stream, which takes its turns with the others of its connection.
#[derive(Debug)]
pub struct Outlet {
    stream: SendStream<Bytes>,
    shared: Rc<Shared>,
    id: u32,
}

/// Why nothing more can be sent: the peer gave the stream up, or the connection is gone.
#[derive(Clone, Copy, Debug)]
pub struct Gone;

impl Outlet {
    /// The sending side of `stream`.
    #[must_use]
    pub fn new(stream: SendStream<Bytes>, shared: Rc<Shared>) -> Self {
        let id = stream.stream_id().as_u32();
        Self { stream, shared, id }
    }

    /// The same, on a connection whose streams are of different clients: each gets its turn.
    #[must_use]
    pub fn in_turns(stream: SendStream<Bytes>, shared: Rc<Shared>) -> Self {
        let outlet = Self::new(stream, shared);
        outlet.shared.take_turns(outlet.id);
        outlet
    }

    /// Ready with the number of bytes, up to `wanted`, that may be sent now.
    pub fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Gone>> {
        let Some(granted) = ready!(self.shared.poll_turn(cx, self.id, wanted)) else {
            return Poll::Ready(Err(Gone));
        };
        self.stream.reserve_capacity(granted);
        match self.stream.poll_capacity(cx) {
            // Only what has grown is told: what is there from before may be enough.
            Poll::Pending | Poll::Ready(Some(Ok(_))) => match self.stream.capacity() {
                0 => {
                    // Others may go on while this stream's own window is closed.
                    self.shared.leave_turn(self.id);
                    Poll::Pending
                }
                count => Poll::Ready(Ok(count.min(granted))),
            },
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(Gone)),
        }
    }

    /// Sends bytes that there is room for.
    ///
    /// # Errors
    /// When the stream is gone.
    pub fn send(&mut self, bytes: &[u8], ends: bool) -> Result<(), Gone> {
        if !bytes.is_empty() {
            self.shared.handed(self.id, bytes.len());
        }
        self.stream.send_data(Bytes::copy_from_slice(bytes), ends).map_err(|_| Gone)
    }

    /// Lets others go before, after room was asked for in vain.
    pub fn leave_turn(&mut self) {
        self.shared.leave_turn(self.id);
    }

    /// Ready when the peer has given the stream up.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        self.stream.poll_reset(cx).map(|_| Gone)
    }

    /// Gives the stream up.
    pub fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.shared.leave(self.id);
    }
}

/// A body on its way into a stream.
#[derive(Debug)]
pub struct Pump {
    body: Body,
    outlet: Outlet,
    side: Side,
    timer: Timer,
    idle_timeout: Duration,
    /// The peer takes nothing; what had been written on the connection when that began.
    stalled_at: Option<u64>,
    begun: bool,
    finished: bool,
}

impl Pump {
    /// A pump into a stream that leads to `side`.
    #[must_use]
    pub fn new(body: Body, outlet: Outlet, (side, idle_timeout): (Side, Duration)) -> Self {
        let timer = Timer::new();
        let (stalled_at, begun, finished) = (None, false, false);
        Self { body, outlet, side, timer, idle_timeout, stalled_at, begun, finished }
    }

    /// Bounds the time that the peer may take in all.
    pub fn cap(&self, total: Duration) {
        self.timer.cap(Some(total));
    }

    /// The body, for what is known of it afterwards.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Gives the body back, to hand its source on.
    pub fn take_body(&mut self) -> Body {
        std::mem::replace(&mut self.body, Body::Empty)
    }

    /// Whether a byte of the body has been handed over.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the peer takes no more at the moment.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled_at.is_some()
    }

    /// Moves as much as both sides allow; ready when all is handed over.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.finished {
            let lies_on_disk = self.body.lies_on_disk(cx);
            if lies_on_disk {
                // For a peer that takes nothing, nothing is read: it would be held for long.
                ready!(self.poll_room(cx, 1))?;
            }
            match self.body.poll_data(cx)? {
                Poll::Ready(true) => ready!(self.poll_hand(cx))?,
                Poll::Ready(false) => self.end()?,
                // The source may stay quiet for long: the peer need not wait for it to leave.
                Poll::Pending => {
                    if lies_on_disk {
                        // Others need not wait for the disk.
                        self.outlet.leave_turn();
                    }
                    return self.outlet.poll_reset(cx).map(|gone| Err(self.gone(gone)));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ready with the number of bytes, up to `wanted`, that the peer takes now.
    fn poll_room(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Fault>> {
        let Poll::Ready(room) = self.outlet.poll_room(cx, wanted) else {
            return self.poll_stall(cx).map(Err);
        };
        let count = room.map_err(|gone| self.gone(gone))?;
        if self.stalled_at.take().is_some() {
            self.timer.clear();
            self.body.restart_time();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_hand(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let wanted = self.body.with_data(<[u8]>::len);
        let count = ready!(self.poll_room(cx, wanted))?;
        self.finished = count == wanted && self.body.is_last_with(count);
        self.begun = true;
        let (outlet, finished) = (&mut self.outlet, self.finished);
        let sent =
            self.body.with_data(|data| outlet.send(data.get(..count).unwrap_or(data), finished));
        self.body.consume(count);
        Poll::Ready(sent.map_err(|gone| self.gone(gone)))
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.finished = true;
        let trailers = self.body.with_trailers(|trailers| trailers.map(head::trailer_map));
        let ended = match trailers {
            Some(trailers) => self.outlet.stream.send_trailers(trailers).map_err(|_| Gone),
            None => self.outlet.send(b"", true),
        };
        ended.map_err(|gone| self.gone(gone))
    }

    /// Lets the peer's time run while nothing moves, and only then.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        let written = self.outlet.shared.written();
        if self.stalled_at.is_none() {
            self.stalled_at = Some(written);
            self.timer.set(self.idle_timeout);
        }
        while self.timer.poll(cx).is_ready() {
            // More important streams may have had all of the connection meanwhile.
            let others_move = self.stalled_at.replace(written).is_some_and(|then| then < written);
            if !others_move {
                return Poll::Ready(self.stuck());
            }
            self.timer.set(self.idle_timeout);
        }
        // The peer may give the stream up while it waits.
        self.outlet.poll_reset(cx).map(|gone| self.gone(gone))
    }

    fn stuck(&self) -> Fault {
        self.outlet.shared.stalled();
        match self.side {
            Side::Client => Fault::client(Kind::ClientWriteTimeout),
            _ => Fault::upstream(Kind::ConnectionWriteTimeout, Retry::Never),
        }
    }

    fn gone(&self, _: Gone) -> Fault {
        match self.side {
            Side::Client => Fault::client(Kind::ClientGone),
            _ => Fault::upstream(Kind::ConnectionTerminated, Retry::Never),
        }
    }

    /// Gives the stream up: what was sent of it must not look whole.
    pub fn cancel(&mut self, reason: Reason) {
        if !self.finished {
            self.outlet.reset(reason);
        }
    }
}
