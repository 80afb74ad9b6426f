//! Counts the most frequent keys of a stream in bounded memory (Space-Saving, Metwally 2005).
//!
//! A key that is not watched takes the place of the one that was asked for least, and inherits
//! its count as what may be unseen of it. So of `n` counted requests no key is wrong by more than
//! `n / KEYS_MAX`, and each key with more than that is watched. Nothing is allocated after the
//! beginning.

use hashbrown::HashTable;

/// Keys that are watched at once.
pub const KEYS_MAX: usize = 256;

/// Bytes of a key that are kept to be shown; it is told from others by a hash of all of it.
pub const KEY_BYTES_MAX: usize = 256;

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The cache answered it.
    pub is_hit: bool,
    /// Bytes of content of the answer.
    pub bytes: u64,
}

/// The most frequent keys, about.
#[derive(Debug)]
pub struct Sketch {
    /// Places in `entries` by hash.
    table: HashTable<u16>,
    entries: Vec<Entry>,
    /// The keys, each with the same room.
    keys: Box<[u8]>,
    total: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    hash: u64,
    key_length: u16,
    is_cut: bool,
    hits: u64,
    misses: u64,
    bytes: u64,
    unseen_max: u64,
}

impl Entry {
    /// How often it was asked for, at most.
    fn count(&self) -> u64 {
        self.hits + self.misses + self.unseen_max
    }
}

/// One key that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched<'a> {
    /// The key; of a long one the first [`KEY_BYTES_MAX`] bytes.
    pub key: &'a [u8],
    /// It is longer than shown.
    pub is_cut: bool,
    /// Requests that the cache answered.
    pub hits: u64,
    /// Requests that it did not answer.
    pub misses: u64,
    /// Bytes of content of the answers.
    pub bytes: u64,
    /// Requests that may have come before it was watched, at most.
    pub unseen_max: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            // With as much room again, places of keys that left are taken without a larger table.
            table: HashTable::with_capacity(2 * KEYS_MAX),
            entries: Vec::with_capacity(KEYS_MAX),
            keys: vec![0; KEYS_MAX * KEY_BYTES_MAX].into_boxed_slice(),
            total: 0,
        }
    }
}

impl Sketch {
    /// Counts a request for a key, given with its hash, as `weight` of them.
    pub fn note(&mut self, (hash, key): (u64, &[u8]), seen: Seen, weight: u64) {
        self.total += weight;
        let at = self.place(hash).unwrap_or_else(|| self.watch(hash, key));
        let Some(entry) = self.entries.get_mut(at) else { return };
        let side = if seen.is_hit { &mut entry.hits } else { &mut entry.misses };
        *side += weight;
        entry.bytes = entry.bytes.saturating_add(seen.bytes.saturating_mul(weight));
    }

    /// Halves everything, so that what was asked for long ago makes room.
    pub fn fade(&mut self) {
        self.total /= 2;
        for entry in &mut self.entries {
            entry.hits /= 2;
            entry.misses /= 2;
            entry.bytes /= 2;
            entry.unseen_max /= 2;
        }
    }

    /// Requests that were counted, as far as they have not faded.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How often a key that is not watched may have been asked for.
    #[must_use]
    pub fn floor(&self) -> u64 {
        if self.entries.len() < KEYS_MAX {
            return 0;
        }
        self.entries.iter().map(Entry::count).min().unwrap_or(0)
    }

    /// Whether a key is watched, by its hash.
    #[must_use]
    pub fn has(&self, hash: u64) -> bool {
        self.place(hash).is_some()
    }

    /// What is watched, by hash, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (u64, Watched<'_>)> {
        self.entries.iter().enumerate().map(|(at, entry)| {
            let start = at * KEY_BYTES_MAX;
            let key = self.keys.get(start..start + usize::from(entry.key_length));
            let Entry { hash, is_cut, hits, misses, bytes, unseen_max, .. } = *entry;
            let key = key.unwrap_or_default();
            (hash, Watched { key, is_cut, hits, misses, bytes, unseen_max })
        })
    }

    fn place(&self, hash: u64) -> Option<usize> {
        let is_it =
            |at: &u16| self.entries.get(usize::from(*at)).is_some_and(|entry| entry.hash == hash);
        self.table.find(hash, is_it).map(|at| usize::from(*at))
    }

    /// Begins to watch a key, in the place of another one where all are taken.
    fn watch(&mut self, hash: u64, key: &[u8]) -> usize {
        let kept = key.get(..KEY_BYTES_MAX).unwrap_or(key);
        let key_length = u16::try_from(kept.len()).unwrap_or(u16::MAX);
        let entry = Entry { hash, key_length, is_cut: kept.len() < key.len(), ..Entry::default() };
        let at = if self.entries.len() < KEYS_MAX {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            self.replace_least(entry)
        };
        let start = at * KEY_BYTES_MAX;
        if let Some(room) = self.keys.get_mut(start..start + kept.len()) {
            room.copy_from_slice(kept);
        }
        let entries = &self.entries;
        let hash_of = |at: &u16| entries.get(usize::from(*at)).map_or(0, |entry| entry.hash);
        self.table.insert_unique(hash, u16::try_from(at).unwrap_or(u16::MAX), hash_of);
        at
    }

    fn replace_least(&mut self, entry: Entry) -> usize {
        let least = self.entries.iter().enumerate().min_by_key(|(_, entry)| entry.count());
        let Some((at, before)) = least.map(|(at, entry)| (at, *entry)) else { return 0 };
        let is_it = |other: &u16| usize::from(*other) == at;
        if let Ok(taken) = self.table.find_entry(before.hash, is_it) {
            taken.remove();
        }
        if let Some(place) = self.entries.get_mut(at) {
            *place = Entry { unseen_max: before.count(), ..entry };
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const HIT: Seen = Seen { is_hit: true, bytes: 10 };

    /// The hash of a key: another one for each number.
    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn note(sketch: &mut Sketch, number: u64, seen: Seen) {
        let key = format!("https://a.test/{number}");
        sketch.note((hash(number), key.as_bytes()), seen, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_key_is_wrong_by_more_than_its_share(
            rare in prop::collection::vec(0..5_000_u64, 0..3_000),
            often in prop::collection::vec(0..20_u64, 0..1_000),
            turn in any::<usize>(),
        ) {
            let mut asked: Vec<u64> = rare.into_iter().chain(often).collect();
            let count = asked.len().max(1);
            asked.rotate_left(turn % count);
            let (mut sketch, mut truth) = (Sketch::default(), HashMap::<u64, u64>::new());
            for number in &asked {
                note(&mut sketch, *number, HIT);
                *truth.entry(*number).or_default() += 1;
            }
            let share = asked.len() as u64 / KEYS_MAX as u64;
            let watched: HashMap<_, _> = sketch.entries().collect();
            prop_assert!(watched.len() <= KEYS_MAX);
            prop_assert!(sketch.floor() <= share);
            for (number, times) in &truth {
                let Some(one) = watched.get(&hash(*number)) else {
                    prop_assert!(*times <= sketch.floor(), "{number}: {times}");
                    continue;
                };
                prop_assert!(one.hits <= *times, "counted only what was");
                prop_assert!(one.hits + one.unseen_max >= *times, "and all that was");
                prop_assert!(one.unseen_max <= share);
                prop_assert_eq!(one.bytes, one.hits * 10);
                let key = format!("https://a.test/{number}");
                prop_assert_eq!(one.key, key.as_bytes());
            }
        }
    }

    #[test]
    fn memory_stays_as_it_was_at_the_beginning() {
        let mut sketch = Sketch::default();
        let room = |sketch: &Sketch| {
            (sketch.entries.capacity(), sketch.table.allocation_size(), sketch.keys.len())
        };
        let before = room(&sketch);
        let long = vec![b'x'; 10_000];
        for number in 0..100_000 {
            sketch.note((hash(number), &long), HIT, 1);
        }
        assert_eq!(room(&sketch), before);
        assert_eq!(sketch.entries.len(), KEYS_MAX);
        assert_eq!(sketch.table.len(), KEYS_MAX);
        let cut = |one: Watched<'_>| one.is_cut && one.key.len() == KEY_BYTES_MAX;
        assert!(sketch.entries().all(|(_, one)| cut(one)));
    }

    #[test]
    fn hits_and_misses_are_told_apart_and_fade() {
        let mut sketch = Sketch::default();
        (0..6).for_each(|_| note(&mut sketch, 1, HIT));
        (0..3).for_each(|_| note(&mut sketch, 1, Seen { is_hit: false, bytes: 1 }));
        let only = |sketch: &Sketch| {
            let (_, one) = sketch.entries().next().unwrap();
            (one.hits, one.misses, one.bytes, one.unseen_max)
        };
        assert_eq!(only(&sketch), (6, 3, 63, 0));
        sketch.fade();
        assert_eq!(only(&sketch), (3, 1, 31, 0));
        assert_eq!(sketch.total(), 4);
    }
}
