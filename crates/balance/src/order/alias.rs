//! Weighted random draws in O(1) by Vose's alias method.

use super::Share;
use crate::random::Random;

/// Draws before every server is looked at: enough unless most are refused.
const DRAWS_MAX: usize = 16;

/// A table to draw servers from in proportion to their weights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alias {
    columns: Vec<Column>,
}

/// One of equally likely columns: its server up to `split`, the other one above.
#[derive(Clone, Copy, Debug)]
struct Column {
    server: u32,
    other: u32,
    split: u64,
}

impl Alias {
    pub(crate) fn new(shares: &[Share]) -> Self {
        let total: u128 = shares.iter().map(|share| u128::from(share.weight)).sum();
        let count = shares.len() as u128;
        let fair = 1_u128 << 64;
        let scaled = |share: &Share| u128::from(share.weight) * count * fair / total.max(1);
        let mut left: Vec<u128> = shares.iter().map(scaled).collect();
        let columns = shares.iter().map(|share| share.server);
        let columns = columns.map(|server| Column { server, other: server, split: u64::MAX });
        let mut columns: Vec<_> = columns.collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..left.len()).partition(|at| left.get(*at).is_some_and(|share| *share < fair));
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            let (Some(given), Some(rich)) = (left.get(low).copied(), left.get(high).copied())
            else {
                break;
            };
            let other = columns.get(high).map_or(0, |column| column.server);
            if let Some(column) = columns.get_mut(low) {
                *column = Column { other, split: given as u64, ..*column };
            }
            let rest = rich - (fair - given);
            if let Some(share) = left.get_mut(high) {
                *share = rest;
            }
            if rest < fair { small.push(high) } else { large.push(high) }
        }
        Self { columns }
    }

    /// One server, in proportion to the weights.
    pub(crate) fn draw(&self, random: &mut Random) -> Option<u32> {
        let column = self.columns.get(random.below(self.columns.len()))?;
        let chosen = if random.next() <= column.split { column.server } else { column.other };
        Some(chosen)
    }

    /// One that is accepted.
    pub(crate) fn next(
        &self,
        random: &mut Random,
        mut accepts: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        for _ in 0..DRAWS_MAX {
            let server = self.draw(random)?;
            if accepts(server) {
                return Some(server);
            }
        }
        self.scan(random, accepts)
    }

    /// The first that is accepted from a random place on.
    pub(crate) fn scan(
        &self,
        random: &mut Random,
        mut accepts: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        let (before, after) = self.columns.split_at_checked(random.below(self.columns.len()))?;
        let servers = after.iter().chain(before).map(|column| column.server);
        servers.into_iter().find(|server| accepts(*server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(weights: &[u32]) -> Alias {
        let shares = (0..).zip(weights).map(|(server, weight)| Share { server, weight: *weight });
        Alias::new(&shares.collect::<Vec<_>>())
    }

    #[test]
    fn draws_follow_the_weights() {
        let weights = [1, 2, 3, 94];
        let alias = alias(&weights);
        let mut random = Random::new(1);
        let mut counts = [0_i32; 4];
        for _ in 0..100_000 {
            counts[alias.draw(&mut random).unwrap() as usize] += 1;
        }
        for (count, weight) in counts.into_iter().zip(weights) {
            assert!((count - 1000 * weight as i32).abs() < 400, "{counts:?}");
        }
    }

    #[test]
    fn the_only_one_left_is_found() {
        let alias = alias(&[1; 1000]);
        let mut random = Random::new(1);
        assert_eq!(alias.next(&mut random, |server| server == 7), Some(7));
        assert_eq!(alias.next(&mut random, |_| false), None);
        assert_eq!(Alias::default().next(&mut random, |_| true), None);
    }
}
