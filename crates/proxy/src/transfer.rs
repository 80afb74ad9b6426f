//! The one pump: moves a body to an HTTP/1.1 peer behind its head, framing it anew.
//!
//! Head, first bytes and framing leave in one `writev`. Nothing waits for more: what is there is
//! sent. Large plain bodies go through a kernel pipe and are never copied.

use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http1::encode::{self, Framing};

use crate::body::Body;
use crate::fault::{Direction, Fault, Kind, Side};
use crate::io::file;
use crate::io::pipe::Pipe;
use crate::recycle::Recycled;
use crate::transport::Transport;

/// Steps of one transfer before the worker turns to others.
const SPLICES_PER_TURN: usize = 16;

/// A response body of at most this many bytes is joined with its head.
const JOIN_BYTES_MAX: usize = 2 * 1024;

/// A body of at least this many unread bytes is spliced.
const SPLICE_BYTES_MIN: u64 = 64 * 1024;

/// A body on its way to a peer.
#[derive(Debug)]
pub struct Transfer {
    body: Body,
    to: Rc<Transport>,
    side: Side,
    framing: Framing,
    idle_timeout: Duration,
    /// Head and framing bytes that go before the body bytes in hand.
    before: Recycled<Vec<u8>>,
    before_sent: usize,
    /// Body bytes in hand: visible in `body`, framed, not yet written.
    in_hand: usize,
    /// What closes the chunk in hand.
    after: &'static [u8],
    begun: bool,
    /// The peer does not take more; its time runs.
    stalled: bool,
    finished: bool,
    pipe: Option<Pipe>,
    /// What lies in files cannot be sent from there.
    reads_files: bool,
    /// Somebody else waits for the peer too, by the same timer.
    shares_timer: bool,
}

impl Transfer {
    /// A transfer to `to`, which is the connection of `side`. `head` goes first.
    #[must_use]
    pub fn new(
        head: Recycled<Vec<u8>>,
        body: Body,
        to: (Rc<Transport>, Side),
        framing: Framing,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            body,
            to: to.0,
            side: to.1,
            framing,
            idle_timeout,
            before: head,
            before_sent: 0,
            in_hand: 0,
            after: b"",
            begun: false,
            stalled: false,
            finished: false,
            pipe: None,
            reads_files: false,
            shares_timer: false,
        }
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

    /// Leaves the peer's timer running between stalls, for one who reads from the same peer.
    pub fn share_timer(&mut self) {
        self.shares_timer = true;
    }

    /// Whether the peer takes no more at the moment.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether a byte of this transfer may have left.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Moves as much as both sides allow; ready when all is written.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        for _ in 0..SPLICES_PER_TURN {
            if self.pipe.is_some() {
                ready!(self.poll_splice(cx))?;
                continue;
            }
            if ready!(self.poll_send_file(cx))? {
                if self.finished {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            // What is framed goes out before more is taken: nothing may come in between.
            let waits = !self.stalled && self.poll_next(cx)?;
            ready!(self.poll_flush(cx)).map_err(|error| self.write_fault(&error))?;
            if self.finished {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
            self.try_splice();
        }
        // Others on this worker get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes the next body bytes in hand; tells whether there are none yet.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Result<bool, Fault> {
        if self.in_hand > 0 || self.finished {
            return Ok(false);
        }
        match self.body.poll_data(cx)? {
            Poll::Pending => return Ok(true),
            Poll::Ready(true) => self.frame_data(),
            Poll::Ready(false) => self.frame_end(),
        }
        Ok(false)
    }

    fn frame_data(&mut self) {
        self.in_hand = self.body.with_data(<[u8]>::len);
        if self.framing != Framing::Chunked {
            self.join_small();
        } else {
            let mut scratch = [0; 20];
            let prefix = encode::chunk_prefix(&mut scratch, self.in_hand);
            self.before.extend_from_slice(prefix);
            self.after = encode::CHUNK_END;
            if self.body.is_last() && self.body.with_trailers(|trailers| trailers.is_none()) {
                self.after = CHUNK_AND_BODY_END;
            }
        }
    }

    /// A small response body goes into the same buffer as its head: copying it costs less than
    /// a second slice. A request body stays where it is, so that it can be sent again.
    fn join_small(&mut self) {
        if self.side == Side::Client && self.in_hand <= JOIN_BYTES_MAX {
            let before = &mut *self.before;
            self.body.with_data(|data| before.extend_from_slice(data));
            self.body.consume(std::mem::take(&mut self.in_hand));
            self.finished = self.body.is_last();
        }
    }

    fn frame_end(&mut self) {
        self.finished = true;
        if self.framing == Framing::Chunked {
            let before = &mut *self.before;
            self.body.with_trailers(|trailers| encode::last_chunk(before, trailers));
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let before = self.before.get(self.before_sent..).unwrap_or_default();
            let wanted = before.len() + self.in_hand + self.after.len();
            if wanted == 0 {
                self.before.clear();
                self.before_sent = 0;
                return Poll::Ready(Ok(()));
            }
            let (after, in_hand) = (self.after, self.in_hand);
            let to = &self.to;
            let written = self.body.with_data(|data| {
                let data = data.get(..in_hand).unwrap_or_default();
                write_parts(to, cx, [before, data, after])
            });
            let count = ready!(self.poll_stall(cx, written))?;
            self.advance(count);
        }
    }

    /// Lets the peer's time run while it takes nothing, and only then.
    fn poll_stall(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => {
                if !std::mem::replace(&mut self.stalled, true) {
                    self.to.timer().set(self.idle_timeout);
                }
                self.to.poll_deadline(cx)
            }
            Poll::Ready(written) => {
                self.end_stall();
                Poll::Ready(written)
            }
        }
    }

    fn end_stall(&mut self) {
        if std::mem::take(&mut self.stalled) {
            if self.shares_timer {
                self.to.timer().set(self.idle_timeout);
            } else {
                self.to.timer().clear();
            }
            // The source could not be read meanwhile.
            self.body.restart_time();
        }
    }

    /// What the peer did not take can no longer be sent as it lies, and nothing is in hand: it has
    /// to be read before the peer is tried again. A stall that has lasted too long ends here, or
    /// it would begin anew.
    fn end_stall_unsent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if self.stalled {
            if let Poll::Ready(Err(error)) = self.to.poll_deadline::<()>(cx) {
                return Poll::Ready(Err(self.write_fault(&error)));
            }
            self.end_stall();
        }
        Poll::Ready(Ok(()))
    }

    /// Accounts for `count` bytes written, in the order of the slices.
    fn advance(&mut self, count: usize) {
        self.begun = true;
        let of_before = count.min(self.before.len() - self.before_sent);
        self.before_sent += of_before;
        let of_body = (count - of_before).min(self.in_hand);
        self.in_hand -= of_body;
        self.body.consume(of_body);
        let of_after = count - of_before - of_body;
        let was_end = self.after.len() == CHUNK_AND_BODY_END.len();
        self.after = self.after.get(of_after..).unwrap_or_default();
        // The last chunk went out with the data; a partly written one is finished as it is.
        self.finished |= was_end || (self.framing != Framing::Chunked && self.is_all_taken());
    }

    fn is_all_taken(&self) -> bool {
        self.in_hand == 0 && self.body.is_last()
    }

    /// Sends what lies in a file from there; tells whether it did.
    fn poll_send_file(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        let is_plain = matches!(self.body, Body::Stored(_))
            && self.framing != Framing::Chunked
            && !self.reads_files
            && !self.to.stream().is_encrypted();
        if !is_plain || self.in_hand > 0 || !self.before.is_empty() {
            return Poll::Ready(Ok(false));
        }
        let Some(lying) = self.body.lying(cx) else {
            return self.end_stall_unsent(cx).map_ok(|()| false);
        };
        let sent = file::poll_send(self.to.stream(), cx, &lying);
        let count = match ready!(self.poll_stall(cx, sent)) {
            Err(error) if file::is_unsupported(&error) => {
                self.reads_files = true;
                return Poll::Ready(Ok(false));
            }
            sent => sent.map_err(|error| self.write_fault(&error))?,
        };
        if count == 0 {
            return Poll::Ready(Err(Fault::proxy(Kind::ProxyInternalError)));
        }
        self.begun = true;
        self.body.skip(count as u64);
        self.finished = self.is_all_taken();
        Poll::Ready(Ok(true))
    }

    /// Switches to splicing when the rest of the body is worth it.
    fn try_splice(&mut self) {
        if self.framing == Framing::Chunked || self.to.stream().is_encrypted() {
            return;
        }
        let worth = |unread: u64| unread >= SPLICE_BYTES_MIN;
        if self.body.splice_source().is_some_and(|(_, unread)| worth(unread)) {
            // Out of descriptors: the body is copied instead.
            self.pipe = Pipe::take().ok();
        }
    }

    fn poll_splice(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(Ok(())) };
        if pipe.held() > 0 {
            let moved = pipe.poll_drain(cx, self.to.stream());
            let drained = pipe.held() == 0;
            ready!(self.poll_stall(cx, moved)).map_err(|error| self.write_fault(&error))?;
            if drained {
                self.body.restart_time();
            }
            return Poll::Ready(Ok(()));
        }
        let source = if self.side == Side::Client { Side::Upstream } else { Side::Client };
        let Some((from, unread)) = self.body.splice_source().filter(|(_, unread)| *unread > 0)
        else {
            self.end_splice();
            return Poll::Ready(Ok(()));
        };
        let from = Rc::clone(from);
        let filled = pipe.poll_fill(cx, from.stream(), unread);
        self.body.note_wait(filled.is_pending())?;
        let moved = match filled {
            Poll::Pending => ready!(from.poll_deadline(cx)),
            Poll::Ready(moved) => moved,
        };
        match moved.map_err(|error| Fault::io(source, Direction::Read, &error))? {
            0 => {
                from.end_of_stream().map_err(|fault| crate::body::body_fault(source, &fault))?;
                self.end_splice();
            }
            count => {
                from.skip_body(count as u64);
                self.body.consume(0);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// All bytes of the body went through the pipe.
    fn end_splice(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.put();
        }
    }

    fn write_fault(&self, error: &io::Error) -> Fault {
        Fault::io(self.side, Direction::Write, error)
    }
}

/// Writes the parts that are not empty, in one system call.
fn write_parts(to: &Transport, cx: &mut Context<'_>, parts: [&[u8]; 3]) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(b""); 3];
    let mut count = 0;
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if let Some(slice) = slices.get_mut(count) {
            *slice = IoSlice::new(part);
        }
        count += 1;
    }
    to.stream().poll_write(cx, slices.get(..count).unwrap_or_default())
}

/// The end of a chunk and of the body at once.
const CHUNK_AND_BODY_END: &[u8] = b"\r\n0\r\n\r\n";
