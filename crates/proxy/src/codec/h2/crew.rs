//! The tasks that serve streams. They stay when their stream has ended, and take the next one of
//! whatever connection: the state of an exchange is large, and making room for it over and over
//! costs more than the rest of a small request.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::stream::Arrival;

/// Tasks without a stream that a worker keeps.
const IDLE_MAX: usize = 256;

/// The tasks of one worker that wait for a stream.
#[derive(Debug, Default)]
pub struct Crew {
    idle: RefCell<Vec<Rc<Seat>>>,
}

/// Where a task finds its next stream.
#[derive(Default)]
struct Seat {
    arrival: RefCell<Option<Arrival>>,
    waker: RefCell<Option<Waker>>,
    dismissed: Cell<bool>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl Crew {
    /// Serves a stream: by a task that waits, else by a new one.
    pub(super) fn serve(self: &Rc<Self>, arrival: Arrival) {
        let waiting = self.idle.borrow_mut().pop();
        if let Some(seat) = waiting {
            seat.arrival.replace(Some(arrival));
            seat.wake();
            return;
        }
        let seat = Rc::new(Seat::default());
        seat.arrival.replace(Some(arrival));
        tokio::task::spawn_local(work(Rc::clone(self), seat));
    }

    /// Lets half of those go that have nothing to do.
    pub fn thin(&self) {
        let mut idle = self.idle.borrow_mut();
        let leaving = idle.len().div_ceil(2);
        for seat in idle.drain(..leaving) {
            seat.dismissed.set(true);
            seat.wake();
        }
    }

    /// A task has finished; `false` when there are enough that wait.
    fn rest(&self, seat: &Rc<Seat>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let stays = idle.len() < IDLE_MAX;
        if stays {
            idle.push(Rc::clone(seat));
        }
        stays
    }
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

async fn work(crew: Rc<Crew>, seat: Rc<Seat>) {
    loop {
        let next = poll_fn(|cx| match seat.arrival.take() {
            Some(arrival) => Poll::Ready(Some(arrival)),
            None if seat.dismissed.get() => Poll::Ready(None),
            None => {
                seat.waker.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        });
        let Some(arrival) = next.await else { return };
        arrival.serve().await;
        if !crew.rest(&seat) {
            return;
        }
    }
}
