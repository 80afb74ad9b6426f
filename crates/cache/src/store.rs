//! Where responses are kept: in memory, shared by all workers.

pub mod content;
pub mod purge;
mod shard;
pub mod stored;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::RandomState;
use http1::Headers;

use crate::date::Seconds;
use purge::{Mode, Purges, Scope, Verdict};
use shard::Shard;
use stored::Stored;

/// Parts of the table, each with a lock of its own.
const SHARDS: usize = 64;

/// What a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes of memory.
    pub memory_bytes_max: usize,
    /// Bytes of one object.
    pub object_bytes_max: u64,
}

/// A store of responses in memory.
#[derive(Debug)]
pub struct Store {
    limits: StoreLimits,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    bytes: AtomicUsize,
    purges: Purges,
    numbers: Numbers,
}

#[derive(Debug, Default)]
struct Numbers {
    evicted: AtomicU64,
    purged: AtomicU64,
}

/// What is in a store, and what has left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreNumbers {
    /// Responses.
    pub objects: u64,
    /// Bytes in use.
    pub bytes: u64,
    /// Bytes that may be used.
    pub bytes_max: u64,
    /// Responses that made room for others.
    pub evicted: u64,
    /// Responses that were purged or became invalid.
    pub purged: u64,
}

/// What a store knows of a request.
#[derive(Debug)]
pub enum Found {
    /// Nothing for its key.
    Nothing,
    /// Only what other requests select. With what tells those apart for this one.
    Others(Vec<u8>),
    /// This.
    Stored(Arc<Stored>),
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            hasher: RandomState::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            bytes: AtomicUsize::new(0),
            purges: Purges::default(),
            numbers: Numbers::default(),
        }
    }

    /// What it may take.
    #[must_use]
    pub fn limits(&self) -> StoreLimits {
        self.limits
    }

    /// The number of the last purge, for what is fetched now.
    #[must_use]
    pub fn last_purge(&self) -> u64 {
        self.purges.last()
    }

    /// What is stored for a request. Of several responses that it selects, one with `Vary`, and of
    /// those the newest one (RFC 9111 §4.1); rather one that `fits`.
    #[must_use]
    pub fn find(
        &self,
        key: &[u8],
        request: &Headers,
        now: Seconds,
        fits: impl Fn(&Stored) -> bool,
    ) -> Found {
        let hash = self.hash(key);
        let found = {
            let mut shard = self.shard(hash);
            let variants = shard.find(hash, key);
            let selected = |stored: &&Arc<Stored>| stored.selection.matches(request);
            let all = variants.iter().filter(selected);
            let rank = |stored: &&Arc<Stored>| {
                (fits(stored), !stored.selection.is_any(), stored.terms.made())
            };
            match all.max_by_key(rank) {
                Some(stored) => Arc::clone(stored),
                None => return others(variants, request),
            }
        };
        match self.purges.verdict(key, &found) {
            Verdict::Clean => Found::Stored(found),
            Verdict::Stale => Found::Stored(self.make_stale(key, &found, now)),
            Verdict::Gone => {
                self.remove(key, |stored| std::ptr::eq(stored, &*found));
                Found::Nothing
            }
        }
    }

    /// Whether a response that is on its way to several requests was purged after it was asked for.
    #[must_use]
    pub fn is_purged(&self, key: &[u8], stored: &Stored) -> bool {
        self.purges.verdict(key, stored) != Verdict::Clean
    }

    /// Ends the lifetime of a response now.
    fn make_stale(&self, key: &[u8], stored: &Arc<Stored>, now: Seconds) -> Arc<Stored> {
        let lifetime_s = stored.terms.lifetime_s.min(stored.terms.age_s(now));
        let terms = crate::storable::Terms { lifetime_s, ..stored.terms };
        let stale = Arc::new(stored.renewed(stored.head.clone(), terms));
        stale.checked.store(self.purges.last(), Ordering::Relaxed);
        self.renew(key, stored, Arc::clone(&stale));
        stale
    }

    /// Keeps a response, in place of those that the same request selects. `request` is the one
    /// that has fetched it.
    pub fn put(&self, key: &[u8], request: &Headers, stored: Arc<Stored>) {
        let is_part = stored.part.is_some();
        // A part does not take the place of the whole.
        let replaces =
            |other: &Stored| other.part.is_some() >= is_part && other.selection.matches(request);
        let hash = self.hash(key);
        let more = self.shard(hash).put((hash, key), stored, replaces);
        self.account(hash, more);
    }

    /// Puts a response in the place of another, if that is still there.
    pub fn renew(&self, key: &[u8], before: &Arc<Stored>, stored: Arc<Stored>) {
        let hash = self.hash(key);
        let is_before = |other: &Stored| std::ptr::eq(other, &**before);
        let more = {
            let mut shard = self.shard(hash);
            if !shard.find(hash, key).iter().any(|other| is_before(other)) {
                return;
            }
            shard.put((hash, key), stored, is_before)
        };
        self.account(hash, more);
    }

    /// Weighs what is stored for a key, whose content has come.
    pub fn settle(&self, key: &[u8]) {
        let hash = self.hash(key);
        let more = self.shard(hash).settle(hash, key);
        self.account(hash, more);
    }

    /// Takes responses of a key out; returns how many.
    pub fn remove(&self, key: &[u8], is_gone: impl Fn(&Stored) -> bool) -> usize {
        let hash = self.hash(key);
        let (gone, more) = self.shard(hash).remove(hash, key, is_gone);
        self.account(hash, more);
        gone
    }

    /// What is stored for a key is no longer valid (RFC 9111 §4.4); returns how much it was.
    pub fn invalidate(&self, key: &[u8]) -> usize {
        let gone = self.remove(key, |_| true);
        self.numbers.purged.fetch_add(gone as u64, Ordering::Relaxed);
        gone
    }

    /// Purges what is stored for one key; returns how much it was.
    pub fn purge_key(&self, key: &[u8], mode: Mode, now: Seconds) -> usize {
        if mode == Mode::Hard {
            return self.invalidate(key);
        }
        let hash = self.hash(key);
        let variants: Vec<_> = self.shard(hash).find(hash, key).to_vec();
        for stored in &variants {
            self.make_stale(key, stored, now);
        }
        self.numbers.purged.fetch_add(variants.len() as u64, Ordering::Relaxed);
        variants.len()
    }

    /// Purges what many keys have in common.
    pub fn purge(&self, scope: Scope<'_>, mode: Mode) {
        if self.purges.note(scope, mode) {
            return;
        }
        self.sweep();
        self.purges.forget();
        self.purges.note(scope, mode);
    }

    /// Checks everything against the notes of purges, so that these can be forgotten. What is to
    /// be stale goes: it would be asked for again too late.
    fn sweep(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let (gone, more) =
                shard.sweep(|key, stored| self.purges.verdict(key, stored) != Verdict::Clean);
            self.numbers.purged.fetch_add(gone as u64, Ordering::Relaxed);
            self.add(more);
        }
    }

    /// What is in it.
    #[must_use]
    pub fn numbers(&self) -> StoreNumbers {
        let lock = |shard: &Mutex<Shard>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
        };
        StoreNumbers {
            objects: self.shards.iter().map(lock).sum(),
            bytes: self.bytes.load(Ordering::Relaxed) as u64,
            bytes_max: self.limits.memory_bytes_max as u64,
            evicted: self.numbers.evicted.load(Ordering::Relaxed),
            purged: self.numbers.purged.load(Ordering::Relaxed),
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        self.at((hash >> 32) as usize)
    }

    fn at(&self, index: usize) -> MutexGuard<'_, Shard> {
        // There are always some; what a panic left is still a table.
        self.shards[index % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes, and makes room where there are too many: first where the new ones are.
    fn account(&self, hash: u64, more: isize) {
        self.add(more);
        if more <= 0 {
            return;
        }
        let first = (hash >> 32) as usize;
        let mut index = first;
        while self.bytes.load(Ordering::Relaxed) > self.limits.memory_bytes_max {
            let evicted = {
                let mut shard = self.at(index);
                let is_heavy = shard.bytes() * SHARDS >= self.limits.memory_bytes_max / 2;
                if is_heavy || index >= first + SHARDS { shard.evict() } else { None }
            };
            match evicted {
                Some((count, bytes)) => {
                    self.numbers.evicted.fetch_add(count as u64, Ordering::Relaxed);
                    self.add(-isize::try_from(bytes).unwrap_or(isize::MAX));
                }
                None if index < first + 2 * SHARDS => index += 1,
                None => return,
            }
        }
    }

    fn add(&self, more: isize) {
        let magnitude = more.unsigned_abs();
        if more >= 0 {
            self.bytes.fetch_add(magnitude, Ordering::Relaxed);
        } else {
            self.bytes.fetch_sub(magnitude, Ordering::Relaxed);
        }
    }
}

fn others(variants: &[Arc<Stored>], request: &Headers) -> Found {
    match variants.last() {
        None => Found::Nothing,
        Some(newest) => Found::Others(newest.selection.fingerprint(request)),
    }
}
