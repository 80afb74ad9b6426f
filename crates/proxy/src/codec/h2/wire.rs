//! The socket as the h2 crate wants it, with an eye on every frame that passes.

use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Walker;
use super::shared::Shared;
use crate::io::{Buffer, Stream};

/// The slices of one write.
const SLICES_MAX: usize = 16;

/// A stream that speaks HTTP/2.
#[derive(Debug)]
pub struct Wire {
    stream: Rc<Stream>,
    incoming: Buffer,
    reader: Walker,
    writer: Walker,
    shared: Rc<Shared>,
}

impl Wire {
    /// `incoming` has been read already; the peer begins with a preface of `preface` bytes, we
    /// with one of `own_preface`.
    pub(crate) fn new(
        stream: Rc<Stream>,
        incoming: Buffer,
        shared: Rc<Shared>,
        (preface, own_preface): (usize, usize),
    ) -> Self {
        let (reader, writer) = (Walker::new(preface), Walker::new(own_preface));
        Self { stream, incoming, reader, writer, shared }
    }

    fn note_written(&mut self, slices: &[IoSlice<'_>], count: usize) {
        let mut left = count;
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            left -= part.len();
            self.writer.walk(part, |frame, shown| {
                self.shared.sent(frame, shown);
                ControlFlow::Continue(())
            });
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.shared.is_spent() || this.shared.breach().is_some() {
            // Not another frame is handled; whoever drives the connection ends it.
            return Poll::Pending;
        }
        if this.incoming.is_empty() && ready!(this.stream.poll_read(cx, &mut this.incoming))? == 0 {
            return Poll::Ready(Ok(()));
        }
        let data = this.incoming.data();
        let data = data.get(..into.remaining()).unwrap_or(data);
        let good = this.reader.walk(data, |frame, shown| this.shared.received(frame, shown));
        into.put_slice(data.get(..good).unwrap_or(data));
        this.shared.set_in_frame(this.reader.is_inside());
        let count = data.len();
        this.incoming.consume(count);
        // Nothing at all would be taken for the end of the stream.
        if good == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let slices = slices.get(..SLICES_MAX).unwrap_or(slices);
        let count = ready!(this.stream.poll_write(cx, slices))?;
        this.note_written(slices, count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is held back: a write is over when the socket has it.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.shutdown_write();
        Poll::Ready(Ok(()))
    }
}
