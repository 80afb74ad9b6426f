//! Requests that wait because every server is full: first come, first served, on each worker.
//!
//! Who releases a place wakes the first. Places that other workers release are found with the
//! next round of the worker's housekeeping.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use balance::Cluster;

use crate::io::Timer;

/// Those that wait, in the order in which they are served.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: RefCell<VecDeque<Rc<Waiter>>>,
}

#[derive(Debug, Default)]
struct Waiter {
    called: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// Where a request lines up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Behind the others.
    Last,
    /// In front: it has waited before, or was on a server already.
    First,
}

/// A place in a queue, given up when it is dropped.
pub(super) struct InLine<'a> {
    queue: &'a Queue,
    cluster: &'a Cluster,
    waiter: Rc<Waiter>,
}

impl Queue {
    /// Whether nobody waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Lines up, unless `max` requests wait already, over all workers.
    pub(super) fn enter<'a>(
        &'a self,
        cluster: &'a Cluster,
        max: u32,
        entry: Entry,
    ) -> Option<InLine<'a>> {
        if !cluster.begin_wait(max) {
            return None;
        }
        let waiter = Rc::<Waiter>::default();
        let mut waiting = self.waiting.borrow_mut();
        match entry {
            Entry::Last => waiting.push_back(Rc::clone(&waiter)),
            Entry::First => waiting.push_front(Rc::clone(&waiter)),
        }
        Some(InLine { queue: self, cluster, waiter })
    }

    /// Calls all: what they wait for has changed.
    pub(super) fn wake_all(&self) {
        let waiting = self.waiting.borrow();
        for waiter in &*waiting {
            waiter.called.set(true);
            if let Some(waker) = waiter.waker.take() {
                waker.wake();
            }
        }
    }

    /// Calls the first that has not been called.
    pub(super) fn wake_one(&self) {
        let waiting = self.waiting.borrow();
        let Some(first) = waiting.iter().find(|waiter| !waiter.called.get()) else { return };
        first.called.set(true);
        if let Some(waker) = first.waker.take() {
            waker.wake();
        }
    }
}

impl InLine<'_> {
    /// Waits to be called; `false` when `time` ran out first.
    pub(super) async fn called(&self, time: Duration) -> bool {
        let timer = Timer::new();
        timer.set(time);
        poll_fn(|cx| {
            if self.waiter.called.take() {
                return Poll::Ready(true);
            }
            *self.waiter.waker.borrow_mut() = Some(cx.waker().clone());
            timer.poll(cx).map(|()| false)
        })
        .await
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.cluster.end_wait();
        self.queue.waiting.borrow_mut().retain(|waiter| !Rc::ptr_eq(waiter, &self.waiter));
        if self.waiter.called.get() {
            // It was called and leaves without having used that.
            self.queue.wake_one();
        }
    }
}
