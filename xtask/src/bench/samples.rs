//! What was measured, and the medians of it.

use std::ops::Sub;

use super::load::Said;

/// One turn of one contender.
#[derive(Debug)]
pub(super) struct Sample {
    /// CPU time per request outside the kernel, in µs.
    pub(super) user_us: f64,
    /// CPU time per request in the kernel, in µs.
    pub(super) system_us: f64,
    /// Memory after the turn.
    pub(super) memory_bytes: u64,
    /// What the load generator saw.
    pub(super) said: Said,
    /// What the origin saw of it, where it counts.
    pub(super) origin: Counts,
}

/// Requests that the origin had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// All of them.
    pub(super) asked: u64,
    /// Those that it answered with 304.
    pub(super) validated: u64,
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            asked: self.asked.saturating_sub(before.asked),
            validated: self.validated.saturating_sub(before.validated),
        }
    }
}

impl Sample {
    /// CPU time per request, in µs.
    pub(super) fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }

    /// Good requests per second.
    pub(super) fn rate(&self) -> f64 {
        self.said.requests as f64 / self.said.elapsed_s.max(1e-6)
    }

    /// The turn in a line, for whoever watches.
    pub(super) fn line(&self) -> String {
        let Self { user_us, system_us, said, origin, .. } = self;
        let errors =
            if said.errors == 0 { String::new() } else { format!("  {} ERRORS", said.errors) };
        let origin = match origin.asked {
            0 => String::new(),
            asked => format!("  {asked} to the origin, {} of them 304", origin.validated),
        };
        format!(
            "{:>10.2} µs CPU ({user_us:.2} + {system_us:.2})  {:>9.0}/s{origin}{errors}",
            self.cpu_us(),
            self.rate()
        )
    }
}

/// Memory of one contender that holds silent connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Idle {
    /// How much it grew by each of them.
    pub(super) bytes_each: f64,
    /// All that it held, with what it had reserved before the first.
    pub(super) resident_bytes: u64,
}

/// All turns of a run.
#[derive(Debug, Default)]
pub(super) struct Samples {
    turns: Vec<(&'static str, String, Sample)>,
    idle: Vec<(String, Idle)>,
}

impl Samples {
    /// Keeps a turn.
    pub(super) fn add(&mut self, scenario: &'static str, label: &str, sample: Sample) {
        self.turns.push((scenario, label.to_owned(), sample));
    }

    /// Keeps what silent connections cost a contender.
    pub(super) fn add_idle(&mut self, label: &str, idle: Idle) {
        self.idle.push((label.to_owned(), idle));
    }

    /// The turns of one contender at one scenario, in order.
    pub(super) fn of(&self, scenario: &str, label: &str) -> Vec<&Sample> {
        let wanted = self.turns.iter().filter(|(s, l, _)| *s == scenario && l == label);
        wanted.map(|(_, _, sample)| sample).collect()
    }

    /// The median of a figure about silent connections.
    pub(super) fn idle(&self, label: &str, figure: fn(&Idle) -> f64) -> Option<f64> {
        median(self.idle.iter().filter(|(l, _)| l == label).map(|(_, idle)| figure(idle)))
    }

    /// The share of requests over all turns that the origin did not see.
    pub(super) fn hits(&self, scenario: &str, label: &str) -> Option<f64> {
        self.share(scenario, label, |turn| turn.said.requests.saturating_sub(turn.origin.asked))
    }

    /// The share of requests over all turns that the origin answered with 304.
    pub(super) fn validated(&self, scenario: &str, label: &str) -> Option<f64> {
        self.share(scenario, label, |turn| turn.origin.validated)
    }

    fn share(&self, scenario: &str, label: &str, part: fn(&Sample) -> u64) -> Option<f64> {
        let turns = self.of(scenario, label);
        let requests: u64 = turns.iter().map(|turn| turn.said.requests).sum();
        let parts: u64 = turns.iter().map(|turn| part(turn)).sum();
        (requests > 0).then(|| parts as f64 / requests as f64)
    }

    /// CPU per request of `first` in parts of `second`'s: the median over the rounds, in each
    /// of which both had their turn within seconds of one another.
    pub(super) fn ratio(&self, scenario: &str, first: &str, second: &str) -> Option<f64> {
        let pairs = self.of(scenario, first).into_iter().zip(self.of(scenario, second));
        median(pairs.map(|(first, second)| first.cpu_us() / second.cpu_us()))
    }
}

/// The middle value, or the mean of the middle two.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower =
        if values.len().is_multiple_of(2) { *values.get(values.len() / 2 - 1)? } else { upper };
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_us: f64) -> Sample {
        let said = Said { requests: 10, ..Said::default() };
        let origin = Counts { asked: 4, validated: 1 };
        Sample { user_us: cpu_us, system_us: 0.0, memory_bytes: 0, said, origin }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn shares_are_of_all_turns() {
        let mut samples = Samples::default();
        samples.add("mix", "weir", sample(1.0));
        samples.add("mix", "weir", Sample { origin: Counts::default(), ..sample(1.0) });
        assert_eq!(samples.hits("mix", "weir"), Some(0.8));
        assert_eq!(samples.validated("mix", "weir"), Some(0.05));
        assert_eq!(samples.hits("mix", "nobody"), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let mut samples = Samples::default();
        for (ours, theirs) in [(1.0, 2.0), (30.0, 40.0), (5.0, 50.0)] {
            samples.add("small", "weir", sample(ours));
            samples.add("small", "nginx", sample(theirs));
        }
        assert_eq!(samples.ratio("small", "weir", "nginx"), Some(0.5));
        assert_eq!(samples.ratio("small", "weir", "nobody"), None);
    }
}
