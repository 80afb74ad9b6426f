//! TLS over the connection of a probe, with the settings of the upstream.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use proxy::tls::ClientTls;
use rustls::ClientConnection;
use rustls::client::Resumption;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::link::{Link, reason};

/// A session over a connection.
pub(super) struct Secured {
    link: Link,
    session: ClientConnection,
}

/// Shakes hands, always in full: a session that was resumed would hide a certificate that has
/// ended since.
pub(super) async fn shake(link: Link, tls: &ClientTls, host: &str) -> Result<Secured, String> {
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let name = tls.server_name(host).ok_or("there is no name to verify")?;
    let mut config = rustls::ClientConfig::clone(&tls.config);
    config.resumption = Resumption::disabled();
    let session = ClientConnection::new(Arc::new(config), name);
    let session = session.map_err(|error| format!("TLS: {error}"))?;
    let mut secured = Secured { link, session };
    let shaken = std::future::poll_fn(|cx| secured.poll_handshake(cx)).await;
    shaken.map_err(|error| format!("TLS: {}", reason(&error)))?;
    Ok(secured)
}

impl Secured {
    /// What is spoken, where something was agreed upon.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.session.alpn_protocol()
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.is_handshaking() {
            ready!(self.poll_push(cx))?;
            if self.session.is_handshaking() && ready!(self.poll_pull(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.poll_push(cx)
    }

    /// Writes what the session has to say.
    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut wire = Wire { link: &mut self.link, cx };
            match self.session.write_tls(&mut wire) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads for the session; 0 is the end.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut wire = Wire { link: &mut self.link, cx };
        let count = match self.session.read_tls(&mut wire) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let processed = self.session.process_new_packets();
        if let Err(error) = processed {
            // The alert is a courtesy; the probe has failed either way.
            let _ = self.poll_push(cx);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.session.reader().read(out.initialize_unfilled()) {
                Ok(count) => {
                    out.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            // An end without a farewell is told by the next look at the reader.
            ready!(this.poll_pull(cx))?;
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_push(cx))?;
        let count = this.session.writer().write(bytes)?;
        match this.poll_push(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is left goes out with the next write or flush.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_push(cx))?;
        Pin::new(&mut this.link).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.session.send_close_notify();
        ready!(this.poll_push(cx))?;
        Pin::new(&mut this.link).poll_shutdown(cx)
    }
}

/// The connection as the session sees it: what would wait is `WouldBlock`.
struct Wire<'a, 'b> {
    link: &'a mut Link,
    cx: &'a mut Context<'b>,
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut out = ReadBuf::new(out);
        match Pin::new(&mut *self.link).poll_read(self.cx, &mut out) {
            Poll::Ready(done) => done.map(|()| out.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.link).poll_write(self.cx, bytes) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
