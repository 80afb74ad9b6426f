//! Requests of one route divided among upstreams.

use balance::hash;

use super::ProxyPlan;

/// Keeps the choice of a part apart from the choice of a server by the same key.
const SALT: u64 = 0x7370_6c69_7400_0001;

/// A division into parts.
#[derive(Debug)]
pub struct SplitPlan {
    /// What keeps a client at its part; chance where there is none.
    pub key: Option<config::HashKey>,
    /// Where each part ends on a line from 0, in order; no part is empty.
    parts: Vec<(u32, ProxyPlan)>,
}

impl SplitPlan {
    /// The division by these weights.
    #[must_use]
    pub fn new(weighted: Vec<(u16, ProxyPlan)>, key: Option<config::HashKey>) -> Self {
        let mut end = 0;
        let mut parts = Vec::new();
        for (weight, plan) in weighted.into_iter().filter(|(weight, _)| *weight > 0) {
            end += u32::from(weight);
            parts.push((end, plan));
        }
        Self { key, parts }
    }

    /// The part of a key's hash.
    #[must_use]
    pub fn by_key(&self, hash: u64) -> Option<&ProxyPlan> {
        self.at(hash::pair(hash, SALT))
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = &ProxyPlan> {
        self.parts.iter().map(|(_, plan)| plan)
    }

    /// The part that goes to this upstream.
    #[must_use]
    pub fn to(&self, upstream: u32) -> Option<&ProxyPlan> {
        self.parts().find(|plan| plan.upstream == upstream)
    }

    /// The part at a place that is drawn evenly from all numbers.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<&ProxyPlan> {
        let (whole, _) = self.parts.last()?;
        // Below the whole, since the place is below 2^64.
        let point = ((u128::from(place) * u128::from(*whole)) >> 64) as u32;
        let part = self.parts.partition_point(|(end, _)| *end <= point);
        self.parts.get(part).map(|(_, plan)| plan)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::HostPlan;
    use super::*;

    fn split(weights: &[u16]) -> SplitPlan {
        let plan = |upstream| ProxyPlan {
            upstream,
            host: HostPlan::Client,
            connect_timeout: Duration::ZERO,
            first_byte_timeout: Duration::ZERO,
            failover: None,
        };
        let parts = (0..).zip(weights).map(|(at, weight)| (*weight, plan(at))).collect();
        SplitPlan::new(parts, None)
    }

    fn parts(split: &SplitPlan) -> Vec<u32> {
        let keys = (0..100_000_u64).map(hash::mix);
        keys.map(|key| split.by_key(key).unwrap().upstream).collect()
    }

    #[test]
    fn parts_are_as_large_as_their_weights_say() {
        let parts = parts(&split(&[95, 0, 5]));
        let canary = parts.iter().filter(|part| **part == 2).count();
        assert!((4_800..5_200).contains(&canary), "{canary}");
        assert!(parts.iter().all(|part| *part != 1), "nobody goes to a part of weight 0");
    }

    #[test]
    fn a_larger_canary_only_wins_clients() {
        let (before, after) = (parts(&split(&[95, 5])), parts(&split(&[90, 10])));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        let moved: Vec<_> = moved.collect();
        assert!(moved.iter().all(|(before, after)| (**before, **after) == (0, 1)));
        assert!((4_700..5_300).contains(&moved.len()), "{}", moved.len());
    }

    #[test]
    fn the_ends_of_the_line_belong_to_the_outer_parts() {
        let split = split(&[1, 65535]);
        assert_eq!(split.at(0).unwrap().upstream, 0);
        assert_eq!(split.at(u64::MAX).unwrap().upstream, 1);
    }
}
