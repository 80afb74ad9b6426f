//! Maglev hashing (Eisenbud et al., NSDI 2016): a table that every server fills in an order of
//! its own, so that shares are even to a percent and a look-up is one read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Share;
use crate::hash;

/// Sizes of the table, all prime: at least a hundred places for a server of average weight.
const SIZES: [u64; 5] = [65_537, 131_071, 262_139, 524_287, 1_048_573];

/// Places that are tried for a key before it is given up.
const TRIES_MAX: u64 = 64;

#[derive(Debug, Default)]
pub(crate) struct Maglev {
    table: Vec<u32>,
}

const FREE: u32 = u32::MAX;

/// How one server fills the table. Whoever is due first takes the next place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Filler {
    due: u64,
    next: u64,
    skip: u64,
    server: u32,
    period: u64,
}

/// Time in which a server of weight 1 takes one place.
const CYCLE: u64 = 1 << 40;

impl Maglev {
    /// A table of these servers; `id` gives the stable number that a server's order follows from.
    pub(crate) fn new(shares: &[Share], id: impl Fn(u32) -> u64) -> Self {
        let wanted = shares.len() as u64 * 100;
        let largest = SIZES.last().copied().unwrap_or(1);
        let size = SIZES.into_iter().find(|size| *size >= wanted).unwrap_or(largest);
        let filler = |share: &Share| {
            let (id, period) = (id(share.server), CYCLE / u64::from(share.weight.max(1)));
            let (next, skip) = (hash::pair(id, 1) % size, hash::pair(id, 2) % (size - 1) + 1);
            Reverse(Filler { due: period, next, skip, server: share.server, period })
        };
        let mut queue: BinaryHeap<_> = shares.iter().map(filler).collect();
        let mut table = vec![FREE; if shares.is_empty() { 0 } else { size as usize }];
        for _ in 0..table.len() {
            let Some(mut first) = queue.peek_mut() else { break };
            let Reverse(filler) = &mut *first;
            filler.take_place(&mut table, size);
            filler.due += filler.period;
        }
        Self { table }
    }

    /// The accepted server of a key: the one at its place, or at the next of a fixed sequence.
    pub(crate) fn next(&self, key: u64, mut accepts: impl FnMut(u32) -> bool) -> Option<u32> {
        let size = self.table.len() as u64;
        let mut last = None;
        for round in 0..TRIES_MAX {
            let at = hash::pair(key, round).checked_rem(size)?;
            let server = self.table.get(at as usize).copied()?;
            if last.replace(server) != Some(server) && accepts(server) {
                return Some(server);
            }
        }
        let start = hash::mix(key).checked_rem(size)?;
        let (before, after) = self.table.split_at_checked(start as usize)?;
        after.iter().chain(before).copied().find(|server| accepts(*server))
    }
}

impl Filler {
    /// Takes the first free place of its own order. There is one: the steps visit every place.
    fn take_place(&mut self, table: &mut [u32], size: u64) {
        loop {
            let at = self.next as usize;
            self.next = (self.next + self.skip) % size;
            match table.get_mut(at) {
                Some(place) if *place == FREE => {
                    *place = self.server;
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}
