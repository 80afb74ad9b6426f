//! Two streams joined after a switch of protocols: bytes in both directions until both have
//! ended, or nothing has moved for too long. A half-close is passed on.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::io::Buffer;
use crate::transport::Transport;

/// How long a client may go on sending after the origin has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Bytes that went through, and how it ended.
#[derive(Debug)]
pub struct Carried {
    /// From the client to the origin.
    pub upward: u64,
    /// From the origin to the client.
    pub downward: u64,
    /// Nothing had moved for too long.
    pub timed_out: bool,
}

/// Joins the two until they end. Bytes already read on either side go first.
pub async fn run(client: &Rc<Transport>, upstream: &Rc<Transport>, idle: Duration) -> Carried {
    let mut upward = Flow::new(client, upstream);
    let mut downward = Flow::new(upstream, client);
    client.timer().cap(None);
    upstream.timer().cap(None);
    upstream.timer().clear();
    client.timer().set(idle);
    let mut idle = idle;
    let ended = poll_fn(|cx| {
        let before = upward.carried + downward.carried;
        let up = upward.poll(cx)?;
        let down = downward.poll(cx)?;
        // An origin that has ended will hardly listen for long; a client that has may well wait.
        let last_words = down.is_ready() && idle > LAST_WORDS;
        if last_words {
            idle = LAST_WORDS;
        }
        if last_words || upward.carried + downward.carried > before {
            client.timer().set(idle);
        }
        match (up, down) {
            (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(())),
            _ => client.poll_deadline(cx),
        }
    })
    .await;
    // How else a tunnel ends is nobody's fault: one side just stops.
    let idled = |error: io::Error| error.kind() == io::ErrorKind::TimedOut;
    let timed_out = ended.is_err_and(idled) && !downward.ended;
    Carried { upward: upward.carried, downward: downward.carried, timed_out }
}

/// One direction of a tunnel.
struct Flow<'a> {
    from: &'a Transport,
    to: &'a Transport,
    buffer: Buffer,
    carried: u64,
    ended: bool,
}

impl<'a> Flow<'a> {
    fn new(from: &'a Transport, to: &'a Transport) -> Self {
        Self { from, to, buffer: from.take_buffered(), carried: 0, ended: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.buffer.is_empty() {
                let slice = [IoSlice::new(self.buffer.data())];
                let count = ready!(self.to.stream().poll_write(cx, &slice))?;
                self.buffer.consume(count);
                self.carried += count as u64;
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.from.stream().poll_read(cx, &mut self.buffer))? == 0 {
                self.ended = true;
                self.to.stream().shutdown_write();
            }
        }
    }
}
