//! What a run of load amounts to, and the one line it is reported in.

use std::fmt;
use std::time::Duration;

/// Counts and latencies of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Exchanges that ended with the expected response.
    pub requests: u64,
    /// Exchanges that did not.
    pub errors: u64,
    /// Body bytes carried, both directions together.
    pub bytes: u64,
    /// How long the run took.
    pub elapsed: Duration,
    latencies_us: Vec<u32>,
}

impl Tally {
    /// Counts a good exchange.
    pub fn good(&mut self, latency: Duration, bytes: u64) {
        self.requests += 1;
        self.bytes += bytes;
        self.latencies_us.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    /// The latency that `share` (0 to 1) of the good exchanges did not exceed, in µs.
    pub fn quantile_us(&mut self, share: f64) -> u32 {
        self.latencies_us.sort_unstable();
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get((last as f64 * share).round() as usize).copied().unwrap_or(0)
    }

    /// The line that the rig reads.
    pub fn line(&mut self) -> String {
        let (p50, p99) = (self.quantile_us(0.5), self.quantile_us(0.99));
        format!("{self} p50_us={p50} p99_us={p99}")
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, errors, bytes, elapsed, .. } = self;
        let elapsed_us = elapsed.as_micros();
        write!(out, "requests={requests} errors={errors} bytes={bytes} elapsed_us={elapsed_us}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_latencies() {
        let mut tally = Tally::default();
        for latency_us in [50, 10, 40, 20, 30] {
            tally.good(Duration::from_micros(latency_us), 1);
        }
        assert_eq!((tally.quantile_us(0.5), tally.quantile_us(0.99)), (30, 50));
        assert!(tally.line().starts_with("requests=5 errors=0 bytes=5 "));
    }

    #[test]
    fn a_run_without_a_good_exchange_has_no_latency() {
        assert_eq!(Tally::default().quantile_us(0.5), 0);
    }
}
