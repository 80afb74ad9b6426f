//! Two streams joined after a switch of protocols: bytes in both directions until both have
//! ended, or nothing has moved for too long. A half-close is passed on.

mod port;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use port::Port;

use crate::exchange::Exchange;
use crate::io::{Buffer, Timer};
use crate::record::{Counter, Gauge, account};
use crate::worker::Worker;

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

/// Joins a client and an origin until they end, and counts that.
pub async fn serve(
    worker: &Worker,
    exchange: &Exchange,
    (near, far): (Port, Port),
) -> account::End {
    worker.metrics().add(Counter::Tunnels, 1);
    let open = worker.raise(Gauge::TunnelsOpen);
    let carried = run(near, far, exchange.snapshot.timeouts.tunnel_idle).await;
    drop(open);
    if carried.timed_out {
        worker.metrics().timeout("tunnel-idle");
    }
    account::End::tunnel(&carried)
}

/// Joins the two until they end. Bytes already read on either side go first.
pub async fn run(mut client: Port, mut upstream: Port, idle: Duration) -> Carried {
    let mut upward = Flow::new(&mut client);
    let mut downward = Flow::new(&mut upstream);
    let timer = Timer::new();
    timer.set(idle);
    let mut idle = idle;
    let ended = poll_fn(|cx| {
        let before = upward.carried + downward.carried;
        let up = upward.poll(cx, (&mut client, &mut upstream))?;
        let down = downward.poll(cx, (&mut upstream, &mut client))?;
        // An origin that has ended will hardly listen for long; a client that has may well wait.
        let last_words = down.is_ready() && idle > LAST_WORDS;
        if last_words {
            idle = LAST_WORDS;
        }
        if last_words || upward.carried + downward.carried > before {
            timer.set(idle);
        }
        match (up, down) {
            (Poll::Ready(()), Poll::Ready(())) => Poll::Ready(Ok(())),
            _ => timer.poll(cx).map(|()| Err(io::Error::from(io::ErrorKind::TimedOut))),
        }
    })
    .await;
    // How else a tunnel ends is nobody's fault: one side just stops.
    let idled = |error: io::Error| error.kind() == io::ErrorKind::TimedOut;
    let timed_out = ended.is_err_and(idled) && !downward.ended;
    Carried { upward: upward.carried, downward: downward.carried, timed_out }
}

/// One direction of a tunnel.
struct Flow {
    buffer: Buffer,
    carried: u64,
    ended: bool,
}

impl Flow {
    fn new(from: &mut Port) -> Self {
        Self { buffer: from.take_buffered(), carried: 0, ended: false }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (from, to): (&mut Port, &mut Port),
    ) -> Poll<io::Result<()>> {
        loop {
            while !self.buffer.is_empty() {
                let count = ready!(to.poll_write(cx, self.buffer.data()))?;
                self.buffer.consume(count);
                self.carried += count as u64;
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if ready!(from.poll_read(cx, &mut self.buffer))? == 0 {
                self.ended = true;
                to.close_write();
            }
        }
    }
}
