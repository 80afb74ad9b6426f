//! Who may send next on a connection, and how much (RFC 9218).
//!
//! Nothing is handed to the protocol engine that the client's connection window or the socket
//! would not take soon: what waits, waits with its source, so that the order can still change and
//! a slow client holds no memory of ours.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use hashbrown::HashMap;

use super::priority::Priority;

/// The connection window before any update (RFC 9113 §6.9.2).
const INITIAL_WINDOW_BYTES: i64 = 65_535;

/// The most that one stream may send before another of the same urgency gets its turn.
const TURN_BYTES_MAX: usize = 16 * 1024;

/// Priorities that a client may announce before it opens the streams.
const ANNOUNCED_MAX: usize = 128;

/// Smaller goes first: urgency, then those that are not incremental in the order of their
/// streams, then the others in turn.
type Rank = (u8, bool, u64);

/// Everything that is to be sent on one connection.
#[derive(Debug)]
pub(super) struct Outflow {
    /// What the client will still take on the whole connection.
    window: i64,
    /// Bytes handed over that have not been written, by stream.
    unwritten: HashMap<u32, usize, foldhash::fast::RandomState>,
    unwritten_total: usize,
    unwritten_max: usize,
    ranks: HashMap<u32, (Priority, u64), foldhash::fast::RandomState>,
    /// The latest stream that has been opened.
    newest: u32,
    waiting: BTreeMap<Rank, (u32, Waker)>,
    turn: u64,
    /// Bytes written so far, to see whether anything moves.
    written: u64,
}

impl Outflow {
    /// A connection for which at most `unwritten_max` bytes are held.
    pub(super) fn new(unwritten_max: usize) -> Self {
        Self {
            window: INITIAL_WINDOW_BYTES,
            unwritten: HashMap::default(),
            unwritten_total: 0,
            unwritten_max,
            ranks: HashMap::default(),
            newest: 0,
            waiting: BTreeMap::new(),
            turn: 0,
            written: 0,
        }
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Notes how important a stream is that has been opened. `None` keeps what the client has
    /// announced before.
    pub(super) fn prioritize(&mut self, stream: u32, priority: Option<Priority>) {
        self.newest = self.newest.max(stream);
        self.rerank(stream, priority);
    }

    fn rerank(&mut self, stream: u32, priority: Option<Priority>) {
        let turn = self.turn;
        let announced = self.ranks.get(&stream).map(|(priority, _)| *priority);
        let priority = priority.or(announced).unwrap_or_default();
        // One that waits has to ask again, at its new place.
        if let Some((_, waker)) = self.unlist(stream) {
            waker.wake();
        }
        self.ranks.insert(stream, (priority, turn));
        self.wake_best();
    }

    /// The client changes its mind (RFC 9218 §7.1), perhaps about a stream that is yet to come.
    pub(super) fn announce(&mut self, stream: u32, priority: Priority) {
        // One that is over would never leave again.
        let is_to_come = stream > self.newest && self.ranks.len() < ANNOUNCED_MAX;
        if is_to_come || self.ranks.contains_key(&stream) {
            self.rerank(stream, Some(priority));
        }
    }

    /// Ready with the number of bytes, up to `wanted`, that a stream may hand over now.
    pub(super) fn poll_turn(
        &mut self,
        cx: &Context<'_>,
        stream: u32,
        wanted: usize,
    ) -> Poll<usize> {
        let rank = self.rank(stream);
        let room = self.room().min(TURN_BYTES_MAX);
        let is_best = self.waiting.first_key_value().is_none_or(|(best, _)| rank <= *best);
        if room == 0 || !is_best {
            self.waiting.insert(rank, (stream, cx.waker().clone()));
            return Poll::Pending;
        }
        self.waiting.remove(&rank);
        Poll::Ready(room.min(wanted))
    }

    /// A stream has handed over `bytes`.
    pub(super) fn handed(&mut self, stream: u32, bytes: usize) {
        self.turn += 1;
        let turn = self.turn;
        if let Some((priority, last)) = self.ranks.get_mut(&stream)
            && priority.incremental
        {
            *last = turn;
        }
        *self.unwritten.entry(stream).or_default() += bytes;
        self.unwritten_total += bytes;
        self.wake_best();
    }

    /// A DATA frame has left.
    pub(super) fn wrote(&mut self, stream: u32, bytes: usize) {
        self.window -= bytes as i64;
        self.written += bytes as u64;
        if let Some(left) = self.unwritten.get_mut(&stream) {
            let taken = bytes.min(*left);
            *left -= taken;
            self.unwritten_total -= taken;
            if *left == 0 {
                self.unwritten.remove(&stream);
            }
        }
        self.wake_best();
    }

    /// The client takes more on the whole connection.
    pub(super) fn widen(&mut self, bytes: u32) {
        self.window += i64::from(bytes);
        self.wake_best();
    }

    /// A stream was reset: what it handed over will not be written.
    pub(super) fn forget(&mut self, stream: u32) {
        if let Some(left) = self.unwritten.remove(&stream) {
            self.unwritten_total -= left;
        }
        self.leave(stream);
    }

    /// A stream does not take its turn: the client's window for it is closed.
    pub(super) fn leave_turn(&mut self, stream: u32) {
        drop(self.unlist(stream));
        self.wake_best();
    }

    /// A stream wants to send nothing more.
    pub(super) fn leave(&mut self, stream: u32) {
        drop(self.unlist(stream));
        self.ranks.remove(&stream);
        self.wake_best();
    }

    /// Every stream gives up waiting: the connection has ended.
    pub(super) fn wake_all(&mut self) {
        std::mem::take(&mut self.waiting).into_values().for_each(|(_, waker)| waker.wake());
    }

    fn unlist(&mut self, stream: u32) -> Option<(u32, Waker)> {
        let rank = self.rank(stream);
        self.waiting.remove(&rank)
    }

    fn rank(&self, stream: u32) -> Rank {
        let (priority, turn) = self.ranks.get(&stream).copied().unwrap_or_default();
        let order = if priority.incremental { turn << 32 } else { 0 };
        (priority.urgency, priority.incremental, order | u64::from(stream))
    }

    fn room(&self) -> usize {
        let held = self.unwritten_max.saturating_sub(self.unwritten_total);
        let window = self.window - self.unwritten_total as i64;
        held.min(usize::try_from(window).unwrap_or(0))
    }

    fn wake_best(&self) {
        if self.room() > 0
            && let Some((_, (_, waker))) = self.waiting.first_key_value()
        {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outflow() -> Outflow {
        Outflow::new(64 * 1024)
    }

    fn turn(outflow: &mut Outflow, stream: u32) -> Option<usize> {
        let cx = Context::from_waker(Waker::noop());
        match outflow.poll_turn(&cx, stream, 10_000) {
            Poll::Ready(bytes) => Some(bytes),
            Poll::Pending => None,
        }
    }

    fn open(outflow: &mut Outflow, stream: u32, urgency: u8, incremental: bool) {
        outflow.prioritize(stream, Some(Priority { urgency, incremental }));
    }

    #[test]
    fn what_is_held_is_bounded_by_what_left() {
        let mut outflow = outflow();
        outflow.widen(1 << 20);
        open(&mut outflow, 1, 3, false);
        let mut held = 0;
        while let Some(bytes) = turn(&mut outflow, 1) {
            outflow.handed(1, bytes);
            held += bytes;
        }
        assert_eq!(held, 64 * 1024);
        outflow.wrote(1, 5000);
        assert_eq!(turn(&mut outflow, 1), Some(5000));
        outflow.forget(1);
        assert_eq!(turn(&mut outflow, 1), Some(10_000));
    }

    #[test]
    fn the_window_of_the_connection_bounds_what_is_handed_over() {
        let mut outflow = Outflow::new(1 << 20);
        open(&mut outflow, 1, 3, false);
        let mut handed = 0;
        while let Some(bytes) = turn(&mut outflow, 1) {
            outflow.handed(1, bytes);
            handed += bytes;
        }
        assert_eq!(handed, 65_535);
        outflow.wrote(1, 65_535);
        assert_eq!(turn(&mut outflow, 1), None);
        outflow.widen(7);
        assert_eq!(turn(&mut outflow, 1), Some(7));
    }

    #[test]
    fn the_more_urgent_goes_first_and_equals_go_in_order() {
        let mut outflow = Outflow::new(0);
        for (stream, urgency) in [(1, 5), (3, 3), (5, 3), (7, 1)] {
            open(&mut outflow, stream, urgency, false);
            assert_eq!(turn(&mut outflow, stream), None);
        }
        outflow.unwritten_max = 1 << 20;
        for (stream, others) in [(7, [1, 3, 5]), (3, [1, 5, 5]), (5, [1, 1, 1])] {
            for other in others {
                assert_eq!(turn(&mut outflow, other), None, "{other} before {stream}");
            }
            assert!(turn(&mut outflow, stream).is_some());
            outflow.leave(stream);
        }
        assert!(turn(&mut outflow, 1).is_some());
    }

    #[test]
    fn incremental_streams_take_turns() {
        let mut outflow = outflow();
        for stream in [1, 3] {
            open(&mut outflow, stream, 3, true);
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            let [first, second] = [turn(&mut outflow, 1), turn(&mut outflow, 3)];
            let stream = if second.is_some() && order.last() == Some(&1) { 3 } else { 1 };
            assert!(first.is_some() || second.is_some());
            outflow.handed(stream, 100);
            order.push(stream);
        }
        assert_eq!(order, [1, 3, 1, 3]);
    }

    #[test]
    fn nothing_is_kept_of_streams_that_are_over() {
        let mut outflow = outflow();
        let urgent = Priority { urgency: 0, incremental: false };
        for stream in (1..1001).step_by(2) {
            open(&mut outflow, stream, 3, false);
            outflow.leave(stream);
            outflow.announce(stream, urgent);
        }
        assert!(outflow.ranks.is_empty());
        outflow.announce(1001, urgent);
        outflow.prioritize(1001, None);
        assert_eq!(outflow.rank(1001).0, 0, "announced before it was opened");
    }

    #[test]
    fn a_priority_can_change_while_a_stream_waits() {
        let mut outflow = Outflow::new(0);
        open(&mut outflow, 1, 3, false);
        open(&mut outflow, 3, 3, false);
        assert_eq!((turn(&mut outflow, 1), turn(&mut outflow, 3)), (None, None));
        outflow.announce(3, Priority { urgency: 0, incremental: false });
        assert_eq!(turn(&mut outflow, 3), None);
        outflow.unwritten_max = 1 << 20;
        assert_eq!(turn(&mut outflow, 1), None);
        assert!(turn(&mut outflow, 3).is_some());
    }
}
