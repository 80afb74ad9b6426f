//! Who is worse than its peers: success rates and latencies of one interval compared.

use crate::eject::EjectRules;
use crate::vitals::Cause;

/// Servers with enough requests without which there is no comparison.
const PEERS_MIN: usize = 3;

/// What a server did in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Requests that ended, one way or the other.
    pub requests: u32,
    /// Those that failed.
    pub errors: u32,
    /// Answers whose time was taken.
    pub timed: u32,
    /// Their times together.
    pub latency_sum_us: u64,
}

impl Sample {
    fn success_percent(&self) -> f64 {
        100.0 * f64::from(self.requests - self.errors.min(self.requests)) / f64::from(self.requests)
    }

    fn latency_us(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.latency_sum_us as f64 / f64::from(self.timed))
    }
}

/// The places of those that are too far off, with the reason; the worst first.
#[must_use]
pub fn find(samples: &[Sample], rules: &EjectRules) -> Vec<(usize, Cause)> {
    let compared: Vec<(usize, Sample)> = samples
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, sample)| sample.requests >= rules.volume_min.max(1))
        .collect();
    if compared.len() < PEERS_MIN {
        return Vec::new();
    }
    let mut found = failing(&compared, rules);
    found.extend(slow(&compared, rules));
    found
}

fn failing(compared: &[(usize, Sample)], rules: &EjectRules) -> Vec<(usize, Cause)> {
    if rules.success_rate_points == 0 {
        return Vec::new();
    }
    let rates = compared.iter().map(|(at, sample)| (*at, sample.success_percent()));
    let mut rates: Vec<_> = rates.collect();
    rates.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / rates.len() as f64;
    let least = mean - f64::from(rules.success_rate_points);
    let low = rates.into_iter().take_while(|(_, rate)| *rate < least);
    low.map(|(at, _)| (at, Cause::SuccessRate)).collect()
}

fn slow(compared: &[(usize, Sample)], rules: &EjectRules) -> Vec<(usize, Cause)> {
    let times = compared.iter().filter_map(|(at, sample)| Some((*at, sample.latency_us()?)));
    let mut times: Vec<_> = times.collect();
    times.sort_by(|one, other| other.1.total_cmp(&one.1));
    // The lower one of the two in the middle: half of the servers may be slow.
    let Some((_, median)) = times.get(times.len() / 2) else { return Vec::new() };
    let most = median * f64::from(rules.latency_percent) / 100.0;
    if rules.latency_percent == 0 {
        return Vec::new();
    }
    let high = times.into_iter().take_while(|(_, time)| *time > most);
    high.map(|(at, _)| (at, Cause::Latency)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: u32, errors: u32, latency_us: u64) -> Sample {
        let timed = requests - errors;
        Sample { requests, errors, timed, latency_sum_us: latency_us * u64::from(timed) }
    }

    fn rules() -> EjectRules {
        EjectRules { success_rate_points: 20, latency_percent: 300, ..EjectRules::default() }
    }

    #[test]
    fn who_fails_more_than_the_others_is_found() {
        let peers = [sample(100, 1, 500), sample(100, 60, 500), sample(90, 0, 500)];
        assert_eq!(find(&peers, &rules()), [(1, Cause::SuccessRate)]);
        let all_bad = [sample(100, 60, 500); 4];
        assert_eq!(find(&all_bad, &rules()), [], "it is not the servers");
    }

    #[test]
    fn who_is_slower_than_the_others_is_found() {
        let peers = [sample(100, 0, 500), sample(100, 0, 600), sample(60, 0, 5_000)];
        assert_eq!(find(&peers, &rules()), [(2, Cause::Latency)]);
        let never_answered = [sample(100, 100, 0), sample(100, 0, 5), sample(100, 0, 5)];
        assert_eq!(find(&never_answered, &rules()), [(0, Cause::SuccessRate)]);
    }

    #[test]
    fn few_requests_or_few_peers_prove_nothing() {
        let quiet = [sample(100, 0, 5), sample(100, 0, 5), sample(49, 49, 5)];
        assert_eq!(find(&quiet, &rules()), []);
        assert_eq!(find(&[sample(100, 100, 5), sample(100, 0, 5)], &rules()), []);
        assert_eq!(find(&[], &rules()), []);
    }
}
