//! How many requests may be repeated: a share of what clients ask for, so that a failing upstream
//! never sees much more than its clients want of it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Repeats are counted in thousandths.
const ONE: i64 = 1000;

/// The allowance of so many seconds may be saved up.
const SAVED_S: u64 = 5;

/// A budget over all workers.
#[derive(Debug, Default)]
pub struct Budget {
    saved: AtomicI64,
    refilled_ms: AtomicU64,
}

/// What a budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Repeats for each hundred requests.
    pub percent: u32,
    /// Repeats in a second beside that.
    pub per_s_min: u32,
}

impl Allowance {
    /// What may be saved up: enough for a second of trouble at a thousand requests a second.
    fn saved_max(self) -> i64 {
        let by_time = u64::from(self.per_s_min) * SAVED_S;
        (by_time as i64 + i64::from(self.percent) * 10) * ONE
    }
}

impl Budget {
    /// A client has made a request.
    pub fn deposit(&self, allowance: Allowance) {
        if self.saved.load(Relaxed) < allowance.saved_max() {
            self.saved.fetch_add(i64::from(allowance.percent) * ONE / 100, Relaxed);
        }
    }

    /// Takes one repeat out, if there is one.
    #[must_use]
    pub fn withdraw(&self, allowance: Allowance, now_ms: u64) -> bool {
        self.refill(allowance, now_ms);
        let took = self.saved.fetch_sub(ONE, Relaxed) >= ONE;
        if !took {
            self.saved.fetch_add(ONE, Relaxed);
        }
        took
    }

    fn refill(&self, allowance: Allowance, now_ms: u64) {
        let last_ms = self.refilled_ms.load(Relaxed);
        let saved_ms = SAVED_S * 1000;
        // Nobody has asked before: all is saved up.
        let passed_ms = if last_ms == 0 { saved_ms } else { now_ms.saturating_sub(last_ms) };
        let passed_ms = passed_ms.min(saved_ms);
        let gained = i64::from(allowance.per_s_min) * passed_ms as i64;
        let is_mine = self.refilled_ms.compare_exchange(last_ms, now_ms, Relaxed, Relaxed).is_ok();
        if gained > 0 && is_mine {
            let room = allowance.saved_max() - self.saved.load(Relaxed);
            self.saved.fetch_add(gained.min(room.max(0)), Relaxed);
        } else if is_mine && gained == 0 {
            // Less than a millisecond: the time is not lost.
            self.refilled_ms.store(last_ms, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIFTH: Allowance = Allowance { percent: 20, per_s_min: 0 };

    #[test]
    fn repeats_are_a_share_of_the_requests() {
        let budget = Budget::default();
        let mut repeats = 0;
        for _ in 0..10_000 {
            budget.deposit(FIFTH);
            repeats += u32::from(budget.withdraw(FIFTH, 1));
        }
        assert_eq!(repeats, 2_000);
    }

    #[test]
    fn what_is_saved_is_bounded() {
        let budget = Budget::default();
        (0..1_000_000).for_each(|_| budget.deposit(FIFTH));
        let repeats = (0..1_000_000).filter(|_| budget.withdraw(FIFTH, 1)).count();
        assert!(repeats <= 201, "{repeats}");
    }

    #[test]
    fn some_are_allowed_where_there_is_little_traffic() {
        let few = Allowance { percent: 0, per_s_min: 2 };
        let budget = Budget::default();
        let first = (0..100).filter(|_| budget.withdraw(few, 1)).count();
        assert_eq!(first, 10, "five seconds' worth to begin with");
        assert!(budget.withdraw(few, 501) && !budget.withdraw(few, 501));
        let later = (0..100).filter(|_| budget.withdraw(few, 1_000_000)).count();
        assert_eq!(later, 10, "five seconds' worth");
    }
}
