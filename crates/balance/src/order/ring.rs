//! Consistent hashing on a ring. A server that leaves gives its keys to those behind its points,
//! and no other key moves.

use super::Share;
use crate::hash;

/// Points of a server of average weight: its share is then right within a few percent.
const POINTS: u64 = 160;

/// Points of all servers at the least: a few servers then get their shares to a percent.
const POINTS_MIN: u64 = 1 << 14;

/// Points of all servers at the most, 8 bytes each.
const POINTS_MAX: u64 = 4_000_000;

/// Points after the key's own that are looked at.
const STEPS_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// In the order of their places on the ring.
    points: Vec<(u32, u32)>,
}

impl Ring {
    /// A ring of these servers; `id` gives the stable number that places a server's points.
    pub(crate) fn new(shares: &[Share], id: impl Fn(u32) -> u64) -> Self {
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let count = shares.len() as u64;
        let all = (count * POINTS).max(POINTS_MIN).min(POINTS_MAX.max(count));
        let mut points = Vec::with_capacity(all as usize + shares.len());
        for share in shares {
            let own = (all * u64::from(share.weight) / total.max(1)).max(1);
            let id = id(share.server);
            points.extend((0..own).map(|n| ((hash::pair(id, n) >> 32) as u32, share.server)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// The first accepted server from the place of a key on.
    pub(crate) fn next(&self, key: u64, mut accepts: impl FnMut(u32) -> bool) -> Option<u32> {
        let place = (hash::mix(key) >> 32) as u32;
        let start = self.points.partition_point(|(at, _)| *at < place);
        let (before, after) = self.points.split_at_checked(start)?;
        let mut last = None;
        let steps = after.iter().chain(before).map(|(_, server)| *server).take(STEPS_MAX);
        steps.into_iter().find(|server| last.replace(*server) != Some(*server) && accepts(*server))
    }
}
