//! One timer wheel a worker.
//!
//! Setting a deadline writes a number; only when the wheel reaches the old one does it look
//! whether the deadline has moved on. A connection that is busy never touches the wheel.

use std::cell::RefCell;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use slab::Slab;

/// Length of one tick: deadlines are kept to this precision.
pub const TICK: Duration = Duration::from_millis(50);

/// Slots of the wheel. A deadline further away than a turn is looked at once a turn.
const SLOTS: u64 = 512;

/// A worker that is later than this has stood still.
const STANDSTILL_TICKS: u32 = 4;

/// No deadline.
const NEVER: u64 = u64::MAX;

thread_local! {
    static WHEEL: RefCell<Wheel> = RefCell::new(Wheel::new());
}

/// A deadline that can be moved for free. Belongs to one connection.
#[derive(Debug)]
pub struct Timer {
    key: usize,
}

impl Timer {
    /// A timer without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self { key: WHEEL.with_borrow_mut(|wheel| wheel.entries.insert(Entry::default())) }
    }

    /// Sets the deadline `after` from now, but never beyond the cap.
    pub fn set(&self, after: Duration) {
        WHEEL.with_borrow_mut(|wheel| {
            let deadline = wheel.tick_at(after);
            wheel.set(self.key, deadline);
        });
    }

    /// Takes the deadline away; a cap stays.
    pub fn clear(&self) {
        WHEEL.with_borrow_mut(|wheel| wheel.set(self.key, NEVER));
    }

    /// Sets a bound that no later [`Timer::set`] can pass, or takes it away.
    pub fn cap(&self, after: Option<Duration>) {
        WHEEL.with_borrow_mut(|wheel| {
            let cap = after.map_or(NEVER, |after| wheel.tick_at(after));
            if let Some(entry) = wheel.entries.get_mut(self.key) {
                entry.cap = cap;
            }
            wheel.set(self.key, NEVER);
        });
    }

    /// The deadline is now: whoever waits is woken with the next tick.
    pub fn expire(&self) {
        WHEEL.with_borrow_mut(|wheel| wheel.set(self.key, wheel.now));
    }

    /// Forgets the deadline, the cap and who waits.
    pub fn reset(&self) {
        self.cap(None);
        WHEEL.with_borrow_mut(|wheel| {
            if let Some(entry) = wheel.entries.get_mut(self.key) {
                entry.wakers = [None, None];
            }
        });
    }

    /// Ready once the deadline has passed; the task is woken then.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        WHEEL.with_borrow_mut(|wheel| {
            let now = wheel.now;
            let Some(entry) = wheel.entries.get_mut(self.key) else { return Poll::Pending };
            if entry.deadline <= now {
                return Poll::Ready(());
            }
            entry.remember(cx.waker());
            Poll::Pending
        })
    }
}

impl Default for Timer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // At thread end the wheel may be gone before the last connection.
        let _ = WHEEL.try_with(|wheel| {
            if let Ok(mut wheel) = wheel.try_borrow_mut() {
                wheel.remove(self.key);
            }
        });
    }
}

/// Turns the wheel up to now and wakes what is due. The worker calls this every [`TICK`].
pub fn turn() {
    let due = WHEEL.with_borrow_mut(|wheel| {
        let now = Instant::now();
        wheel.forget_standstill(now);
        wheel.turn_to(now)
    });
    due.into_iter().for_each(Waker::wake);
}

#[derive(Debug)]
struct Entry {
    deadline: u64,
    cap: u64,
    /// The tick under which the entry stands in the wheel; `NEVER` when it does not.
    filed: u64,
    /// Neighbours in the list of its slot; `END` at either end.
    before: usize,
    after: usize,
    /// The last two tasks that wait: an upload and the response beside it share a transport.
    wakers: [Option<Waker>; 2],
}

/// No neighbour.
const END: usize = usize::MAX;

impl Default for Entry {
    fn default() -> Self {
        let (before, after) = (END, END);
        let wakers = [None, None];
        Self { deadline: NEVER, cap: NEVER, filed: NEVER, before, after, wakers }
    }
}

impl Entry {
    fn remember(&mut self, waker: &Waker) {
        let known = |kept: &Option<Waker>| kept.as_ref().is_some_and(|kept| kept.will_wake(waker));
        if !self.wakers.iter().any(known) {
            self.wakers.rotate_right(1);
            let [first, _] = &mut self.wakers;
            *first = Some(waker.clone());
        }
    }
}

/// Slots hold linked lists through the entries, so that filing never allocates.
struct Wheel {
    start: Instant,
    now: u64,
    heads: Vec<usize>,
    entries: Slab<Entry>,
}

impl Wheel {
    fn new() -> Self {
        let heads = vec![END; SLOTS as usize];
        Self { start: Instant::now(), now: 0, heads, entries: Slab::new() }
    }

    /// The tick at or after `after` from now. The wheel's own time may lag by a tick, so one more
    /// is added: a deadline is never early.
    fn tick_at(&self, after: Duration) -> u64 {
        let ticks = after.as_millis().div_ceil(TICK.as_millis());
        self.now.saturating_add(u64::try_from(ticks).unwrap_or(NEVER)).saturating_add(1)
    }

    fn set(&mut self, key: usize, deadline: u64) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.deadline = deadline.min(entry.cap);
        let deadline = entry.deadline;
        if deadline < entry.filed {
            self.unfile(key);
            self.file(key, deadline);
        }
    }

    fn remove(&mut self, key: usize) {
        self.unfile(key);
        self.entries.try_remove(key);
    }

    fn file(&mut self, key: usize, deadline: u64) {
        let at = deadline.min(self.now + SLOTS - 1).max(self.now + 1);
        let Some(head) = self.heads.get_mut((at % SLOTS) as usize) else { return };
        let after = std::mem::replace(head, key);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.filed = at;
            entry.before = END;
            entry.after = after;
        }
        if let Some(next) = self.entries.get_mut(after) {
            next.before = key;
        }
    }

    fn unfile(&mut self, key: usize) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.filed == NEVER {
            return;
        }
        let slot = (entry.filed % SLOTS) as usize;
        let (before, after) = (entry.before, entry.after);
        entry.filed = NEVER;
        if let Some(previous) = self.entries.get_mut(before) {
            previous.after = after;
        } else if let Some(head) = self.heads.get_mut(slot) {
            *head = after;
        }
        if let Some(next) = self.entries.get_mut(after) {
            next.before = before;
        }
    }

    /// Time that passed while the whole worker stood still (a suspended machine, say) is nobody's
    /// fault: it counts against no deadline.
    fn forget_standstill(&mut self, time: Instant) {
        let due = self.start + TICK * u32::try_from(self.now).unwrap_or(u32::MAX);
        let lag = time.saturating_duration_since(due);
        if lag > TICK * STANDSTILL_TICKS {
            self.start += lag - TICK;
        }
    }

    fn turn_to(&mut self, time: Instant) -> Vec<Waker> {
        let elapsed = time.saturating_duration_since(self.start).as_millis();
        let target = u64::try_from(elapsed / TICK.as_millis()).unwrap_or(self.now);
        let mut due = Vec::new();
        while self.now < target {
            self.now += 1;
            self.visit(&mut due);
        }
        due
    }

    /// Empties one slot: what is due is woken, what has moved on is filed anew, elsewhere.
    fn visit(&mut self, due: &mut Vec<Waker>) {
        let slot = (self.now % SLOTS) as usize;
        while let Some(&key) = self.heads.get(slot) {
            let Some(entry) = self.entries.get(key) else { return };
            let deadline = entry.deadline;
            self.unfile(key);
            if deadline > self.now {
                if deadline != NEVER {
                    self.file(key, deadline);
                }
            } else if let Some(entry) = self.entries.get_mut(key) {
                due.extend(entry.wakers.iter_mut().filter_map(Option::take));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advance(ticks: u32) -> usize {
        WHEEL.with_borrow_mut(|wheel| {
            let base = wheel.start + TICK * wheel.now as u32;
            wheel.turn_to(base + TICK * ticks).len()
        })
    }

    struct Task;

    impl std::task::Wake for Task {
        fn wake(self: std::sync::Arc<Self>) {}
    }

    thread_local! {
        static WAKER: Waker = std::sync::Arc::new(Task).into();
    }

    fn poll(timer: &Timer) -> bool {
        WAKER.with(|waker| timer.poll(&mut Context::from_waker(waker)).is_ready())
    }

    #[test]
    fn two_tasks_on_one_timer_are_both_woken() {
        let timer = Timer::new();
        timer.set(TICK);
        let other: Waker = std::sync::Arc::new(Task).into();
        assert!(!poll(&timer));
        assert!(timer.poll(&mut Context::from_waker(&other)).is_pending());
        assert!(!poll(&timer));
        assert_eq!(advance(2), 2);
    }

    #[test]
    fn fires_after_its_time_and_wakes() {
        let timer = Timer::new();
        timer.set(TICK * 3);
        assert!(!poll(&timer));
        assert_eq!(advance(3), 0);
        assert_eq!(advance(1), 1);
        assert!(poll(&timer));
    }

    #[test]
    fn a_moved_deadline_does_not_fire_early() {
        let timer = Timer::new();
        timer.set(TICK * 2);
        advance(1);
        timer.set(TICK * 10);
        assert!(!poll(&timer));
        assert_eq!(advance(5), 0);
        assert!(!poll(&timer));
        assert_eq!(advance(7), 1);
        assert!(poll(&timer));
    }

    #[test]
    fn a_nearer_deadline_fires_first() {
        let timer = Timer::new();
        timer.set(Duration::from_secs(60));
        timer.set(TICK);
        assert!(!poll(&timer));
        assert_eq!(advance(2), 1);
    }

    #[test]
    fn a_deadline_beyond_a_turn_is_kept() {
        let timer = Timer::new();
        timer.set(TICK * 2000);
        assert!(!poll(&timer));
        assert_eq!(advance(1999), 0);
        assert_eq!(advance(3), 1);
    }

    #[test]
    fn many_timers_share_slots_and_leave_in_any_order() {
        let timers: Vec<_> = (0..40).map(|_| Timer::new()).collect();
        timers.iter().enumerate().for_each(|(at, timer)| timer.set(TICK * (1 + at as u32 % 3)));
        assert!(timers.iter().all(|timer| !poll(timer)));
        let kept: Vec<_> =
            timers.into_iter().enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, t)| t).collect();
        kept.iter().for_each(|timer| timer.set(TICK * 9));
        assert_eq!(advance(5), 0);
        assert_eq!(advance(6), kept.len());
        assert!(kept.iter().all(poll));
    }

    #[test]
    fn a_cap_bounds_every_deadline() {
        let timer = Timer::new();
        timer.cap(Some(TICK * 2));
        timer.set(TICK * 100);
        timer.clear();
        assert!(!poll(&timer));
        assert_eq!(advance(3), 1);
        assert!(poll(&timer));
        timer.cap(None);
        assert!(!poll(&timer));
    }

    #[test]
    fn a_cleared_or_dropped_timer_never_fires() {
        let timer = Timer::new();
        timer.set(TICK);
        timer.clear();
        let dropped = Timer::new();
        dropped.set(TICK);
        drop(dropped);
        assert_eq!(advance(5), 0);
        assert!(!poll(&timer));
    }
}
