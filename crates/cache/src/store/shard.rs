//! One part of the memory tier: a table of keys, and the order in which they leave.
//!
//! S3-FIFO: what is new waits in a small queue, and only what is asked for again moves to the main
//! one; what left the small queue lately goes to the main one at once. Nothing moves on a hit, so a
//! hit writes one number.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use hashbrown::HashTable;
use slab::Slab;

use super::stored::Stored;

/// Asking more often than this makes no difference.
const USES_MAX: u8 = 3;

/// The small queue holds at most one part in this many of the bytes.
const SMALL_PART: usize = 10;

/// Responses for one key; of more, the one stored first goes.
const VARIANTS_MAX: usize = 32;

/// Keys that have left lately are remembered at least up to this many.
const GHOSTS_MIN: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Shard {
    table: HashTable<usize>,
    slots: Slab<Slot>,
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
    /// Responses over all keys.
    responses: usize,
}

/// All that is stored for one key.
#[derive(Debug)]
struct Slot {
    hash: u64,
    key: Box<[u8]>,
    variants: Vec<Arc<Stored>>,
    weight: usize,
    uses: u8,
    is_main: bool,
    newer: Option<usize>,
    older: Option<usize>,
}

/// What has made room for others.
#[derive(Debug)]
pub(super) struct Evicted {
    pub(super) key: Box<[u8]>,
    pub(super) variants: Vec<Arc<Stored>>,
    pub(super) bytes: usize,
    /// It was asked for again after it came.
    pub(super) was_used: bool,
}

/// A queue through the slots, by their numbers.
#[derive(Debug, Default)]
struct Queue {
    newest: Option<usize>,
    oldest: Option<usize>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ghosts {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Ghosts {
    fn add(&mut self, hash: u64, keys_max: usize) {
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        while self.order.len() > keys_max.max(GHOSTS_MIN) {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

impl Shard {
    /// What is stored for a key, newest last; counts as a use.
    pub(super) fn find(&mut self, hash: u64, key: &[u8]) -> &[Arc<Stored>] {
        let Some(slot) = self.at(hash, key).and_then(|at| self.slots.get_mut(at)) else {
            return &[];
        };
        slot.uses = (slot.uses + 1).min(USES_MAX);
        &slot.variants
    }

    /// What is stored for a key, without counting as a use.
    pub(super) fn peek(&self, hash: u64, key: &[u8]) -> &[Arc<Stored>] {
        let slot = self.at(hash, key).and_then(|at| self.slots.get(at));
        slot.map_or(&[], |slot| &slot.variants)
    }

    /// Puts a response to the others of its key. It takes the place of those that the same
    /// requests select, and of `instead`. Returns how many bytes more are in use.
    pub(super) fn put(
        &mut self,
        (hash, key): (u64, &[u8]),
        stored: Arc<Stored>,
        replaces: impl Fn(&Stored) -> bool,
    ) -> isize {
        let at = self.at(hash, key).unwrap_or_else(|| self.insert(hash, key));
        let Some(slot) = self.slots.get_mut(at) else { return 0 };
        let before = slot.variants.len();
        slot.variants.retain(|other| !replaces(other));
        if slot.variants.len() >= VARIANTS_MAX {
            slot.variants.remove(0);
        }
        slot.variants.push(stored);
        self.responses = self.responses + slot.variants.len() - before;
        self.weigh(at)
    }

    /// Weighs a key again, whose content has come. Returns how many bytes more are in use.
    pub(super) fn settle(&mut self, hash: u64, key: &[u8]) -> isize {
        self.at(hash, key).map_or(0, |at| self.weigh(at))
    }

    /// Takes responses of a key out. Returns how many went, and how many bytes.
    pub(super) fn remove(
        &mut self,
        hash: u64,
        key: &[u8],
        is_gone: impl Fn(&Stored) -> bool,
    ) -> (usize, isize) {
        let Some(at) = self.at(hash, key) else { return (0, 0) };
        let Some(slot) = self.slots.get_mut(at) else { return (0, 0) };
        let before = slot.variants.len();
        slot.variants.retain(|stored| !is_gone(stored));
        let gone = before - slot.variants.len();
        self.responses -= gone;
        if slot.variants.is_empty() {
            return (gone, -signed(self.drop_slot(at).map_or(0, |slot| slot.weight)));
        }
        (gone, self.weigh(at))
    }

    /// Takes out what is due to leave.
    pub(super) fn evict(&mut self) -> Option<Evicted> {
        for _ in 0..=self.slots.len() * (usize::from(USES_MAX) + 1) {
            let total = self.small.bytes + self.main.bytes;
            let from_small = self.main.oldest.is_none() || self.small.bytes > total / SMALL_PART;
            let queue = if from_small { &self.small } else { &self.main };
            let at = queue.oldest.or(self.small.oldest)?;
            let slot = self.slots.get_mut(at)?;
            if slot.uses > 0 {
                slot.uses = if slot.is_main { slot.uses - 1 } else { 0 };
                self.requeue_as_main(at);
                continue;
            }
            let keys = self.slots.len();
            let Slot { hash, key, variants, weight, is_main, .. } = self.drop_slot(at)?;
            self.responses -= variants.len();
            if !is_main {
                self.ghosts.add(hash, keys);
            }
            return Some(Evicted { key, variants, bytes: weight, was_used: is_main });
        }
        None
    }

    /// Keys with something stored.
    pub(super) fn keys(&self) -> usize {
        self.slots.len()
    }

    /// Responses that are stored.
    pub(super) fn len(&self) -> usize {
        self.responses
    }

    /// Bytes of everything in it.
    pub(super) fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    fn at(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let is_it = |at: &usize| self.slots.get(*at).is_some_and(|slot| *slot.key == *key);
        self.table.find(hash, is_it).copied()
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> usize {
        let is_main = self.ghosts.known.contains(&hash);
        let slot = Slot {
            hash,
            key: key.into(),
            variants: Vec::new(),
            weight: 0,
            uses: 0,
            is_main,
            newer: None,
            older: None,
        };
        let at = self.slots.insert(slot);
        let slots = &self.slots;
        let hash_of = |at: &usize| slots.get(*at).map_or(0, |slot| slot.hash);
        self.table.insert_unique(hash, at, hash_of);
        self.enqueue(at);
        at
    }

    fn weigh(&mut self, at: usize) -> isize {
        let Some(slot) = self.slots.get_mut(at) else { return 0 };
        let variants: usize = slot.variants.iter().map(|stored| stored.weight_bytes()).sum();
        let weight = variants + slot.key.len();
        let more = signed(weight) - signed(slot.weight);
        slot.weight = weight;
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        queue.bytes = queue.bytes.saturating_add_signed(more);
        more
    }

    fn drop_slot(&mut self, at: usize) -> Option<Slot> {
        self.dequeue(at);
        let slot = self.slots.try_remove(at)?;
        if let Ok(entry) = self.table.find_entry(slot.hash, |other| *other == at) {
            entry.remove();
        }
        Some(slot)
    }

    fn requeue_as_main(&mut self, at: usize) {
        self.dequeue(at);
        if let Some(slot) = self.slots.get_mut(at) {
            slot.is_main = true;
        }
        self.enqueue(at);
    }

    fn enqueue(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        queue.bytes += slot.weight;
        let before = queue.newest.replace(at);
        queue.oldest.get_or_insert(at);
        (slot.older, slot.newer) = (before, None);
        if let Some(before) = before.and_then(|before| self.slots.get_mut(before)) {
            before.newer = Some(at);
        }
    }

    fn dequeue(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let queue = if slot.is_main { &mut self.main } else { &mut self.small };
        let (newer, older) = (slot.newer.take(), slot.older.take());
        queue.bytes = queue.bytes.saturating_sub(slot.weight);
        if queue.newest == Some(at) {
            queue.newest = older;
        }
        if queue.oldest == Some(at) {
            queue.oldest = newer;
        }
        if let Some(newer) = newer.and_then(|newer| self.slots.get_mut(newer)) {
            newer.older = older;
        }
        if let Some(older) = older.and_then(|older| self.slots.get_mut(older)) {
            older.newer = newer;
        }
    }
}

/// A number of bytes in memory, which always fits.
fn signed(bytes: usize) -> isize {
    isize::try_from(bytes).unwrap_or(isize::MAX)
}
