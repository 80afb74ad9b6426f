//! A suite: what is measured, with whom, and what is aimed at.

use super::samples::Samples;
use super::scenario::Scenario;

/// A suite under a name.
pub(super) struct Suite {
    pub(super) name: &'static str,
    pub(super) scenarios: &'static [Scenario],
    /// Labels of the peers that take part.
    pub(super) peers: &'static [&'static str],
    /// What Weir should reach.
    pub(super) aims: &'static [Aim],
    /// What a reader of the report has to know beside.
    pub(super) note: &'static str,
}

/// The peers of suites without a cache.
pub(super) const PROXIES: &[&str] = &["nginx", "haproxy", "caddy", "envoy"];

/// One figure that Weir should reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    /// CPU of a scenario, in parts of a peer's, at the most.
    Cpu { scenario: &'static str, peer: &'static str, max: f64 },
    /// As many hits in a scenario as the best peer.
    Hits { scenario: &'static str },
}

/// How an aim and what was measured compare.
#[derive(Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) wanted: String,
    pub(super) found: String,
    pub(super) is_met: bool,
}

impl Aim {
    /// The verdict about `first`, if all that it needs was measured.
    pub(super) fn verdict(&self, samples: &Samples, labels: &[&str]) -> Option<Verdict> {
        let (first, peers) = labels.split_first()?;
        match *self {
            Self::Cpu { scenario, peer, max } => {
                let ratio = samples.ratio(scenario, first, peer)?;
                let wanted = format!("{scenario}: CPU at most {max:.2} of {peer}'s");
                Some(Verdict { wanted, found: format!("{ratio:.2}"), is_met: ratio <= max })
            }
            Self::Hits { scenario } => {
                let own = samples.hits(scenario, first)?;
                let each =
                    peers.iter().filter_map(|peer| Some((peer, samples.hits(scenario, peer)?)));
                let (peer, best) = each.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
                let wanted =
                    format!("{scenario}: hits no fewer than {peer}'s {:.2} %", best * 100.0);
                Some(Verdict {
                    wanted,
                    found: format!("{:.2} %", own * 100.0),
                    is_met: own >= best,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Said;
    use crate::bench::samples::{Counts, Sample};

    fn samples() -> Samples {
        let mut samples = Samples::default();
        for (label, cpu_us, asked) in [("weir", 5.0, 40), ("nginx", 10.0, 41), ("varnish", 8.0, 39)]
        {
            let said = Said { requests: 100, ..Said::default() };
            let origin = Counts { asked, validated: 0 };
            let sample = Sample { user_us: cpu_us, system_us: 0.0, memory_bytes: 0, said, origin };
            samples.add("mix", label, sample);
        }
        samples
    }

    #[test]
    fn processor_time_is_held_against_one_peer() {
        let aim = |max| Aim::Cpu { scenario: "mix", peer: "nginx", max };
        let verdict = |max| aim(max).verdict(&samples(), &["weir", "nginx"]).unwrap();
        assert!(verdict(0.5).is_met && !verdict(0.4).is_met);
        assert_eq!(verdict(0.5).found, "0.50");
        let nobody = Aim::Cpu { scenario: "mix", peer: "haproxy", max: 1.0 };
        assert_eq!(nobody.verdict(&samples(), &["weir", "nginx"]), None);
    }

    #[test]
    fn hits_are_held_against_the_best() {
        let aim = Aim::Hits { scenario: "mix" };
        let verdict = aim.verdict(&samples(), &["weir", "nginx", "varnish"]).unwrap();
        assert_eq!(verdict.wanted, "mix: hits no fewer than varnish's 61.00 %");
        assert_eq!((verdict.found.as_str(), verdict.is_met), ("60.00 %", false));
        assert!(aim.verdict(&samples(), &["weir", "nginx"]).unwrap().is_met);
    }
}
