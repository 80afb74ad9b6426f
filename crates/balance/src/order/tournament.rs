//! Least requests: a tournament tree with the least loaded server at its root.
//!
//! The tree holds loads as this worker has last seen them. What the other workers do is learned
//! from the winner, whose load is looked at before it is chosen, and from four others at each pick.

use super::{Choice, Share};

/// Winners that turn out to be busier than they looked, or are refused, before all are looked at.
const ROUNDS_MAX: usize = 24;

/// Servers whose load is looked at again with each pick.
const REFRESHED: usize = 4;

/// The load of a place that nobody stands in.
const NOBODY: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Tournament {
    /// The players, then nothing up to a power of two.
    players: Vec<Player>,
    /// The winners: `winners[1]` of all, those of `n` are `2n` and `2n + 1`.
    winners: Vec<u32>,
    /// The player at which a server stands.
    places: Vec<u32>,
    /// Players that are put aside while one further back is chosen.
    aside: Vec<(u32, u32)>,
    picks: u32,
    refresh: usize,
}

#[derive(Clone, Copy, Debug)]
struct Player {
    server: u32,
    weight: u32,
    load: u32,
    /// The pick at which it was last chosen: of equals, the one that waited the longest wins.
    picked: u32,
}

impl Tournament {
    pub(crate) fn new(shares: &[Share], offset: u32) -> Self {
        let count = shares.len();
        let seats = count.next_power_of_two();
        let turn =
            |at: usize| ((at + count - offset as usize % count.max(1)) % count.max(1)) as u32;
        let players = shares.iter().enumerate().map(|(at, share)| Player {
            server: share.server,
            weight: share.weight,
            load: 0,
            picked: turn(at),
        });
        let servers = shares.iter().map(|share| share.server as usize + 1).max().unwrap_or(0);
        let mut places = vec![NOBODY; servers];
        for (at, share) in (0..).zip(shares) {
            if let Some(place) = places.get_mut(share.server as usize) {
                *place = at;
            }
        }
        let mut tournament = Self {
            players: players.collect(),
            winners: vec![0; 2 * seats],
            places,
            aside: Vec::with_capacity(ROUNDS_MAX),
            picks: count as u32,
            refresh: 0,
        };
        let (_, leaves) = tournament.winners.split_at_mut(seats);
        leaves.iter_mut().zip(0..).for_each(|(leaf, at)| *leaf = at);
        (1..seats).rev().for_each(|node| tournament.decide(node));
        tournament
    }

    pub(crate) fn next<A, L>(&mut self, choice: &mut Choice<'_, A, L>) -> Option<u32>
    where
        A: FnMut(u32) -> bool,
        L: Fn(u32) -> u32,
    {
        for _ in 0..REFRESHED {
            self.refresh = (self.refresh + 1) % self.players.len().max(1);
            self.look(self.refresh as u32, &choice.active);
        }
        let mut chosen = None;
        for _ in 0..ROUNDS_MAX {
            let Some(at) = self.winners.get(1).copied() else { break };
            let Some(player) = self.player(at).filter(|player| player.load != NOBODY) else {
                break;
            };
            if self.look(at, &choice.active) {
                continue;
            }
            if (choice.accepts)(player.server) {
                chosen = Some(player.server);
                self.take(at);
                break;
            }
            self.aside.push((at, player.load));
            self.set_load(at, NOBODY);
        }
        while let Some((at, load)) = self.aside.pop() {
            self.set_load(at, load);
        }
        chosen.or_else(|| self.scan(choice))
    }

    /// Every one after the other: most are refused.
    fn scan<A, L>(&self, choice: &mut Choice<'_, A, L>) -> Option<u32>
    where
        A: FnMut(u32) -> bool,
    {
        let (before, after) =
            self.players.split_at_checked(choice.random.below(self.players.len()))?;
        let servers = after.iter().chain(before).map(|player| player.server);
        servers.into_iter().find(|server| (choice.accepts)(*server))
    }

    /// A request has left a server.
    pub(crate) fn released(&mut self, server: u32, active: u32) {
        let place = self.places.get(server as usize).copied();
        if let Some(at) = place.filter(|at| *at != NOBODY) {
            self.set_load(at, active);
        }
    }

    fn player(&self, at: u32) -> Option<Player> {
        self.players.get(at as usize).copied()
    }

    /// Looks at the true load of a player. Returns whether it is more than was known.
    fn look(&mut self, at: u32, active: impl Fn(u32) -> u32) -> bool {
        let Some(player) = self.player(at) else { return false };
        let load = active(player.server);
        if load != player.load {
            self.set_load(at, load);
        }
        load > player.load
    }

    fn take(&mut self, at: u32) {
        self.picks = self.picks.wrapping_add(1);
        let picked = self.picks;
        if let Some(player) = self.players.get_mut(at as usize) {
            player.picked = picked;
            player.load += 1;
        }
        self.climb(at);
    }

    fn set_load(&mut self, at: u32, load: u32) {
        if let Some(player) = self.players.get_mut(at as usize) {
            player.load = load;
        }
        self.climb(at);
    }

    /// Decides the matches from a player up to the root.
    fn climb(&mut self, at: u32) {
        let mut node = (self.winners.len() / 2 + at as usize) / 2;
        while node > 0 {
            self.decide(node);
            node /= 2;
        }
    }

    fn decide(&mut self, node: usize) {
        let (Some(left), Some(right)) =
            (self.winners.get(2 * node).copied(), self.winners.get(2 * node + 1).copied())
        else {
            return;
        };
        let winner = if self.beats(right, left) { right } else { left };
        if let Some(place) = self.winners.get_mut(node) {
            *place = winner;
        }
    }

    fn beats(&self, one: u32, other: u32) -> bool {
        let Some(one) = self.player(one) else { return false };
        let Some(other) = self.player(other) else { return true };
        if one.load == NOBODY || other.load == NOBODY {
            return other.load == NOBODY && one.load != NOBODY;
        }
        // Loads after one more request, each in proportion to the weight.
        let of_one = u64::from(one.load + 1) * u64::from(other.weight);
        let of_other = u64::from(other.load + 1) * u64::from(one.weight);
        let waited = self.picks.wrapping_sub(one.picked) > self.picks.wrapping_sub(other.picked);
        of_one < of_other || of_one == of_other && waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use std::cell::RefCell;

    fn shares(weights: &[u32]) -> Vec<Share> {
        (0..).zip(weights).map(|(server, weight)| Share { server, weight: *weight }).collect()
    }

    fn pick(tree: &mut Tournament, loads: &RefCell<Vec<u32>>, refused: &[u32]) -> Option<u32> {
        let mut random = Random::new(1);
        let mut choice = Choice {
            accepts: |server| !refused.contains(&server),
            active: |server: u32| loads.borrow()[server as usize],
            latency_us: &|_| 0,
            key: 0,
            random: &mut random,
        };
        let chosen = tree.next(&mut choice)?;
        loads.borrow_mut()[chosen as usize] += 1;
        Some(chosen)
    }

    #[test]
    fn the_least_loaded_by_weight_is_next_and_equals_take_turns() {
        let mut tree = Tournament::new(&shares(&[1, 1, 1]), 0);
        let loads = RefCell::new(vec![0; 3]);
        let order: Vec<_> = (0..6).map(|_| pick(&mut tree, &loads, &[]).unwrap()).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
        let mut tree = Tournament::new(&shares(&[3, 1]), 0);
        let loads = RefCell::new(vec![0; 2]);
        (0..400).for_each(|_| _ = pick(&mut tree, &loads, &[]));
        assert_eq!(*loads.borrow(), [300, 100]);
    }

    #[test]
    fn what_others_do_is_seen_and_the_refused_are_left_out() {
        let mut tree = Tournament::new(&shares(&[1; 5]), 0);
        let loads = RefCell::new(vec![9, 9, 0, 9, 9]);
        assert_eq!(pick(&mut tree, &loads, &[]), Some(2));
        assert_eq!(pick(&mut tree, &loads, &[2]).map(|server| server == 2), Some(false));
        assert_eq!(pick(&mut tree, &loads, &[0, 1, 2, 3, 4]), None);
        *loads.borrow_mut() = vec![9, 9, 9, 0, 9];
        tree.released(3, 0);
        assert_eq!(pick(&mut tree, &loads, &[]), Some(3));
    }

    #[test]
    fn the_last_of_many_is_found() {
        let mut tree = Tournament::new(&shares(&[1; 300]), 0);
        let loads = RefCell::new(vec![0; 300]);
        let refused: Vec<u32> = (0..299).collect();
        assert_eq!(pick(&mut tree, &loads, &refused), Some(299));
        assert_eq!(Tournament::new(&[], 3).winners.len(), 2);
        assert_eq!(pick(&mut Tournament::new(&[], 3), &loads, &[]), None);
    }
}
