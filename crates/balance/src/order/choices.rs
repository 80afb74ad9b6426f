//! The power of two choices: of two servers drawn by weight, the one that promises to answer
//! sooner. Nobody looks at all servers, so workers do not all rush to the one that is idlest.

use super::alias::Alias;
use super::{Choice, Share};

/// What a server counts for that has requests and has never answered any: it may just have come,
/// and is given one request to show what it can do.
const UNPROVEN: u64 = u64::MAX / 2;

/// Draws for each of the two.
const DRAWS_MAX: usize = 4;

/// Weights are compared with the mean, in parts of this.
const WHOLE: u64 = 1 << 10;

#[derive(Debug)]
pub(crate) struct Choices {
    alias: Alias,
    /// `WHOLE * mean / weight` by server number: how much sooner it is full than the average.
    strain: Vec<u32>,
}

impl Choices {
    pub(crate) fn new(shares: &[Share]) -> Self {
        let total: u64 = shares.iter().map(|share| u64::from(share.weight)).sum();
        let mean = total / (shares.len() as u64).max(1);
        let servers = shares.iter().map(|share| share.server as usize + 1).max().unwrap_or(0);
        let mut strain = vec![WHOLE as u32; servers];
        for share in shares {
            if let Some(strain) = strain.get_mut(share.server as usize) {
                let parts = WHOLE * mean / u64::from(share.weight.max(1));
                *strain = u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
            }
        }
        Self { alias: Alias::new(shares), strain }
    }

    pub(crate) fn next<A, L>(&self, choice: &mut Choice<'_, A, L>) -> Option<u32>
    where
        A: FnMut(u32) -> bool,
        L: Fn(u32) -> u32,
    {
        let Some(one) = self.draw(choice, None) else {
            return self.alias.scan(choice.random, &mut choice.accepts);
        };
        let Some(other) = self.draw(choice, Some(one)) else { return Some(one) };
        // Equal ones are left to the draw, which follows the weights.
        let is_better = self.cost(choice, other) < self.cost(choice, one);
        Some(if is_better { other } else { one })
    }

    fn draw<A, L>(&self, choice: &mut Choice<'_, A, L>, not: Option<u32>) -> Option<u32>
    where
        A: FnMut(u32) -> bool,
    {
        (0..DRAWS_MAX)
            .filter_map(|_| self.alias.draw(choice.random))
            .find(|server| Some(*server) != not && (choice.accepts)(*server))
    }

    /// The time that one more request would take there, roughly.
    fn cost<A, L>(&self, choice: &Choice<'_, A, L>, server: u32) -> u64
    where
        L: Fn(u32) -> u32,
    {
        let active = u64::from((choice.active)(server));
        let latency_us = (choice.latency_us)(server);
        if latency_us == 0 {
            return if active == 0 { 0 } else { UNPROVEN + active };
        }
        let strain = self.strain.get(server as usize).copied().unwrap_or(WHOLE as u32);
        latency_us.saturating_mul(WHOLE + active * u64::from(strain))
    }
}
