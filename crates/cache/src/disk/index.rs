//! Where each object is, in memory: 24 bytes an object in tables without pointers.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::digest::Short;
use super::footer::Listed;

/// Tables, so that a growing one stops few others.
const SHARDS: usize = 64;
const UNITS_BITS: u32 = 28;
/// The longest record that an entry can name, in units.
pub(super) const UNITS_MAX: u64 = (1 << UNITS_BITS) - 1;
const ATTACHED: u32 = 1 << UNITS_BITS;
const HOT_SHIFT: u32 = UNITS_BITS + 1;
const HOT_MAX: u32 = 3;

/// One object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: Short,
    pub(super) segment: u32,
    /// Where the record begins, in units.
    pub(super) at: u32,
    /// Length in units, whether the body is a file of its own, hits.
    packed: u32,
}

impl Entry {
    pub(super) fn new(listed: &Listed, segment: u32) -> Self {
        let attached = if listed.is_attached() { ATTACHED } else { 0 };
        let packed = listed.units() | attached;
        Self { digest: listed.digest, segment, at: listed.at, packed }
    }

    pub(super) fn units(self) -> u32 {
        self.packed & (ATTACHED - 1)
    }

    pub(super) fn is_attached(self) -> bool {
        self.packed & ATTACHED != 0
    }

    pub(super) fn hits(self) -> u32 {
        self.packed >> HOT_SHIFT
    }

    /// Whether both are the same record, whatever their hits.
    pub(super) fn is_at(self, other: Self) -> bool {
        (self.digest, self.segment, self.at) == (other.digest, other.segment, other.at)
    }

    fn hit(&mut self) {
        if self.hits() < HOT_MAX {
            self.packed += 1 << HOT_SHIFT;
        }
    }
}

#[derive(Debug)]
pub(super) struct Index {
    shards: Vec<Mutex<HashTable<Entry>>>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Makes room for so many objects, as a directory has before it is read.
    pub(super) fn reserve(&self, objects: usize) {
        for shard in &self.shards {
            let mut table = shard.lock().unwrap_or_else(PoisonError::into_inner);
            // Digests do not spread quite evenly.
            table.reserve(objects / SHARDS + objects / SHARDS / 32, |entry| hash(entry.digest));
        }
    }

    /// The object of this digest; `hit` makes it hotter.
    pub(super) fn find(&self, digest: Short, hit: bool) -> Option<Entry> {
        self.with(digest, |table| {
            let entry = table.find_mut(hash(digest), |entry| entry.digest == digest)?;
            if hit {
                entry.hit();
            }
            Some(*entry)
        })?
    }

    /// Puts an object in and gives the one that it replaces.
    pub(super) fn put(&self, new: Entry) -> Option<Entry> {
        self.with(new.digest, |table| {
            let same = |entry: &Entry| entry.digest == new.digest;
            match table.entry(hash(new.digest), same, |entry| hash(entry.digest)) {
                Slot::Occupied(mut old) => Some(std::mem::replace(old.get_mut(), new)),
                Slot::Vacant(slot) => {
                    slot.insert(new);
                    None
                }
            }
        })?
    }

    /// Takes the object of this digest out.
    pub(super) fn take(&self, digest: Short) -> Option<Entry> {
        self.take_if(digest, |_| true)
    }

    /// Takes this object out unless another has taken its place.
    pub(super) fn take_same(&self, entry: Entry) -> Option<Entry> {
        self.take_if(entry.digest, |found| found.is_at(entry))
    }

    /// Takes out what is in this segment; slow, for segments that do not say what they have.
    pub(super) fn take_segment(&self, segment: u32) -> u64 {
        let mut taken = 0;
        for shard in &self.shards {
            let mut table = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = table.len();
            table.retain(|entry| entry.segment != segment);
            taken += (before - table.len()) as u64;
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.sum(HashTable::len)
    }

    /// What the tables take, with the room that is free in them.
    pub(super) fn bytes(&self) -> usize {
        self.sum(HashTable::allocation_size)
    }

    fn sum(&self, of: impl Fn(&HashTable<Entry>) -> usize) -> usize {
        let one = |shard: &Mutex<_>| of(&shard.lock().unwrap_or_else(PoisonError::into_inner));
        self.shards.iter().map(one).sum()
    }

    fn take_if(&self, digest: Short, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.with(digest, |table| {
            let same = |entry: &Entry| entry.digest == digest && wanted(entry);
            let slot = table.find_entry(hash(digest), same).ok()?;
            Some(slot.remove().0)
        })?
    }

    fn with<T>(&self, digest: Short, act: impl FnOnce(&mut HashTable<Entry>) -> T) -> Option<T> {
        let [_, _, last] = digest;
        let shard = self.shards.get(last as usize % SHARDS)?;
        Some(act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A digest is as good as random already.
fn hash([low, high, _]: Short) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::super::format::Kind;
    use super::*;

    fn entry(number: u32, segment: u32) -> Entry {
        let spread =
            (u128::from(number) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let digest = Digest(spread ^ spread >> 61).short();
        Entry::new(&Listed::new(digest, number, (17, Kind::Inline)), segment)
    }

    #[test]
    fn objects_take_at_most_64_bytes_each() {
        assert_eq!(size_of::<Entry>(), 24);
        let index = Index::new();
        for number in 0..1_000_000 {
            index.put(entry(number, 1));
            // The tables are small at first; later, at the worst moments, they have just grown.
            if number > 10_000 && number.is_multiple_of(997) {
                assert!(index.bytes() as u64 / u64::from(number + 1) <= 64, "{number}");
            }
        }
        assert_eq!(index.len(), 1_000_000);
        assert!(index.bytes() <= 64_000_000, "{}", index.bytes());
    }

    #[test]
    fn an_object_is_replaced_and_taken_by_its_place() {
        let index = Index::new();
        let (old, new) = (entry(5, 1), entry(5, 2));
        assert_eq!((index.put(old), index.put(new)), (None, Some(old)));
        assert_eq!((index.take_same(old), index.len()), (None, 1));
        for _ in 0..5 {
            index.find(new.digest, true);
        }
        let found = index.find(new.digest, false).unwrap();
        assert!(found.hits() == 3 && found.is_at(new) && found.units() == 17);
        assert!(index.take_same(new).is_some_and(|taken| taken.is_at(new)));
        index.put(entry(6, 3));
        assert_eq!((index.take_segment(3), index.len()), (1, 0));
    }
}
