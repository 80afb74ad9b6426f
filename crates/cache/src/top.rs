//! The keys that are asked for most, in bounded memory: one lane for each worker, each with a
//! sketch of its own, added up when somebody reads.
//!
//! While a lane is young it counts every request, later one in [`SAMPLED_ONE_IN`] by chance. What
//! is counted fades: when a lane has counted [`FADES_AT`] requests, everything is halved.

pub mod sketch;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use foldhash::quality::RandomState;

use sketch::{Seen, Sketch};

/// Lanes; workers beyond share them.
const LANES: usize = 64;

/// As many requests of a lane are all counted.
pub const EXACT_REQUESTS: u64 = 10_000;

/// Of those after, one in this many is counted, for all of them.
pub const SAMPLED_ONE_IN: u32 = 16;

/// With as many counted requests a lane halves all numbers.
pub const FADES_AT: u64 = 1 << 20;

/// The most asked-for keys of a store.
#[derive(Debug)]
pub struct Top {
    hasher: RandomState,
    lanes: Box<[OnceLock<Box<Lane>>]>,
}

/// What one worker has counted. Its own cache lines, so that workers do not disturb each other.
#[derive(Debug)]
#[repr(align(128))]
struct Lane {
    /// Requests up to the next one that is counted. Written by the lane's worker alone.
    left: AtomicU32,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    sketch: Sketch,
    /// Requests counted since the beginning, up to the end of the exact ones.
    exact: u64,
    /// Where chance stands (xorshift); never 0.
    chance: u32,
}

/// One key with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopKey {
    /// The key; of a long one the first [`sketch::KEY_BYTES_MAX`] bytes.
    pub key: Vec<u8>,
    /// It is longer than shown.
    pub is_cut: bool,
    /// Requests that the cache answered, about.
    pub hits: u64,
    /// Requests that it did not answer, about.
    pub misses: u64,
    /// Bytes of content that were given for it, about.
    pub bytes: u64,
    /// Requests that may have come before the key was watched, at most.
    pub unseen_max: u64,
}

impl TopKey {
    /// Requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.hits + self.misses
    }
}

impl Default for Top {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            lanes: (0..LANES).map(|_| OnceLock::new()).collect(),
        }
    }
}

impl Top {
    /// Counts a request of a worker: for most, one number is written. Nothing is waited for: while
    /// somebody reads, a request that was to be counted is not.
    pub fn note(&self, worker: usize, key: &[u8], seen: Seen) {
        let Some(lane) = self.lanes.get(worker % LANES) else { return };
        let lane = lane.get_or_init(Box::default);
        let left = lane.left.load(Ordering::Relaxed);
        if left > 0 {
            return lane.left.store(left - 1, Ordering::Relaxed);
        }
        let mut counted = match lane.counted.try_lock() {
            Ok(counted) => counted,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        lane.left.store(counted.count(self.hasher.hash_one(key), key, seen), Ordering::Relaxed);
    }

    /// The most asked-for keys over all workers, at most `count`, the first one most.
    #[must_use]
    pub fn list(&self, count: usize) -> Vec<TopKey> {
        let mut joined: HashMap<u64, TopKey, RandomState> = HashMap::default();
        // What may be unseen of a key that a full sketch does not have.
        let mut floors = 0;
        for lane in self.lanes.iter().filter_map(OnceLock::get) {
            let counted = lane.counted.lock().unwrap_or_else(PoisonError::into_inner);
            let floor = counted.sketch.floor();
            for (hash, one) in counted.sketch.entries() {
                let known = joined.entry(hash).or_insert_with(|| TopKey {
                    key: one.key.to_vec(),
                    is_cut: one.is_cut,
                    hits: 0,
                    misses: 0,
                    bytes: 0,
                    // The lanes before this one, which do not have it.
                    unseen_max: floors,
                });
                known.hits += one.hits;
                known.misses += one.misses;
                known.bytes = known.bytes.saturating_add(one.bytes);
                known.unseen_max += one.unseen_max;
            }
            let is_here = |hash| counted.sketch.has(hash);
            let elsewhere = joined.iter_mut().filter(|(hash, _)| !is_here(**hash));
            elsewhere.for_each(|(_, known)| known.unseen_max += floor);
            floors += floor;
        }
        let mut keys: Vec<_> = joined.into_values().collect();
        keys.sort_by(|a, b| b.requests().cmp(&a.requests()).then_with(|| a.key.cmp(&b.key)));
        keys.truncate(count);
        keys
    }
}

impl Default for Lane {
    fn default() -> Self {
        let counted = Counted { sketch: Sketch::default(), exact: 0, chance: 0x9E37_79B9 };
        Self { left: AtomicU32::new(0), counted: Mutex::new(counted) }
    }
}

impl Counted {
    /// Counts a request; returns how many are not to be counted before the next one.
    fn count(&mut self, hash: u64, key: &[u8], seen: Seen) -> u32 {
        if self.sketch.total() >= FADES_AT {
            self.sketch.fade();
        }
        if self.exact < EXACT_REQUESTS {
            self.exact += 1;
            self.sketch.note((hash, key), seen, 1);
            return 0;
        }
        self.sketch.note((hash, key), seen, u64::from(SAMPLED_ONE_IN));
        // By chance, since pages ask for the same in the same order again and again.
        self.draw() % (2 * SAMPLED_ONE_IN - 1)
    }

    fn draw(&mut self) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        self.chance
    }
}

#[cfg(test)]
mod tests;
