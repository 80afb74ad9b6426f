//! When a request is so late that another server is asked for it too: beyond a percentile of how
//! long answers take, for a share of the requests at the most.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::budget::{Allowance, Budget};

/// When second servers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeRules {
    /// The share of answers, in percent, that a request may be slower than.
    pub after_percent: u32,
    /// Requests for which a second server may be asked.
    pub budget: Allowance,
}

/// What is known of the answers of an upstream.
#[derive(Debug, Default)]
pub(crate) struct Hedge {
    /// Made with the first answer: most upstreams need none.
    waits: OnceLock<Box<Waits>>,
    budget: Budget,
}

impl Hedge {
    pub(crate) fn note(&self, rules: &HedgeRules, took: Duration) {
        self.waits.get_or_init(Box::default).note(took, rules.after_percent);
    }

    /// After how long another server is asked; `None` while too little is known.
    pub(crate) fn after(&self) -> Option<Duration> {
        let after_us = self.waits.get()?.after_us.load(Relaxed);
        (after_us > 0).then(|| Duration::from_micros(after_us))
    }

    pub(crate) fn deposit(&self, rules: &HedgeRules) {
        self.budget.deposit(rules.budget);
    }

    #[must_use]
    pub(crate) fn withdraw(&self, rules: &HedgeRules, now_ms: u64) -> bool {
        self.budget.withdraw(rules.budget, now_ms)
    }
}

/// Each doubling of time is so many steps: a percentile is exact to an eighth.
const STEPS: usize = 8;

/// Times below 2^31 µs, which is over half an hour; longer ones count as that.
const SLOTS: usize = 31 * STEPS;

/// Answers without which nothing is said.
const KNOWN_MIN: u32 = 100;

/// The percentile is looked up anew after so many answers.
const PER_LOOK: u32 = 64;

/// When so many answers are known, the old ones count for half.
const KNOWN_MAX: u32 = 8192;

/// How long answers took, by steps of time. Workers count without a lock; one that is lost among
/// many changes nothing.
#[derive(Debug)]
struct Waits {
    slots: [AtomicU32; SLOTS],
    known: AtomicU32,
    /// The percentile as it was looked up last; 0 while too little is known.
    after_us: AtomicU64,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            slots: [const { AtomicU32::new(0) }; SLOTS],
            known: AtomicU32::new(0),
            after_us: AtomicU64::new(0),
        }
    }
}

impl Waits {
    fn note(&self, took: Duration, percent: u32) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(slot) = self.slots.get(slot_of(us)) {
            slot.fetch_add(1, Relaxed);
        }
        let known = self.known.fetch_add(1, Relaxed).wrapping_add(1);
        if known >= KNOWN_MAX {
            self.fade();
        }
        if known >= KNOWN_MIN && known.is_multiple_of(PER_LOOK) {
            self.after_us.store(self.percentile_us(percent), Relaxed);
        }
    }

    fn fade(&self) {
        let mut known = 0;
        for slot in &self.slots {
            let half = slot.load(Relaxed) / 2;
            slot.store(half, Relaxed);
            known += half;
        }
        self.known.store(known, Relaxed);
    }

    /// The end of the step that the percentile is in.
    fn percentile_us(&self, percent: u32) -> u64 {
        let all: u64 = self.slots.iter().map(|slot| u64::from(slot.load(Relaxed))).sum();
        let below = all * u64::from(percent) / 100;
        let mut seen = 0;
        let found = self.slots.iter().position(|slot| {
            seen += u64::from(slot.load(Relaxed));
            seen > below
        });
        end_us(found.unwrap_or(SLOTS - 1))
    }
}

/// The step that a time is in.
fn slot_of(us: u64) -> usize {
    let us = us.clamp(STEPS as u64, (1 << 31) - 1);
    let doubling = us.ilog2();
    let step = (us >> (doubling - STEPS.ilog2())) as usize - STEPS;
    (doubling - STEPS.ilog2()) as usize * STEPS + step
}

/// Where a step ends.
fn end_us(slot: usize) -> u64 {
    ((slot % STEPS + STEPS + 1) as u64) << (slot / STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: HedgeRules =
        HedgeRules { after_percent: 95, budget: Allowance { percent: 5, per_s_min: 0 } };

    #[test]
    fn steps_follow_each_other_without_a_gap() {
        for us in [8_u64, 9, 15, 16, 17, 1_000, 65_535, 65_536, 1_000_000, (1 << 31) - 1] {
            let slot = slot_of(us);
            assert!(slot < SLOTS && us < end_us(slot), "{us}");
            assert!(slot == 0 || end_us(slot - 1) <= us, "{us}");
        }
        assert_eq!((slot_of(0), slot_of(u64::MAX)), (0, slot_of((1 << 31) - 1)));
    }

    #[test]
    fn nothing_is_said_before_enough_is_known() {
        let hedge = Hedge::default();
        assert_eq!(hedge.after(), None);
        (0..99).for_each(|_| hedge.note(&RULES, Duration::from_millis(1)));
        assert_eq!(hedge.after(), None);
        (0..64).for_each(|_| hedge.note(&RULES, Duration::from_millis(1)));
        assert!(hedge.after().is_some());
    }

    #[test]
    fn the_percentile_is_near_and_follows_what_changes() {
        let hedge = Hedge::default();
        let run = |scale: u64| {
            for at in 0..20_000_u64 {
                hedge.note(&RULES, Duration::from_micros((at * 7 % 1000 + 1) * scale));
            }
            hedge.after().unwrap().as_micros()
        };
        let first = run(10);
        assert!((9_300..10_700).contains(&first), "{first}");
        let slower = run(100);
        assert!((93_000..107_000).contains(&slower), "{slower}");
    }
}
