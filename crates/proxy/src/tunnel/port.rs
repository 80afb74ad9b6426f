//! One end of a tunnel, whatever it came out of.

use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};

use crate::codec::h2::Outlet;
use crate::io::{Buffer, Stream};
use crate::transport::Transport;
use crate::upstream::{Lease, StreamLease};

/// What a tunnel reads from and writes to.
#[derive(Debug)]
pub enum Port {
    /// A connection that HTTP/1.1 has left, with its lease if it leads to an origin.
    H1(Rc<Transport>, Option<Lease>),
    /// A stream of HTTP/2.
    H2(Box<StreamPort>),
}

/// Both sides of a stream.
#[derive(Debug)]
pub struct StreamPort {
    incoming: RecvStream,
    outlet: Outlet,
    closed: bool,
    _lease: Option<StreamLease>,
}

impl Port {
    /// The connection of a client.
    #[must_use]
    pub fn client(transport: &Rc<Transport>) -> Self {
        transport.timer().reset();
        Self::H1(Rc::clone(transport), None)
    }

    /// The connection to an origin.
    #[must_use]
    pub fn upstream(lease: Lease) -> Self {
        let transport = lease.transport();
        transport.timer().reset();
        Self::H1(transport, Some(lease))
    }

    /// A stream of a client.
    #[must_use]
    pub fn h2(incoming: RecvStream, outlet: Outlet) -> Self {
        Self::H2(Box::new(StreamPort { incoming, outlet, closed: false, _lease: None }))
    }

    /// A stream to an origin.
    #[must_use]
    pub fn h2_upstream(incoming: RecvStream, outlet: Outlet, lease: StreamLease) -> Self {
        Self::H2(Box::new(StreamPort { incoming, outlet, closed: false, _lease: Some(lease) }))
    }

    /// Takes the bytes that were read beyond the head.
    pub fn take_buffered(&mut self) -> Buffer {
        match self {
            Self::H1(transport, _) => transport.take_buffered(),
            Self::H2(_) => Buffer::default(),
        }
    }

    /// Reads into `buffer`; 0 is the end.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::H1(transport, _) => transport.stream().poll_read(cx, buffer),
            Self::H2(port) => port.poll_read(cx, buffer),
        }
    }

    /// Writes; never 0 for a write that is not empty.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::H1(transport, _) => transport.stream().poll_write(cx, &[IoSlice::new(bytes)]),
            Self::H2(port) => port.poll_write(cx, bytes),
        }
    }

    /// The socket, where the bytes on it are the bytes that are carried.
    #[must_use]
    pub fn plain(&self) -> Option<&Stream> {
        match self {
            Self::H1(transport, _) => Some(transport.stream()).filter(|s| !s.is_encrypted()),
            Self::H2(_) => None,
        }
    }

    /// Lets the other side see that this is no orderly end.
    pub fn reset_on_close(&self) {
        // A stream of HTTP/2 that is not closed is cancelled when it goes.
        if let Self::H1(transport, _) = self {
            transport.stream().reset_on_close(true);
        }
    }

    /// Ends the sending side.
    pub fn close_write(&mut self) {
        match self {
            Self::H1(transport, _) => transport.stream().shutdown_write(),
            Self::H2(port) => {
                port.closed = true;
                // A stream that is gone is closed as well.
                let _ = port.outlet.send(b"", true);
            }
        }
    }
}

impl StreamPort {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        loop {
            let Some(chunk) = ready!(self.incoming.poll_data(cx)) else {
                return Poll::Ready(Ok(0));
            };
            let chunk: Bytes = chunk.map_err(io::Error::other)?;
            // What is in hand is written before more is read: the window may open at once.
            let _ = self.incoming.flow_control().release_capacity(chunk.len());
            if !chunk.is_empty() {
                buffer.append(&chunk)?;
                return Poll::Ready(Ok(chunk.len()));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        let Poll::Ready(room) = self.outlet.poll_room(cx, bytes.len()) else {
            return self.outlet.poll_reset(cx).map(|reset| Err(gone(reset)));
        };
        let count = room.map_err(gone)?;
        let sent = self.outlet.send(bytes.get(..count).unwrap_or(bytes), false);
        Poll::Ready(sent.map(|()| count).map_err(gone))
    }
}

impl Drop for StreamPort {
    fn drop(&mut self) {
        if !self.closed {
            self.outlet.reset(Reason::CANCEL);
        }
    }
}
