//! One HTTP/1.1 transport, towards a client or an origin: the socket, its deadline, and the
//! incoming message as far as it has been read.
//!
//! Both sides use the same type, so there is one parser and one way to read a body.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use http1::{BodyDecoder, BodyLength, HeadLimits, HeadScanner, Headers, Refusal};

use crate::io::{Buffer, Stream, Timer};

/// How far ahead of the current message a client may pipeline, in bytes.
const PIPELINE_BYTES_MAX: usize = 16 * 1024;

/// A socket that speaks HTTP/1.1, shared by the reader and the writer of its worker.
#[derive(Debug)]
pub struct Transport {
    stream: Stream,
    timer: Timer,
    incoming: RefCell<Incoming>,
    held: Cell<bool>,
}

/// The message that is being read.
#[derive(Debug)]
struct Incoming {
    buffer: Buffer,
    decoder: BodyDecoder,
    /// Decoded body bytes at the front of the buffer, not yet consumed.
    visible: usize,
    /// Framing bytes behind them that go with the last of them.
    gap: usize,
    body_bytes: u64,
    body_bytes_max: u64,
    eof: bool,
    /// The body broke a rule or a limit: what follows it cannot be found any more.
    failed: bool,
}

/// Why reading a message failed.
#[derive(Debug)]
pub enum ReadFault {
    /// The socket failed, or its deadline passed (`TimedOut`).
    Io(io::Error),
    /// The peer closed; `clean` when between messages.
    Closed {
        /// Not a byte of a message had come.
        clean: bool,
    },
    /// The message breaks the protocol.
    Refused(Refusal),
    /// The body is longer than its limit.
    TooLarge,
}

impl From<io::Error> for ReadFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Transport {
    /// Wraps a connected stream.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        let incoming = Incoming {
            buffer: Buffer::default(),
            decoder: BodyDecoder::new(BodyLength::None),
            visible: 0,
            gap: 0,
            body_bytes: 0,
            body_bytes_max: u64::MAX,
            eof: false,
            failed: false,
        };
        let (timer, held) = (Timer::new(), Cell::new(false));
        Self { stream, timer, incoming: RefCell::new(incoming), held }
    }

    /// The socket below.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The deadline of whatever this transport waits for.
    #[must_use]
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Waits for a complete head and lends it to `parse`.
    pub fn poll_head<R>(
        &self,
        cx: &mut Context<'_>,
        search: (&mut HeadScanner, &HeadLimits),
        parse: impl FnOnce(&[u8]) -> Result<R, Refusal>,
    ) -> Poll<Result<R, ReadFault>> {
        let (scanner, limits) = search;
        loop {
            let mut incoming = self.incoming.borrow_mut();
            let found =
                scanner.find_end(incoming.buffer.data(), limits).map_err(ReadFault::Refused)?;
            if let Some(end) = found {
                let head = incoming.buffer.data().get(..end).unwrap_or_default();
                let parsed = parse(head).map_err(ReadFault::Refused);
                incoming.buffer.consume(end);
                return Poll::Ready(parsed);
            }
            if incoming.eof {
                let clean = incoming.buffer.is_empty();
                return Poll::Ready(Err(ReadFault::Closed { clean }));
            }
            ready!(self.poll_fill(cx, &mut incoming))?;
        }
    }

    /// Whether bytes of the next message have already been read.
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        !self.incoming.borrow().buffer.is_empty()
    }

    /// Says how the body that follows is framed, and how long it may be.
    pub fn begin_body(&self, length: BodyLength, body_bytes_max: u64) {
        let mut incoming = self.incoming.borrow_mut();
        incoming.decoder = BodyDecoder::new(length);
        incoming.visible = 0;
        incoming.gap = 0;
        incoming.body_bytes = 0;
        incoming.body_bytes_max = body_bytes_max;
        incoming.failed = false;
        self.held.set(false);
    }

    /// The peer rightly waits for us before it sends its body: its time does not run.
    pub fn hold(&self) {
        self.held.set(true);
        self.timer.clear();
    }

    /// The peer may send its body now.
    pub fn release(&self, idle_timeout: std::time::Duration) {
        if self.held.replace(false) {
            self.timer.set(idle_timeout);
        }
    }

    /// Whether the peer waits for us.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.get()
    }

    /// Changes the limit of the body that is being read.
    pub fn limit_body(&self, body_bytes_max: u64) {
        self.incoming.borrow_mut().body_bytes_max = body_bytes_max;
    }

    /// Ready with `true` when body bytes are visible, with `false` at the end of the body.
    pub fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Result<bool, ReadFault>> {
        let mut incoming = self.incoming.borrow_mut();
        loop {
            if incoming.failed {
                return Poll::Ready(Err(ReadFault::Closed { clean: false }));
            }
            if incoming.visible > 0 {
                return Poll::Ready(Ok(true));
            }
            if incoming.decoder.is_ended() {
                return Poll::Ready(Ok(false));
            }
            if !incoming.buffer.is_empty() {
                let decoded = incoming.decode();
                incoming.failed = decoded.is_err();
                decoded?;
                continue;
            }
            if incoming.eof {
                incoming.decoder.on_eof().map_err(ReadFault::Refused)?;
                return Poll::Ready(Ok(false));
            }
            ready!(self.poll_fill(cx, &mut incoming))?;
        }
    }

    /// Lends the visible body bytes.
    pub fn with_body<R>(&self, use_body: impl FnOnce(&[u8]) -> R) -> R {
        let incoming = self.incoming.borrow();
        use_body(incoming.buffer.data().get(..incoming.visible).unwrap_or_default())
    }

    /// Number of visible body bytes.
    #[must_use]
    pub fn visible(&self) -> usize {
        self.incoming.borrow().visible
    }

    /// Drops `count` visible body bytes.
    pub fn consume_body(&self, count: usize) {
        let mut incoming = self.incoming.borrow_mut();
        let count = count.min(incoming.visible);
        incoming.visible -= count;
        let gap = if incoming.visible == 0 { std::mem::take(&mut incoming.gap) } else { 0 };
        incoming.buffer.consume(count + gap);
    }

    /// Whether the last byte of the body has been decoded (it may still be visible).
    #[must_use]
    pub fn is_body_ended(&self) -> bool {
        let incoming = self.incoming.borrow();
        incoming.decoder.is_ended() && !incoming.failed
    }

    /// Whether the whole body has been decoded and consumed.
    #[must_use]
    pub fn is_body_done(&self) -> bool {
        let incoming = self.incoming.borrow();
        incoming.decoder.is_ended() && incoming.visible == 0 && !incoming.failed
    }

    /// Body bytes that have not been consumed, where the length of the body is known.
    #[must_use]
    pub fn body_left(&self) -> Option<u64> {
        let incoming = self.incoming.borrow();
        let left = incoming.decoder.remaining()? + incoming.visible as u64;
        (!incoming.failed && !incoming.eof).then_some(left)
    }

    /// Whether not a byte of the body has been consumed.
    #[must_use]
    pub fn is_body_untouched(&self) -> bool {
        let incoming = self.incoming.borrow();
        incoming.body_bytes == incoming.visible as u64
    }

    /// Body bytes read so far.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.incoming.borrow().body_bytes
    }

    /// Bytes of a body of known length that are still in the socket, if none is in the buffer.
    /// `u64::MAX` for a body that ends with the connection.
    #[must_use]
    pub fn unread(&self) -> Option<u64> {
        let incoming = self.incoming.borrow();
        if !incoming.buffer.is_empty() || incoming.eof {
            return None;
        }
        if incoming.decoder.is_until_close() {
            return Some(u64::MAX);
        }
        incoming.decoder.remaining()
    }

    /// Accounts for body bytes that left the socket without passing through the buffer.
    pub fn skip_body(&self, count: u64) {
        let mut incoming = self.incoming.borrow_mut();
        incoming.body_bytes += count;
        incoming.decoder.skip(count);
    }

    /// Tells the body that the stream has ended beside the buffer.
    ///
    /// # Errors
    /// When the body was to be longer.
    pub fn end_of_stream(&self) -> Result<(), ReadFault> {
        let mut incoming = self.incoming.borrow_mut();
        incoming.eof = true;
        incoming.decoder.on_eof().map_err(ReadFault::Refused)
    }

    /// The trailer fields of the body that has ended.
    pub fn with_trailers<R>(&self, use_trailers: impl FnOnce(Option<&Headers>) -> R) -> R {
        use_trailers(self.incoming.borrow().decoder.trailers())
    }

    /// Ready when the peer will send nothing more: it closed, or the connection broke.
    /// Bytes of a next message are kept.
    pub fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut incoming = self.incoming.borrow_mut();
        loop {
            if incoming.eof {
                // Requests that it has sent before are still to be answered.
                let waits = !incoming.buffer.is_empty();
                return if waits { Poll::Pending } else { Poll::Ready(()) };
            }
            if incoming.buffer.len() >= PIPELINE_BYTES_MAX {
                return Poll::Pending;
            }
            match self.stream.poll_read(cx, &mut incoming.buffer) {
                Poll::Pending => {
                    incoming.buffer.shrink();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(count)) if count > 0 => {}
                // Out of memory says nothing about the client.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::OutOfMemory => {
                    return Poll::Pending;
                }
                Poll::Ready(_) => incoming.eof = true,
            }
        }
    }

    /// Writes from several slices, within the deadline.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.stream.poll_write(cx, slices) {
            Poll::Pending => self.poll_deadline(cx),
            ready => ready,
        }
    }

    /// Writes everything, within the deadline.
    ///
    /// # Errors
    /// When the peer is gone or does not take it in time.
    pub async fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count =
                std::future::poll_fn(|cx| self.poll_write(cx, &[IoSlice::new(rest)])).await?;
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Pending until the deadline, then `TimedOut`.
    pub fn poll_deadline<T>(&self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.timer.poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Bytes that were read, put back in front of those that follow.
    ///
    /// # Errors
    /// `OutOfMemory` when the memory budget is spent.
    pub fn unread_head(&self, head: &[u8]) -> io::Result<()> {
        let mut incoming = self.incoming.borrow_mut();
        let rest = std::mem::take(&mut incoming.buffer);
        incoming.buffer.append(head)?;
        incoming.buffer.append(rest.data())
    }

    /// Takes all bytes that were read beyond the last message, for a tunnel.
    pub fn take_buffered(&self) -> Buffer {
        std::mem::take(&mut self.incoming.borrow_mut().buffer)
    }

    /// The socket alone, of a transport between messages.
    #[must_use]
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    fn poll_fill(
        &self,
        cx: &mut Context<'_>,
        incoming: &mut Incoming,
    ) -> Poll<Result<(), ReadFault>> {
        match self.stream.poll_read(cx, &mut incoming.buffer) {
            Poll::Ready(Ok(0)) => incoming.eof = true,
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
            Poll::Pending => {
                incoming.buffer.shrink();
                return self.poll_deadline(cx).map_err(ReadFault::Io);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Incoming {
    /// Decodes what the buffer holds. The body bytes of several chunks are moved together, so that
    /// they leave in one write; the framing between them ends up in the gap.
    fn decode(&mut self) -> Result<(), ReadFault> {
        debug_assert_eq!(self.visible + self.gap, 0, "decoded bytes are consumed first");
        let (mut read, mut write) = (0, 0);
        let data = self.buffer.data_mut();
        while read < data.len() {
            let step = self
                .decoder
                .step(data.get(read..).unwrap_or_default())
                .map_err(ReadFault::Refused)?;
            let (start, end) = (read + step.data.start, read + step.data.end);
            if start < end {
                if write != start {
                    data.copy_within(start..end, write);
                }
                write += end - start;
            }
            read += step.consumed;
            if step.ended {
                break;
            }
        }
        self.body_bytes += write as u64;
        if self.body_bytes > self.body_bytes_max {
            return Err(ReadFault::TooLarge);
        }
        self.visible = write;
        self.gap = read - write;
        if write == 0 {
            self.buffer.consume(std::mem::take(&mut self.gap));
        }
        Ok(())
    }
}
