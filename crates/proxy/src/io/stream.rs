//! One connected socket, TCP or Unix, driven by readiness.
//!
//! Every system call on a data-path socket is made here (or in `pipe`), so that another driver
//! can take this module's place.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, Waker, ready};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

use super::{Buffer, Session, register};

/// Who is at the other end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process on this machine, by a Unix socket.
    Unix,
}

/// A non-blocking stream socket registered with the worker's driver.
#[derive(Debug)]
pub struct Stream {
    fd: AsyncFd<OwnedFd>,
    peer: Peer,
    received: Cell<u64>,
    sent: Cell<u64>,
    tls: Option<Box<RefCell<Session>>>,
    resets: Cell<bool>,
}

/// A connected socket that the driver does not watch, with the session that it carries.
#[derive(Debug)]
pub struct Parts {
    /// The socket.
    pub fd: OwnedFd,
    /// Who is at the other end.
    pub peer: Peer,
    tls: Option<Box<RefCell<Session>>>,
}

impl Parts {
    /// Says goodbye if the session asks for it; the socket is closed next.
    pub fn farewell(&self) {
        if let Some(session) = &self.tls {
            say_farewell(&self.fd, session);
        }
    }
}

/// Bytes that went over a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from the peer.
    pub received: u64,
    /// Bytes to the peer.
    pub sent: u64,
}

impl Stream {
    /// Takes over a connected, non-blocking socket.
    ///
    /// # Errors
    /// When the driver refuses the descriptor.
    pub fn new(fd: OwnedFd, peer: Peer) -> io::Result<Self> {
        Self::from_parts(Parts { fd, peer, tls: None })
    }

    /// Lets the driver watch a socket again.
    ///
    /// # Errors
    /// When the driver refuses the descriptor.
    pub fn from_parts(parts: Parts) -> io::Result<Self> {
        let Parts { fd, peer, tls } = parts;
        let fd = register::owned(fd)?;
        let (received, sent, resets) = (Cell::new(0), Cell::new(0), Cell::new(false));
        Ok(Self { fd, peer, received, sent, tls, resets })
    }

    /// From here on everything goes through a TLS session, beginning with its handshake.
    #[must_use]
    pub fn secure(mut self, session: Session) -> Self {
        self.tls = Some(Box::new(RefCell::new(session)));
        self
    }

    /// Whether the bytes on the socket are not the bytes that are read and written here.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn session(&self) -> Option<&RefCell<Session>> {
        self.tls.as_deref()
    }

    /// Lends the session, where there is one.
    pub fn with_session<R>(&self, use_session: impl FnOnce(&Session) -> R) -> Option<R> {
        self.tls.as_ref().map(|session| use_session(&session.borrow()))
    }

    /// Connects over TCP. The caller bounds the time.
    ///
    /// # Errors
    /// What `connect(2)` says.
    pub async fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let fd = open_socket(family)?;
        rustix::net::sockopt::set_tcp_nodelay(&fd, true)?;
        Self::finish_connect(rustix::net::connect(&fd, &address), fd, Peer::Tcp(address)).await
    }

    /// Connects to a Unix socket. The caller bounds the time.
    ///
    /// # Errors
    /// What `connect(2)` says, or a path that is too long for a socket address.
    pub async fn connect_unix(path: &std::path::Path) -> io::Result<Self> {
        let fd = open_socket(AddressFamily::UNIX)?;
        let address = rustix::net::SocketAddrUnix::new(path)?;
        Self::finish_connect(rustix::net::connect(&fd, &address), fd, Peer::Unix).await
    }

    async fn finish_connect(
        started: Result<(), Errno>,
        fd: OwnedFd,
        peer: Peer,
    ) -> io::Result<Self> {
        match started {
            Ok(()) => return Self::new(fd, peer),
            // On a Unix socket EAGAIN is a full queue: nothing was begun.
            Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = Self::new(fd, peer)?;
        stream.fd.writable().await?.retain_ready();
        match rustix::net::sockopt::socket_error(&stream.fd)? {
            Ok(()) => Ok(stream),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the socket back from the driver.
    #[must_use]
    pub fn into_parts(self) -> Parts {
        Parts { fd: self.fd.into_inner(), peer: self.peer, tls: self.tls }
    }

    /// The bytes that went over since the last call, by whatever way.
    #[must_use]
    pub fn take_traffic(&self) -> Traffic {
        Traffic { received: self.received.take(), sent: self.sent.take() }
    }

    fn count_sent(&self, count: usize) {
        self.sent.set(self.sent.get() + count as u64);
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Reads into the free room of `buffer`; 0 is the end of the stream.
    /// The buffer takes memory only once there is something to read.
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        match &self.tls {
            None => self.poll_receive(cx, buffer),
            Some(session) => self.poll_decrypt(cx, &mut session.borrow_mut(), buffer),
        }
    }

    /// Reads from the socket itself.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(readiness) = self.fd.poll_read_ready(cx) else {
                buffer.release_empty();
                return Poll::Pending;
            };
            let mut guard = readiness?;
            let room = buffer.make_room()?;
            let wanted = room.capacity() - room.len();
            let spare = rustix::buffer::spare_capacity(room);
            match rustix::net::recv(&self.fd, spare, RecvFlags::empty()) {
                Ok((count, _)) => {
                    self.received.set(self.received.get() + count as u64);
                    // A short read has emptied the socket: the next one would only say EAGAIN.
                    if count > 0 && count < wanted {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) => retry_or_fail(&mut guard, error)?,
            }
        }
    }

    /// Writes from several slices; never 0 for a non-empty write.
    ///
    /// A write that was pending must be tried again with the same bytes first: they may have been
    /// encrypted already.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &self.tls {
            None => self.poll_send(cx, slices),
            Some(session) => self.poll_encrypt(cx, &mut session.borrow_mut(), slices),
        }
    }

    /// Writes to the socket itself.
    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            // One slice is the common case, and `send` is the shortest way through the kernel.
            let written = match slices {
                [slice] => rustix::net::send(&self.fd, slice, SendFlags::NOSIGNAL),
                _ => rustix::io::writev(&self.fd, slices),
            };
            match written {
                Ok(count) => {
                    self.count_sent(count);
                    return Poll::Ready(Ok(count));
                }
                Err(error) => retry_or_fail(&mut guard, error)?,
            }
        }
    }

    /// What the socket holds right now, without taking it.
    #[must_use]
    pub fn peek(&self) -> Peek {
        let mut scratch = [0_u8; 1];
        match rustix::net::recv(&self.fd, &mut scratch[..], RecvFlags::PEEK) {
            Ok((_, 0)) => Peek::Closed,
            Ok(_) => Peek::Data,
            Err(Errno::AGAIN | Errno::INTR) => Peek::Quiet,
            Err(_) => Peek::Closed,
        }
    }

    /// Copies what the socket holds without taking it, once that is more than `seen` bytes.
    /// Only for a socket that carries no session yet.
    ///
    /// # Errors
    /// `UnexpectedEof` when no more will come.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        seen: usize,
        bytes: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let is_last = guard.ready().is_read_closed();
            match rustix::net::recv(&self.fd, &mut *bytes, RecvFlags::PEEK) {
                Ok((_, count)) if count > seen => return Poll::Ready(Ok(count)),
                Ok(_) if is_last => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                // What is there has been seen: the next byte makes the socket ready again.
                Ok(_) => guard.clear_ready(),
                Err(error) => retry_or_fail(&mut guard, error)?,
            }
        }
    }

    /// Takes that many bytes, which have been seen, out of the socket.
    ///
    /// # Errors
    /// When they are not there.
    pub fn discard(&self, count: usize) -> io::Result<()> {
        let mut scratch = [0; 1024];
        let mut left = count;
        while left > 0 {
            let wanted = left.min(scratch.len());
            let room = scratch.get_mut(..wanted).unwrap_or_default();
            match rustix::net::recv(&self.fd, room, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((_, taken)) => left -= taken,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.received.set(self.received.get() + count as u64);
        Ok(())
    }

    /// The address at our end.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        SocketAddr::try_from(rustix::net::getsockname(&self.fd).ok()?).ok()
    }

    /// Takes somebody else for the one at the other end.
    pub fn set_peer(&mut self, peer: Peer) {
        self.peer = peer;
    }

    /// Whether the driver has seen something to read (data or the end) on an idle socket.
    /// Makes no system call when it has not.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match self.fd.poll_read_ready(&mut cx) {
            Poll::Pending => false,
            Poll::Ready(Err(_)) => true,
            // Not all that comes over a session is for us: it may have sent a ticket.
            Poll::Ready(Ok(_)) if self.tls.is_some() => {
                let mut scratch = Buffer::default();
                self.poll_read(&mut cx, &mut scratch).is_ready()
            }
            Poll::Ready(Ok(mut guard)) => {
                let disturbed = self.peek() != Peek::Quiet;
                if !disturbed {
                    guard.clear_ready();
                }
                disturbed
            }
        }
    }

    /// Makes the close that follows a reset, or an orderly one again.
    pub fn reset_on_close(&self, reset: bool) {
        self.resets.set(reset);
        let linger = reset.then_some(std::time::Duration::ZERO);
        let _ = rustix::net::sockopt::set_socket_linger(&self.fd, linger);
    }

    /// Ends our sending side; the peer reads an end of stream.
    pub fn shutdown_write(&self) {
        self.farewell();
        // A socket that is already gone needs no shutdown.
        let _ = rustix::net::shutdown(&self.fd, rustix::net::Shutdown::Write);
    }

    /// Ends both sides at once; pending reads see the end of the stream.
    pub fn shutdown(&self) {
        let _ = rustix::net::shutdown(&self.fd, rustix::net::Shutdown::Both);
    }

    /// Announces our end where the protocol on the wire has a way to; a cut message gets none.
    pub fn farewell(&self) {
        if let Some(session) = &self.tls
            && !self.resets.get()
        {
            say_farewell(&self.fd, session);
        }
    }

    /// One step of moving bytes without copying: runs `transfer` when the socket can be read.
    pub(super) fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        mut transfer: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match transfer(self.fd.as_fd()) {
                Ok(count) => {
                    self.received.set(self.received.get() + count as u64);
                    return Poll::Ready(Ok(count));
                }
                Err(error) => retry_or_fail(&mut guard, error)?,
            }
        }
    }

    /// The same for the sending side.
    pub(super) fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        mut transfer: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            match transfer(self.fd.as_fd()) {
                Ok(count) => {
                    self.count_sent(count);
                    return Poll::Ready(Ok(count));
                }
                Err(error) => retry_or_fail(&mut guard, error)?,
            }
        }
    }
}

/// What [`Stream::peek`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peek {
    /// Nothing yet, and the peer is there.
    Quiet,
    /// At least one byte.
    Data,
    /// The end of the stream, or a broken connection.
    Closed,
}

fn open_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(rustix::net::socket_with(family, SocketType::STREAM, flags, None)?)
}

/// Turns "not now" into another wait and everything else into an error.
fn retry_or_fail(guard: &mut AsyncFdReadyGuard<'_, OwnedFd>, error: Errno) -> io::Result<()> {
    match error {
        Errno::AGAIN => guard.clear_ready(),
        Errno::INTR => {}
        other => return Err(other.into()),
    }
    Ok(())
}

/// One attempt: whoever does not take it reads the end of the stream instead.
fn say_farewell(fd: impl AsFd, session: &RefCell<Session>) {
    let alert = session.borrow_mut().farewell();
    if !alert.is_empty() {
        let _ = rustix::net::send(fd, &alert, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
}
