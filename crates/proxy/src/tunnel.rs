//! Two streams joined: bytes in both directions until both have ended, or nothing has moved for
//! too long. A half-close is passed on, and so is a cut.

mod flow;
mod port;

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

pub use port::Port;

use crate::exchange::Exchange;
use crate::fault::Side;
use crate::io::Timer;
use crate::record::{Counter, Gauge, account};
use crate::worker::Worker;

use flow::{Flow, Trouble};

/// How long a client may go on sending after the origin has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Bytes that went through, and how it ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    /// From the client to the origin.
    pub upward: u64,
    /// From the origin to the client.
    pub downward: u64,
    /// How it ended.
    pub ending: Ending,
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Both sides have said all they had to say.
    #[default]
    Both,
    /// Nothing had moved for too long.
    Idle,
    /// This side broke off.
    Cut(Side),
}

/// Joins a client and an origin until they end, and counts that.
pub async fn serve(worker: &Worker, exchange: &Exchange, ends: (Port, Port)) -> account::End {
    worker.metrics().add(Counter::Tunnels, 1);
    let open = worker.raise(Gauge::TunnelsOpen);
    let carried = run(ends, exchange.snapshot.timeouts.tunnel_idle).await;
    drop(open);
    if carried.ending == Ending::Idle {
        worker.metrics().timeout("tunnel-idle");
    }
    account::End::tunnel(&carried)
}

/// Joins the two until they end. Bytes already read on either side go first.
pub async fn run((mut client, mut upstream): (Port, Port), idle: Duration) -> Carried {
    let timer = Timer::new();
    timer.set(idle);
    let mut joined = Joined {
        upward: Flow::new(&mut client),
        downward: Flow::new(&mut upstream),
        cut: None,
        idle,
    };
    let ending = poll_fn(|cx| {
        let polled = joined.poll(cx, (&mut client, &mut upstream), &timer);
        match polled {
            Poll::Pending => timer.poll(cx).map(|()| joined.timed_out()),
            ready => ready,
        }
    })
    .await;
    if let Ending::Cut(_) = ending {
        // What was cut off on one side must not look whole on the other.
        client.reset_on_close();
        upstream.reset_on_close();
    }
    Carried { upward: joined.upward.carried, downward: joined.downward.carried, ending }
}

/// Both directions.
struct Joined {
    upward: Flow,
    downward: Flow,
    /// The side that takes no more, while what it has said is still under way.
    cut: Option<Side>,
    idle: Duration,
}

impl Joined {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (client, upstream): (&mut Port, &mut Port),
        timer: &Timer,
    ) -> Poll<Ending> {
        let before = self.upward.carried + self.downward.carried;
        let up = self.upward.poll(cx, (&mut *client, &mut *upstream));
        let up = match self.settle(up, (Side::Client, Side::Upstream)) {
            Err(cut) => return Poll::Ready(cut),
            Ok(up) => up,
        };
        let down = self.downward.poll(cx, (upstream, client));
        let down = match self.settle(down, (Side::Upstream, Side::Client)) {
            Err(cut) => return Poll::Ready(cut),
            Ok(down) => down,
        };
        if up && down {
            return Poll::Ready(self.cut.map_or(Ending::Both, Ending::Cut));
        }
        // An origin that has ended will hardly listen for long; a client that has may well wait.
        let last_words = (down || self.cut.is_some()) && self.idle > LAST_WORDS;
        if last_words {
            self.idle = LAST_WORDS;
        }
        if last_words || self.upward.carried + self.downward.carried > before {
            timer.set(self.idle);
        }
        Poll::Pending
    }

    /// Whether a direction has ended. One that cannot go on is over at once where its source is
    /// gone; where its target takes no more, that may have said something before.
    fn settle(
        &mut self,
        polled: Poll<Result<(), Trouble>>,
        (from, to): (Side, Side),
    ) -> Result<bool, Ending> {
        match polled {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(())) => Ok(true),
            Poll::Ready(Err(Trouble::Memory)) => Err(Ending::Cut(Side::Proxy)),
            Poll::Ready(Err(Trouble::Source)) => Err(Ending::Cut(self.cut.unwrap_or(from))),
            Poll::Ready(Err(Trouble::Target)) => match self.cut {
                Some(cut) if cut != to => Err(Ending::Cut(cut)),
                _ => {
                    self.cut = Some(to);
                    Ok(true)
                }
            },
        }
    }

    fn timed_out(&self) -> Ending {
        match self.cut {
            Some(side) => Ending::Cut(side),
            // After the origin's end that is the client's silence, and nobody's fault.
            None if self.downward.ended => Ending::Both,
            None => Ending::Idle,
        }
    }
}
