//! The latency of a server as seen by all workers: a moving average that jumps up with a peak and
//! comes down with time.

use std::sync::atomic::{AtomicU64, Ordering};

/// In this time an old sample loses about two thirds of its weight.
const DECAY_MS: f64 = 10_000.0;

/// The highest latency that is kept, in microseconds.
const LATENCY_US_MAX: u64 = 600_000_000;

/// A peak-sensitive moving average. One word, so that workers share it without a lock: the upper
/// half is the latency in microseconds, the lower half the time of the last sample in
/// milliseconds.
#[derive(Debug, Default)]
pub struct Latency(AtomicU64);

impl Latency {
    /// Takes note of how long a request took, or of what a failed one is to count for.
    pub fn note(&self, sample_us: u64, now_ms: u64) {
        let sample_us = sample_us.clamp(1, LATENCY_US_MAX);
        let (known_us, idle_ms) = self.read(now_ms);
        let next_us = if sample_us >= known_us {
            sample_us
        } else {
            let old = weight(idle_ms);
            (known_us as f64 * old + sample_us as f64 * (1.0 - old)) as u64
        };
        // Two workers may write at once; then one sample of many is lost.
        self.0.store(next_us.max(1) << 32 | u64::from(now_ms as u32), Ordering::Relaxed);
    }

    /// The average in microseconds, less for the time without a sample: a server that was slow
    /// and gets no requests is tried again some day. 0 where nothing is known.
    #[must_use]
    pub fn us(&self, now_ms: u64) -> u64 {
        let (known_us, idle_ms) = self.read(now_ms);
        // Samples come often where it matters: the exponential is not for every look.
        if idle_ms < 100 || known_us == 0 {
            return known_us;
        }
        ((known_us as f64 * weight(idle_ms)) as u64).max(1)
    }

    fn read(&self, now_ms: u64) -> (u64, u32) {
        let word = self.0.load(Ordering::Relaxed);
        let idle_ms = (now_ms as u32).wrapping_sub(word as u32);
        // A sample of another worker may be a little newer than this one's clock.
        (word >> 32, if idle_ms > u32::MAX / 2 { 0 } else { idle_ms })
    }
}

fn weight(idle_ms: u32) -> f64 {
    (-f64::from(idle_ms) / DECAY_MS).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_count_at_once_and_fade() {
        let latency = Latency::default();
        assert_eq!(latency.us(0), 0);
        latency.note(1_000, 50);
        latency.note(90_000, 60);
        assert_eq!(latency.us(70), 90_000);
        let later = latency.us(60 + 10_000);
        assert!((33_000..34_000).contains(&later), "{later}");
        for n in 0..300 {
            latency.note(1_000, 100 + n * 100);
        }
        assert!(latency.us(30_100) < 6_000);
        assert_eq!(latency.us(1 << 31), 1, "never forgotten to nothing");
    }

    #[test]
    fn a_clock_that_lags_behind_does_no_harm() {
        let latency = Latency::default();
        latency.note(5_000, 1_000);
        assert_eq!(latency.us(990), 5_000);
        latency.note(4_000, 990);
        assert_eq!(latency.us(1_000), 5_000);
    }
}
