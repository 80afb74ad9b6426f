//! One direction of a tunnel.

use std::io;
use std::task::{Context, Poll, ready};

use super::Port;
use crate::io::buffer::BUFFER_BYTES;
use crate::io::pipe::Pipe;
use crate::io::{Buffer, Stream};

/// Steps in a row before the worker turns to others.
const STEPS_PER_TURN: usize = 32;

/// Bytes that come at once where it pays to leave them in the kernel.
const SPLICE_BYTES_MIN: usize = 16 * 1024;

/// Why a direction cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing more can be read.
    Source,
    /// Nothing more can be written.
    Target,
    /// There is no memory for what comes.
    Memory,
}

/// What moves from one port to the other.
pub(super) struct Flow {
    buffer: Buffer,
    pipe: Option<Pipe>,
    /// The source sends in bulk: what it sends next is best left in the kernel.
    is_bulk: bool,
    /// Bytes that were written.
    pub(super) carried: u64,
    /// The source has ended.
    pub(super) ended: bool,
    /// The target takes no more.
    broken: bool,
}

impl Flow {
    pub(super) fn new(from: &mut Port) -> Self {
        Self {
            buffer: from.take_buffered(),
            pipe: None,
            is_bulk: false,
            carried: 0,
            ended: false,
            broken: false,
        }
    }

    /// Ready when the source has ended and all it said is written.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        ports: (&mut Port, &mut Port),
    ) -> Poll<Result<(), Trouble>> {
        if self.broken {
            return Poll::Ready(Ok(()));
        }
        let (from, to) = ports;
        let trouble = |error: io::Error, trouble| match error.kind() {
            io::ErrorKind::OutOfMemory => Trouble::Memory,
            _ => trouble,
        };
        for _ in 0..STEPS_PER_TURN {
            if let Err(error) = ready!(self.poll_flush(cx, to)) {
                self.broken = true;
                return Poll::Ready(Err(trouble(error, Trouble::Target)));
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            let taken = ready!(self.poll_take(cx, (&mut *from, &mut *to)));
            let count = taken.map_err(|error| trouble(error, Trouble::Source))?;
            if count == 0 {
                self.ended = true;
                to.close_write();
            }
        }
        // Others on this worker get their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what is in hand.
    fn poll_flush(&mut self, cx: &mut Context<'_>, to: &mut Port) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let count = ready!(to.poll_write(cx, self.buffer.data()))?;
            self.buffer.consume(count);
            self.carried += count as u64;
        }
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.held() > 0) {
            let Some(stream) = to.plain() else { return Poll::Ready(Ok(())) };
            self.carried += ready!(pipe.poll_drain(cx, stream))? as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what there is in hand; 0 is the end.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        (from, to): (&mut Port, &mut Port),
    ) -> Poll<io::Result<usize>> {
        if self.is_bulk
            && let (Some(source), Some(_)) = (from.plain(), to.plain())
        {
            match self.poll_splice(cx, source) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(taken)) => return Poll::Ready(taken),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.put_pipe();
        let count = ready!(from.poll_read(cx, &mut self.buffer))?;
        self.is_bulk = count >= BUFFER_BYTES;
        Poll::Ready(Ok(count))
    }

    /// Fills a pipe; `None` where the system has no more of them. A flow that waits holds none.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        source: &Stream,
    ) -> Poll<Option<io::Result<usize>>> {
        let Some(mut pipe) = self.pipe.take().or_else(|| Pipe::take().ok()) else {
            self.is_bulk = false;
            return Poll::Ready(None);
        };
        match pipe.poll_fill(cx, source, u64::MAX) {
            Poll::Pending => {
                pipe.put();
                Poll::Pending
            }
            Poll::Ready(Ok(count)) => {
                self.is_bulk = count >= SPLICE_BYTES_MIN;
                self.pipe = Some(pipe);
                Poll::Ready(Some(Ok(count)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
        }
    }

    fn put_pipe(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.put();
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.put_pipe();
    }
}
