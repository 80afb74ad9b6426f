//! A latency histogram: decades from 10 µs to 100 s, each cut into eight steps.
//!
//! The steps (1, 1.5, 2, 2.5, 3, 4, 5, 7.5) hold the round numbers that people alert on, so the
//! buckets shown to a scraper are exact sums of ours and not estimates.

use std::time::Duration;

use super::cells::Cell;

/// Steps of a decade, in tenths.
const STEPS: [u64; 8] = [10, 15, 20, 25, 30, 40, 50, 75];
const DECADES: usize = 7;
/// Finite buckets; one more takes what is longer than 100 s.
pub(super) const BOUNDS: usize = STEPS.len() * DECADES + 1;

/// The largest duration of each finite bucket in nanoseconds, ascending.
pub(super) const BOUNDS_NS: [u64; BOUNDS] = bounds_ns();
/// For each power of two the first bucket that can hold a number of that size.
const STARTS: [u8; 64] = starts();

const fn bounds_ns() -> [u64; BOUNDS] {
    let mut bounds = [0; BOUNDS];
    let (mut at, mut unit) = (0, 1_000);
    while at < BOUNDS {
        bounds[at] = STEPS[at % STEPS.len()] * unit;
        at += 1;
        if at % STEPS.len() == 0 {
            unit *= 10;
        }
    }
    bounds
}

const fn starts() -> [u8; 64] {
    let mut starts = [0; 64];
    let mut octave = 0;
    while octave < 64 {
        let mut at = 0;
        while at < BOUNDS && BOUNDS_NS[at] < 1 << octave {
            at += 1;
        }
        starts[octave] = at as u8;
        octave += 1;
    }
    starts
}

/// The cells of one histogram, written by one worker.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: [Cell; BOUNDS + 1],
    sum_ns: Cell,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| Cell::default()), sum_ns: Cell::default() }
    }
}

impl Histogram {
    pub(super) fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(ns)].add(1);
        self.sum_ns.add(ns);
    }
}

/// The smallest bucket whose bound is not below `ns`.
fn bucket_of(ns: u64) -> usize {
    let octave = (ns | 1).ilog2() as usize;
    let mut at = usize::from(STARTS[octave & 63]);
    while at < BOUNDS && BOUNDS_NS[at] < ns {
        at += 1;
    }
    at
}

/// Histograms of several workers added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summed {
    buckets: [u64; BOUNDS + 1],
    pub(super) sum_ns: u64,
}

impl Default for Summed {
    fn default() -> Self {
        Self { buckets: [0; BOUNDS + 1], sum_ns: 0 }
    }
}

impl Summed {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, cell) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(cell.value());
        }
        self.sum_ns = self.sum_ns.wrapping_add(histogram.sum_ns.value());
    }

    /// How many durations there were. The buckets are the only count, so the two cannot differ
    /// when they are read while a worker writes.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many were not longer than the bound with this index.
    pub(super) fn up_to(&self, bound: usize) -> u64 {
        self.buckets.iter().take(bound + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_round_and_ascending() {
        assert_eq!(BOUNDS_NS[0], 10_000);
        assert_eq!(BOUNDS_NS[8], 100_000);
        assert_eq!(BOUNDS_NS[BOUNDS - 1], 100_000_000_000);
        assert!(BOUNDS_NS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_bound_belongs_to_its_own_bucket_and_one_more_to_the_next() {
        for (at, bound) in BOUNDS_NS.into_iter().enumerate() {
            assert_eq!(bucket_of(bound), at, "{bound} ns");
            assert_eq!(bucket_of(bound + 1), at + 1, "{bound} ns and one");
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), BOUNDS);
    }

    #[test]
    fn workers_add_up() {
        let (one, two) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_micros(90));
        two.record(Duration::from_millis(3));
        two.record(Duration::from_secs(1_000));
        let mut summed = Summed::default();
        summed.add(&one);
        summed.add(&two);
        assert_eq!(summed.count(), 3);
        assert_eq!(summed.up_to(8), 1, "not longer than 100 µs");
        assert_eq!(summed.up_to(BOUNDS - 1), 2, "not longer than 100 s");
        assert_eq!(summed.sum_ns, 90_000 + 3_000_000 + 1_000_000_000_000);
    }
}
