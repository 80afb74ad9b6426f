//! One stream socket, TCP, Unix or TLS, with the rude ways to end it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::tls::Secured;

/// A connected stream.
#[derive(Debug)]
pub enum Sock {
    /// TCP on the loopback.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
    /// TLS over TCP on the loopback.
    Tls(Box<Secured>),
}

impl Sock {
    /// Connects over TCP, with Nagle off so that each write leaves as it is.
    ///
    /// # Errors
    /// What `connect` says.
    pub fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    /// A second handle on the same socket.
    ///
    /// # Panics
    /// For TLS, whose two directions are one state.
    #[must_use]
    pub fn share(&self) -> Self {
        match self {
            Self::Tcp(s) => Self::Tcp(s.try_clone().expect("dup")),
            Self::Unix(s) => Self::Unix(s.try_clone().expect("dup")),
            Self::Tls(_) => panic!("a TLS session cannot be shared"),
        }
    }

    /// Bounds each read and write.
    pub fn bound(&self, patience: Duration) {
        match self.tcp_or_unix() {
            Ok(s) => {
                s.set_read_timeout(Some(patience)).expect("read timeout");
                s.set_write_timeout(Some(patience)).expect("write timeout");
            }
            Err(s) => {
                s.set_read_timeout(Some(patience)).expect("read timeout");
                s.set_write_timeout(Some(patience)).expect("write timeout");
            }
        }
    }

    /// Shuts down one or both directions; a peer that is gone already is fine. TLS is not told.
    pub fn shutdown(&self, how: Shutdown) {
        let _gone_is_fine = match self.tcp_or_unix() {
            Ok(s) => s.shutdown(how),
            Err(s) => s.shutdown(how),
        };
    }

    /// Makes the coming close a reset instead of a FIN (TCP only).
    pub fn linger_zero(&self) {
        if let Ok(s) = self.tcp_or_unix() {
            let view = socket2::SockRef::from(s);
            let _gone_is_fine = view.set_linger(Some(Duration::ZERO));
        }
    }

    /// Shrinks the kernel buffers so that back-pressure shows after little data.
    pub fn small_buffers(&self, bytes: usize) {
        if let Ok(s) = self.tcp_or_unix() {
            let view = socket2::SockRef::from(s);
            view.set_recv_buffer_size(bytes).expect("rcvbuf");
            view.set_send_buffer_size(bytes).expect("sndbuf");
        }
    }

    /// Our and the peer's addresses, for TCP.
    #[must_use]
    pub fn addrs(&self) -> Option<(SocketAddr, SocketAddr)> {
        let Ok(s) = self.tcp_or_unix() else { return None };
        Some((s.local_addr().ok()?, s.peer_addr().ok()?))
    }

    /// The session, for TLS.
    #[must_use]
    pub fn tls(&mut self) -> Option<&mut Secured> {
        if let Self::Tls(secured) = self { Some(secured) } else { None }
    }

    fn tcp_or_unix(&self) -> Result<&TcpStream, &UnixStream> {
        match self {
            Self::Tcp(s) => Ok(s),
            Self::Tls(s) => Ok(s.socket()),
            Self::Unix(s) => Err(s),
        }
    }
}

impl Read for Sock {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(out),
            Self::Unix(s) => s.read(out),
            Self::Tls(s) => s.read(out),
        }
    }
}

impl Write for Sock {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.write(bytes),
            Self::Unix(s) => s.write(bytes),
            Self::Tls(s) => s.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
