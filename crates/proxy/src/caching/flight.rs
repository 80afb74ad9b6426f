//! Requests for the same at the same time: one fetches, the others wait for what it finds.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use cache::date::Seconds;
use cache::store::stored::Stored;
use slab::Slab;

use crate::fault::Fault;

/// For how long requests do not wait for each other after an answer that they could not share.
const PASS_S: Seconds = 10;

/// Keys that are remembered as such; with more, all are forgotten.
const PASSES_MAX: usize = 100_000;

/// What became of a fetch.
#[derive(Clone, Debug)]
pub(super) enum Landed {
    /// It is kept, or on its way.
    Stored(Arc<Stored>),
    /// There is none, but this, which is stale, has been used.
    Stale(Arc<Stored>),
    /// It is for one request alone.
    Pass,
    /// There is none.
    Failed(Fault),
    /// The one who fetched has left.
    Left,
}

/// The fetches of a store that are under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    known: Mutex<Known>,
    hasher: foldhash::quality::RandomState,
}

#[derive(Debug, Default)]
struct Known {
    open: HashMap<Box<[u8]>, Arc<Flight>, foldhash::quality::RandomState>,
    /// Until when each key passes, by its hash: what two of one hash cost is a fetch.
    passes: HashMap<u64, Seconds, foldhash::quality::RandomState>,
    /// What is being asked of the origin, by the hash of its URI, whoever waits for it.
    asked: HashMap<u64, Questions, foldhash::quality::RandomState>,
}

/// Requests for one URI that are on their way.
#[derive(Debug, Default)]
struct Questions {
    open: usize,
    /// How often the URI has been made invalid meanwhile.
    changes: u64,
}

#[derive(Debug, Default)]
struct Flight {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    landed: Option<Landed>,
    wakers: Slab<Waker>,
}

/// How a request gets what it asks for.
#[derive(Debug)]
pub(super) enum Turn {
    /// It fetches, and others wait for it.
    Lead(Lead),
    /// It waits.
    Follow(Follow),
    /// It fetches for itself.
    Alone,
}

impl Flights {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes part in the fetch for a key.
    pub(super) fn join(self: &Arc<Self>, key: &[u8], now: Seconds) -> Turn {
        let mut known = self.known();
        let hash = self.hasher.hash_one(key);
        if let Some(until) = known.passes.get(&hash) {
            if *until > now {
                return Turn::Alone;
            }
            known.passes.remove(&hash);
        }
        if let Some(flight) = known.open.get(key) {
            return Turn::Follow(Follow { flight: Arc::clone(flight), place: None });
        }
        let flight = Arc::<Flight>::default();
        known.open.insert(key.into(), Arc::clone(&flight));
        Turn::Lead(Lead { flights: Arc::clone(self), key: key.into(), flight })
    }

    /// What is under way for a URI is out of date before it is here: nobody may join it, and
    /// nobody may keep it.
    pub(super) fn disown(&self, uri: &[u8]) {
        let hash = self.hasher.hash_one(uri);
        let mut known = self.known();
        // Who leads has asked; without that there is nothing to look through.
        let Some(questions) = known.asked.get_mut(&hash) else { return };
        questions.changes += 1;
        known.open.retain(|other, _| !other.starts_with(uri));
    }

    /// Takes note that a URI is being asked for.
    pub(super) fn ask(self: &Arc<Self>, uri: &[u8]) -> Question {
        let hash = self.hasher.hash_one(uri);
        let mut known = self.known();
        let questions = known.asked.entry(hash).or_default();
        questions.open += 1;
        Question { flights: Arc::clone(self), hash, changes: questions.changes }
    }

    fn close(&self, key: &[u8], flight: &Arc<Flight>) {
        let mut known = self.known();
        if known.open.get(key).is_some_and(|open| Arc::ptr_eq(open, flight)) {
            known.open.remove(key);
        }
    }

    fn pass(&self, key: &[u8], now: Seconds) {
        let mut known = self.known();
        if known.passes.len() >= PASSES_MAX {
            known.passes.clear();
        }
        known.passes.insert(self.hasher.hash_one(key), now + PASS_S);
    }
}

/// A request on its way to the origin. What two URIs of one hash cost is a response that is not
/// kept.
#[derive(Debug)]
pub(super) struct Question {
    flights: Arc<Flights>,
    hash: u64,
    /// What had been counted when it began.
    changes: u64,
}

impl Question {
    /// Whether what it asks for has been made invalid since.
    pub(super) fn is_out_of_date(&self) -> bool {
        let known = self.flights.known();
        known.asked.get(&self.hash).is_none_or(|questions| questions.changes != self.changes)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let mut known = self.flights.known();
        let Some(questions) = known.asked.get_mut(&self.hash) else { return };
        questions.open -= 1;
        if questions.open == 0 {
            known.asked.remove(&self.hash);
        }
    }
}

/// The one who fetches. Dropped without a word, it has left.
#[derive(Debug)]
pub(super) struct Lead {
    flights: Arc<Flights>,
    key: Box<[u8]>,
    flight: Arc<Flight>,
}

impl Lead {
    /// Tells the others what became of it.
    pub(super) fn land(self, landed: Landed) {
        self.set(landed);
    }

    /// The answer is of a kind that cannot be shared: for a while nobody waits for such.
    pub(super) fn pass(self, now: Seconds) {
        self.flights.pass(&self.key, now);
        self.set(Landed::Pass);
    }

    fn set(&self, landed: Landed) {
        self.flights.close(&self.key, &self.flight);
        let wakers = {
            let mut state = self.flight.state();
            if state.landed.is_some() {
                return;
            }
            state.landed = Some(landed);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.set(Landed::Left);
    }
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Follow {
    flight: Arc<Flight>,
    /// Its place among those who are woken.
    place: Option<usize>,
}

impl Follow {
    /// Waits for what becomes of the fetch.
    pub(super) async fn landed(mut self) -> Landed {
        poll_fn(|cx| {
            let flight = Arc::clone(&self.flight);
            let mut state = flight.state();
            if let Some(landed) = &state.landed {
                return Poll::Ready(landed.clone());
            }
            let waker = cx.waker().clone();
            match self.place.and_then(|place| state.wakers.get_mut(place)) {
                Some(before) => *before = waker,
                None => self.place = Some(state.wakers.insert(waker)),
            }
            Poll::Pending
        })
        .await
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.flight.state().wakers.try_remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;

    fn lead(flights: &Arc<Flights>, key: &[u8]) -> Lead {
        match flights.join(key, 0) {
            Turn::Lead(lead) => lead,
            other => panic!("{other:?}"),
        }
    }

    fn follow(flights: &Arc<Flights>, key: &[u8]) -> Follow {
        match flights.join(key, 0) {
            Turn::Follow(follow) => follow,
            other => panic!("{other:?}"),
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> Poll<T> {
        std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn one_fetches_and_the_others_wait() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, b"k");
        let second = follow(&flights, b"k");
        let third = follow(&flights, b"k");
        assert!(matches!(flights.join(b"other", 0), Turn::Lead(_)));
        drop(first);
        assert!(matches!(now(second.landed()), Poll::Ready(Landed::Left)));
        assert!(matches!(now(third.landed()), Poll::Ready(Landed::Left)));
        drop(lead(&flights, b"k"));
    }

    #[test]
    fn who_leaves_is_not_woken() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, b"k");
        for _ in 0..3 {
            assert!(now(follow(&flights, b"k").landed()).is_pending());
        }
        assert!(first.flight.state().wakers.is_empty());
    }

    #[test]
    fn what_cannot_be_shared_is_not_waited_for() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, b"k");
        let second = follow(&flights, b"k");
        first.pass(100);
        assert!(matches!(now(second.landed()), Poll::Ready(Landed::Pass)));
        assert!(matches!(flights.join(b"k", 100 + PASS_S - 1), Turn::Alone));
        assert!(matches!(flights.join(b"k", 100 + PASS_S), Turn::Lead(_)));
    }

    #[test]
    fn what_is_asked_for_is_out_of_date_after_a_change() {
        let flights = Arc::<Flights>::default();
        let (first, other) = (flights.ask(b"k"), flights.ask(b"o"));
        flights.disown(b"k");
        let second = flights.ask(b"k");
        assert!(first.is_out_of_date() && !second.is_out_of_date() && !other.is_out_of_date());
        drop((first, second, other));
        assert!(flights.known().asked.is_empty());
    }

    #[test]
    fn nobody_joins_what_is_out_of_date() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, b"k");
        let _question = flights.ask(b"k");
        flights.disown(b"k");
        let second = lead(&flights, b"k");
        drop(first);
        let third = follow(&flights, b"k");
        second.land(Landed::Pass);
        assert!(matches!(now(third.landed()), Poll::Ready(Landed::Pass)));
    }
}
