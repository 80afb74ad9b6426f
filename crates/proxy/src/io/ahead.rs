//! Looking ahead: the first bytes of a connection, which stay in the socket for whoever gets it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Stream, Timer};

thread_local! {
    /// What is looked at stays in the socket, so one place for a look serves all connections, and
    /// one that never says all of it takes no memory here.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Looks whenever more has come, until `parse` knows what the first bytes are. Returns what it
/// says, with the number of bytes that have been seen.
///
/// # Errors
/// `TimedOut` after `timeout`, `OutOfMemory` when `bytes_max` bytes were not enough,
/// `UnexpectedEof` when no more will come.
pub async fn look<T, E>(
    stream: &Stream,
    (timeout, bytes_max): (Duration, usize),
    parse: impl Fn(&[u8]) -> Result<Option<T>, E>,
) -> (io::Result<Result<T, E>>, usize) {
    let timer = Timer::new();
    timer.set(timeout);
    let mut seen = 0;
    let looked = poll_fn(|cx| match poll_look(stream, cx, (&mut seen, bytes_max), &parse) {
        Poll::Pending => timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        ready => ready,
    })
    .await;
    (looked, seen)
}

fn poll_look<T, E>(
    stream: &Stream,
    cx: &mut Context<'_>,
    (seen, bytes_max): (&mut usize, usize),
    parse: impl Fn(&[u8]) -> Result<Option<T>, E>,
) -> Poll<io::Result<Result<T, E>>> {
    SCRATCH.with_borrow_mut(|bytes| {
        bytes.resize(bytes_max, 0);
        loop {
            let count = ready!(stream.poll_peek(cx, *seen, bytes))?;
            *seen = count;
            match parse(bytes.get(..count).unwrap_or_default()) {
                Ok(Some(found)) => return Poll::Ready(Ok(Ok(found))),
                Err(fault) => return Poll::Ready(Ok(Err(fault))),
                Ok(None) if count == bytes.len() => {
                    return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
                }
                Ok(None) => {}
            }
        }
    })
}
