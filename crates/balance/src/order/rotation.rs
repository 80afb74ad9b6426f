//! Weighted round robin, smooth and in O(log n).
//!
//! Every server is due once per `1/weight` of virtual time, and whoever is due first goes next.
//! The servers' first turns are spread over their periods, so the light ones fall evenly between
//! the turns of the heavy ones: weights 5, 1, 1 give `a a b a a c a`. nginx's smooth round robin
//! reaches the same shares (and four `a` in a row there) by looking at every server each time;
//! this needs one sift of a heap, whatever the number of servers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// Virtual time in which a server of weight 1 gets one turn.
const CYCLE: u64 = 1 << 40;

/// Virtual time starts anew here, long before it could overflow.
const CLOCK_MAX: u64 = 1 << 62;

/// The order in which servers get their turns.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    queue: BinaryHeap<Reverse<Turn>>,
    /// Room for turns that are put off while a server further back is chosen.
    put_off: Vec<Reverse<Turn>>,
    /// When the last turn was due.
    clock: u64,
}

/// A server's next turn. Turns due at once go by server number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    due: u64,
    server: u32,
    weight: u32,
}

impl Rotation {
    /// Room for `count` servers, so that no later call allocates.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self {
            queue: BinaryHeap::with_capacity(count),
            put_off: Vec::with_capacity(count),
            clock: 0,
        }
    }

    /// Lets a server join. `phase`, in 0 to `u32::MAX` of its period, is when its first turn is
    /// due. Weight 0 stays out.
    pub(crate) fn join(&mut self, server: u32, weight: u32, phase: u32) {
        if weight > 0 {
            let wait = (u128::from(period(weight)) * u128::from(phase)) >> 32;
            self.queue.push(Reverse(Turn { due: self.clock + wait as u64, server, weight }));
        }
    }

    /// Gives the next turn to the first server that is accepted; the others keep theirs.
    pub(crate) fn next(&mut self, mut accepts: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut chosen = None;
        while let Some(mut first) = self.queue.peek_mut() {
            let Reverse(turn) = &mut *first;
            if accepts(turn.server) {
                chosen = Some(turn.server);
                self.clock = self.clock.max(turn.due);
                turn.due += period(turn.weight);
                break;
            }
            self.put_off.push(PeekMut::pop(first));
        }
        self.queue.extend(self.put_off.drain(..));
        if self.clock > CLOCK_MAX {
            self.restart_clock();
        }
        chosen
    }

    #[cold]
    fn restart_clock(&mut self) {
        let mut turns = std::mem::take(&mut self.queue).into_vec();
        for Reverse(turn) in &mut turns {
            turn.due = turn.due.saturating_sub(self.clock);
        }
        self.queue = turns.into();
        self.clock = 0;
    }
}

fn period(weight: u32) -> u64 {
    CYCLE / u64::from(weight.max(1))
}

/// The phase of the `number`th of `count` servers: evenly spread.
pub(crate) fn phase(number: u32, count: u32) -> u32 {
    let count = u64::from(count.max(1));
    let place = u64::from(number) % count;
    ((place << 32) / count) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(weights: &[u32]) -> Rotation {
        let mut rotation = Rotation::with_capacity(weights.len());
        for (server, weight) in weights.iter().enumerate() {
            let server = server as u32;
            rotation.join(server, *weight, phase(server, weights.len() as u32));
        }
        rotation
    }

    fn letters(rotation: &mut Rotation, turns: usize) -> String {
        let next = |_| char::from(b'a' + rotation.next(|_| true).unwrap() as u8);
        (0..turns).map(next).collect()
    }

    #[test]
    fn light_servers_fall_between_the_turns_of_heavy_ones() {
        assert_eq!(letters(&mut rotation(&[5, 1, 1]), 14), "aabaacaaabaaca");
        assert_eq!(letters(&mut rotation(&[1, 1, 1]), 7), "abcabca");
        assert_eq!(letters(&mut rotation(&[2, 1]), 6), "aabaab");
        assert_eq!(letters(&mut rotation(&[4, 2]), 6), "aabaab");
        assert_eq!(letters(&mut rotation(&[0, 3]), 3), "bbb");
    }

    #[test]
    fn the_clock_restarts_unnoticed() {
        let weights = [5, 1, 1];
        let mut late = rotation(&weights);
        let far = CLOCK_MAX - CYCLE * 3;
        late.clock += far;
        late.queue = late.queue.drain().map(|turn| shifted(turn, far)).collect();
        assert_eq!(letters(&mut late, 70), letters(&mut rotation(&weights), 70));
        assert!(late.clock < CYCLE * 10);
    }

    fn shifted(Reverse(turn): Reverse<Turn>, by: u64) -> Reverse<Turn> {
        Reverse(Turn { due: turn.due + by, ..turn })
    }

    #[test]
    fn who_is_put_off_keeps_the_turn() {
        let mut rotation = rotation(&[1, 1, 1]);
        assert_eq!(rotation.next(|server| server != 0), Some(1));
        assert_eq!(letters(&mut rotation, 3), "aca");
        assert_eq!(rotation.next(|_| false), None);
        assert_eq!(rotation.queue.len(), 3);
    }

    #[test]
    fn turns_reuse_their_memory() {
        let mut rotation = rotation(&[3, 2, 1, 1, 5]);
        let room = |rotation: &Rotation| (rotation.queue.capacity(), rotation.put_off.capacity());
        let before = room(&rotation);
        for turn in 0..1000 {
            let refused = turn % 5;
            let _ = rotation.next(|server| server != refused && server > turn % 3);
        }
        assert_eq!(room(&rotation), before);
    }
}
