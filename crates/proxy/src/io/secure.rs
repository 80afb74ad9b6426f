//! A stream whose bytes go through a TLS session.
//!
//! Records are sealed into memory that the whole worker shares and sent at once. Only what the
//! socket does not take is kept, so a connection that waits holds no buffer for it.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::session::sealed_bytes_max;
use super::{Buffer, Session, Stream};

/// Parts of a write up to this length are joined, to leave in one record.
const JOIN_BYTES_MAX: usize = 16 * 1024;

/// Bytes that one write seals at the most.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// Room for them, in as many parts as a write may have.
const SEALED_BYTES: usize = sealed_bytes_max(WRITE_BYTES_MAX) + 16 * sealed_bytes_max(0);

thread_local! {
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SEALED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Stream {
    /// Ready when the handshake is over.
    ///
    /// # Errors
    /// When it fails (`InvalidData` with the cause), or the peer leaves (`UnexpectedEof`).
    pub fn poll_handshake(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(session) = self.session() else { return Poll::Ready(Ok(())) };
        let mut session = session.borrow_mut();
        loop {
            let shaken = session.shake_hands();
            // What we have to say comes first, be it an alert.
            let flushed = self.poll_flush_session(cx, &mut session);
            let is_over = shaken?;
            ready!(flushed)?;
            if is_over {
                session.rest();
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx, session.incoming()))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    pub(super) fn poll_decrypt(
        &self,
        cx: &mut Context<'_>,
        session: &mut Session,
        buffer: &mut Buffer,
    ) -> Poll<io::Result<usize>> {
        loop {
            let read = session.read(buffer);
            // Answers to key updates, and the alert where the peer broke a rule. A full socket
            // is no reason to read no further.
            let _ = self.poll_flush_session(cx, session)?;
            let count = read?;
            if count > 0 || session.is_peer_closed() {
                return Poll::Ready(Ok(count));
            }
            match self.poll_receive(cx, session.incoming()) {
                Poll::Pending => {
                    session.rest();
                    buffer.release_empty();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) if session.is_server() => return Poll::Ready(Ok(0)),
                // An origin that ends without saying so may have been cut off.
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                Poll::Ready(received) => drop(received?),
            }
        }
    }

    pub(super) fn poll_encrypt(
        &self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush_session(cx, session))?;
        let promised = session.take_promised();
        if promised > 0 {
            return Poll::Ready(Ok(promised));
        }
        session.settle()?;
        // What that brought about, an answer to a change of keys, goes first.
        ready!(self.poll_flush_session(cx, session))?;
        SEALED.with_borrow_mut(|sealed| {
            sealed.resize(SEALED_BYTES, 0);
            let (plain, length) = seal(session, slices, sealed)?;
            let mut rest = sealed.get(..length).unwrap_or_default();
            while !rest.is_empty() {
                match self.poll_send(cx, &[IoSlice::new(rest)])? {
                    Poll::Ready(count) => rest = rest.get(count..).unwrap_or_default(),
                    Poll::Pending => {
                        session.keep(rest, plain)?;
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(plain))
        })
    }

    fn poll_flush_session(
        &self,
        cx: &mut Context<'_>,
        session: &mut Session,
    ) -> Poll<io::Result<()>> {
        while !session.outgoing().is_empty() {
            let count = ready!(self.poll_send(cx, &[IoSlice::new(session.outgoing())]))?;
            session.sent(count);
        }
        Poll::Ready(Ok(()))
    }
}

/// Seals what the slices hold, up to the limit of one write; returns how many bytes that were, and
/// how many they have become.
fn seal(
    session: &mut Session,
    slices: &[IoSlice<'_>],
    sealed: &mut [u8],
) -> io::Result<(usize, usize)> {
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    if slices.len() > 1 && total <= JOIN_BYTES_MAX {
        return PLAIN.with_borrow_mut(|plain| {
            plain.clear();
            slices.iter().for_each(|slice| plain.extend_from_slice(slice));
            Ok((total, session.seal(plain, sealed)?))
        });
    }
    let (mut taken, mut written) = (0, 0);
    for slice in slices {
        let wanted = slice.len().min(WRITE_BYTES_MAX - taken);
        let room = sealed.get_mut(written..).unwrap_or_default();
        written += session.seal(slice.get(..wanted).unwrap_or_default(), room)?;
        taken += wanted;
        if taken == WRITE_BYTES_MAX {
            break;
        }
    }
    Ok((taken, written))
}
