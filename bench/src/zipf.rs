//! Zipf's law: the object of rank `r` is asked for in proportion to `1 / r^alpha`.

/// The law for a number of objects.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// Up to each rank, the share of all requests.
    shares: Vec<f64>,
}

impl Zipf {
    /// For `count` objects, at least one. Takes 8 bytes for each.
    #[must_use]
    pub fn new(count: u64, alpha: f64) -> Self {
        let mut sum = 0.0;
        let weight = |rank: u64| (rank as f64).powf(-alpha);
        let mut shares: Vec<f64> = (1..=count.max(1))
            .map(|rank| {
                sum += weight(rank);
                sum
            })
            .collect();
        shares.iter_mut().for_each(|share| *share /= sum);
        Self { shares }
    }

    /// The rank, from 1, that a number from 0 to 1 falls on.
    #[must_use]
    pub fn rank(&self, chance: f64) -> u64 {
        let before = self.shares.partition_point(|share| *share <= chance);
        before.min(self.shares.len() - 1) as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::chance;

    fn counted(zipf: &Zipf, draws: u64) -> Vec<u64> {
        let mut counts = vec![0; zipf.shares.len()];
        for draw in 0..draws {
            counts[zipf.rank(chance(draw)) as usize - 1] += 1;
        }
        counts
    }

    #[test]
    fn the_same_numbers_fall_on_the_same_ranks() {
        let (one, other) = (Zipf::new(1_000, 0.95), Zipf::new(1_000, 0.95));
        assert_eq!(counted(&one, 10_000), counted(&other, 10_000));
    }

    #[test]
    fn ranks_are_as_frequent_as_the_law_says() {
        let (alpha, draws) = (0.95, 1_000_000);
        let counts = counted(&Zipf::new(1_000, alpha), draws);
        let sum: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-alpha)).sum();
        for rank in [1_u32, 2, 3, 10, 100] {
            let expected = f64::from(rank).powf(-alpha) / sum * draws as f64;
            let found = counts[rank as usize - 1] as f64;
            // Five standard deviations.
            let off = (found - expected).abs() / expected.sqrt();
            assert!(off < 5.0, "rank {rank}: {found}, not {expected}");
        }
    }

    #[test]
    fn both_ends_of_chance_have_a_rank() {
        let zipf = Zipf::new(3, 1.0);
        assert_eq!((zipf.rank(0.0), zipf.rank(1.0)), (1, 3));
        assert_eq!(Zipf::new(0, 1.0).rank(0.5), 1);
    }
}
