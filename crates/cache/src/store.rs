//! Where responses are kept: in memory, shared by all workers, and on a disk below it, if it has
//! one.

mod below;

pub mod content;
pub mod purge;
mod shard;
pub mod stored;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use foldhash::quality::RandomState;
use http1::Headers;

use crate::date::Seconds;
use crate::disk::DiskError;
use crate::tier::Tier;
use purge::{Mode, Purges, Scope, Verdict};
use shard::{Evicted, Shard};
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

/// A store of responses.
#[derive(Debug)]
pub struct Store {
    limits: StoreLimits,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    bytes: AtomicUsize,
    purges: Arc<Purges>,
    numbers: Numbers,
    /// What lies below the memory.
    tier: OnceLock<Arc<Tier>>,
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
            purges: Arc::default(),
            numbers: Numbers::default(),
            tier: OnceLock::new(),
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

    /// What is stored for a request. Of several responses that it selects, the newest one that
    /// `fits` (RFC 9111 §4.1), else the newest one.
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
            match select(variants, request, fits) {
                Some(stored) => Arc::clone(stored),
                None => return others(variants, request),
            }
        };
        match self.purges.verdict(key, &found) {
            Verdict::Clean => Found::Stored(found),
            Verdict::Stale => Found::Stored(self.make_stale(key, &found, now)),
            Verdict::Gone => {
                self.discard(key, &found);
                Found::Nothing
            }
        }
    }

    /// What [`Self::find`] would say, and all that is stored for the key, newest last. It counts
    /// as no use and changes nothing.
    #[must_use]
    pub fn peek(
        &self,
        key: &[u8],
        request: &Headers,
        now: Seconds,
        fits: impl Fn(&Stored) -> bool,
    ) -> (Found, Vec<Arc<Stored>>) {
        let hash = self.hash(key);
        let mut held = self.shard(hash).peek(hash, key).to_vec();
        if select(&held, request, &fits).is_none()
            && let Some(below) = self.tier.get().and_then(|tier| tier.peek(key, request))
        {
            held.push(below);
        }
        let after_purges = |stored: &Arc<Stored>| match self.purges.verdict(key, stored) {
            Verdict::Clean => Some(Arc::clone(stored)),
            Verdict::Stale => Some(Arc::new(expired(stored, now))),
            Verdict::Gone => None,
        };
        let left: Vec<_> = held.iter().map(after_purges).collect();
        let found = match select(&held, request, fits) {
            None => others(&held, request),
            Some(chosen) => {
                let at = held.iter().position(|stored| Arc::ptr_eq(stored, chosen));
                let stored = at.and_then(|at| left.get(at)).cloned().flatten();
                stored.map_or(Found::Nothing, Found::Stored)
            }
        };
        (found, left.into_iter().flatten().collect())
    }

    /// Ends the lifetime of a response now.
    fn make_stale(&self, key: &[u8], stored: &Arc<Stored>, now: Seconds) -> Arc<Stored> {
        let stale = Arc::new(expired(stored, now));
        stale.checked.store(self.purges.last(), Ordering::Relaxed);
        // The disk has the note of the purge.
        stale.on_disk.store(stored.on_disk.load(Ordering::Relaxed), Ordering::Relaxed);
        self.replace(key, stored, Arc::clone(&stale));
        stale
    }

    /// Keeps a response, in place of those that the same request selects. `request` is the one
    /// that has fetched it.
    pub fn put(&self, key: &[u8], request: &Headers, stored: Arc<Stored>) {
        self.put_if(key, request, stored, |_| true);
    }

    /// As `put`, if it is wanted beside what there is; says whether it was. Whoever changes that
    /// and removes what there is afterwards can be sure that it is not there.
    pub fn put_if(
        &self,
        key: &[u8],
        request: &Headers,
        stored: Arc<Stored>,
        is_wanted: impl FnOnce(&[Arc<Stored>]) -> bool,
    ) -> bool {
        let is_part = stored.part.is_some();
        // A part does not take the place of the whole.
        let replaces =
            |other: &Stored| other.part.is_some() >= is_part && other.selection.matches(request);
        let hash = self.hash(key);
        let more = {
            let mut shard = self.shard(hash);
            if !is_wanted(shard.peek(hash, key)) {
                return false;
            }
            shard.put((hash, key), stored, replaces)
        };
        self.account(hash, more);
        true
    }

    /// Puts a response in the place of another, if that is still there: it has another head.
    pub fn renew(&self, key: &[u8], before: &Arc<Stored>, stored: Arc<Stored>) {
        let epoch = self.epoch(key);
        if self.replace(key, before, Arc::clone(&stored))
            && let Some(tier) = self.tier.get()
        {
            tier.renew(key, &stored, epoch);
        }
    }

    fn replace(&self, key: &[u8], before: &Arc<Stored>, stored: Arc<Stored>) -> bool {
        let hash = self.hash(key);
        let is_before = |other: &Stored| std::ptr::eq(other, &**before);
        let more = {
            let mut shard = self.shard(hash);
            if !shard.peek(hash, key).iter().any(|other| is_before(other)) {
                return false;
            }
            shard.put((hash, key), stored, is_before)
        };
        self.account(hash, more);
        true
    }

    /// Weighs what is stored for a key, whose content has come. It goes to the disk too, if
    /// nothing has become invalid since `epoch`.
    pub fn settle(&self, key: &[u8], stored: &Arc<Stored>, epoch: u64) {
        let hash = self.hash(key);
        let more = self.shard(hash).settle(hash, key);
        if let Some(tier) = self.tier.get() {
            tier.offer(key, stored, epoch);
        }
        self.account(hash, more);
    }

    /// Takes a response out that is not to be used any more.
    pub fn discard(&self, key: &[u8], stored: &Stored) {
        let has_tier = self.tier.get().is_some();
        // What comes back from the disk at this moment is another one of the same.
        let is_back = |other: &Stored| has_tier && other.on_disk.load(Ordering::Relaxed);
        self.remove_everywhere(key, |other| std::ptr::eq(other, stored) || is_back(other));
    }

    /// Takes responses of a key out of memory, and all on disk. What is on its way from one to the
    /// other is lost too: what is on its way up by the first turn, what is on its way down by the
    /// second.
    fn remove_everywhere(&self, key: &[u8], is_gone: impl Fn(&Stored) -> bool) -> usize {
        let Some(tier) = self.tier.get() else { return self.remove(key, is_gone) };
        tier.turn(key);
        let gone = self.remove(key, is_gone);
        gone.max(tier.forget(key).into())
    }

    /// Takes responses of a key out of memory; returns how many.
    pub fn remove(&self, key: &[u8], is_gone: impl Fn(&Stored) -> bool) -> usize {
        let hash = self.hash(key);
        let (gone, more) = self.shard(hash).remove(hash, key, is_gone);
        self.account(hash, more);
        gone
    }

    /// What is stored for a key is no longer valid (RFC 9111 §4.4); returns how much it was.
    pub fn invalidate(&self, key: &[u8]) -> usize {
        let gone = self.remove_everywhere(key, |_| true);
        self.numbers.purged.fetch_add(gone as u64, Ordering::Relaxed);
        gone
    }

    /// Purges what is stored for one URI, with all that is told apart there. Returns how much was
    /// stored for the URI alone.
    ///
    /// # Errors
    /// As `purge`.
    pub fn purge_uri(&self, uri: &[u8], mode: Mode, now: Seconds) -> Result<usize, DiskError> {
        let count = match mode {
            Mode::Hard => self.invalidate(uri),
            Mode::Soft => self.soften(uri, now),
        };
        self.purge(Scope::Uri(uri), mode).map(|()| count)
    }

    fn soften(&self, key: &[u8], now: Seconds) -> usize {
        let hash = self.hash(key);
        let variants: Vec<_> = self.shard(hash).peek(hash, key).to_vec();
        for stored in &variants {
            self.make_stale(key, stored, now);
        }
        let mut count = variants.len();
        if let Some(tier) = self.tier.get() {
            count = count.max(tier.contains(key).into());
            tier.soften(key, now);
        }
        self.numbers.purged.fetch_add(count as u64, Ordering::Relaxed);
        count
    }

    /// Purges what many keys have in common. Where there is a disk, this waits for it.
    ///
    /// # Errors
    /// The disk could not take note: what was purged may be back after a restart.
    pub fn purge(&self, scope: Scope<'_>, mode: Mode) -> Result<(), DiskError> {
        match (self.tier.get(), self.note(scope, mode)) {
            (Some(tier), Some(number)) => tier.note_purge(scope, mode, number),
            // A text that is longer than all notes may be is no key.
            _ => Ok(()),
        }
    }

    /// What is stored for a URI is no longer valid, with all that is told apart there (RFC 9111
    /// §4.4); returns how much it was for the URI alone. The disk takes note soon.
    pub fn invalidate_uri(&self, uri: &[u8]) -> usize {
        let number = self.note(Scope::Uri(uri), Mode::Hard);
        if let (Some(tier), Some(number)) = (self.tier.get(), number) {
            tier.note_purge_soon(uri, Mode::Hard, number);
        }
        self.invalidate(uri)
    }

    fn note(&self, scope: Scope<'_>, mode: Mode) -> Option<u64> {
        self.purges.note(scope, mode).or_else(|| {
            self.make_room_for_notes();
            self.purges.note(scope, mode)
        })
    }

    /// Makes the notes of purges coarser, once what is in memory has been checked against them and
    /// what is known on disk by its URI alone has been purged there.
    fn make_room_for_notes(&self) {
        self.sweep();
        if let Some(tier) = self.tier.get() {
            // Where it fails, the notes on disk still say it all.
            let _ = tier.flush();
        }
        self.purges.thin();
    }

    /// Checks everything in memory against the notes of purges, so that these can be made coarser.
    /// What is to be stale goes: it would be asked for again too late.
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
        if self.at(first).keys() == 1 {
            // What has just come is not what is to go, as long as there is anything else.
            index += 1;
        }
        while self.bytes.load(Ordering::Relaxed) > self.limits.memory_bytes_max {
            let evicted = {
                let mut shard = self.at(index);
                let is_heavy = shard.bytes() * SHARDS >= self.limits.memory_bytes_max / 2;
                let epoch = |key: &[u8]| self.epoch(key);
                if is_heavy || index >= first + SHARDS { shard.evict(epoch) } else { None }
            };
            match evicted {
                Some(evicted) => self.note_eviction(&evicted),
                None if index < first + 2 * SHARDS => index += 1,
                None => return,
            }
        }
    }

    fn note_eviction(&self, evicted: &Evicted) {
        let Evicted { key, variants, bytes, was_used, epoch } = evicted;
        self.numbers.evicted.fetch_add(variants.len() as u64, Ordering::Relaxed);
        self.add(-isize::try_from(*bytes).unwrap_or(isize::MAX));
        if let Some(tier) = self.tier.get().filter(|_| *was_used) {
            variants.iter().for_each(|stored| tier.demote(key, stored, *epoch));
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

/// Of the responses that a request selects the newest one that `fits`, else the newest one.
fn select<'a>(
    variants: &'a [Arc<Stored>],
    request: &Headers,
    fits: impl Fn(&Stored) -> bool,
) -> Option<&'a Arc<Stored>> {
    let selected = |stored: &&Arc<Stored>| stored.selection.matches(request);
    let mut all = variants.iter().rev().filter(selected);
    all.clone().find(|stored| fits(stored)).or_else(|| all.next())
}

/// The same response with its lifetime at an end.
fn expired(stored: &Stored, now: Seconds) -> Stored {
    stored.renewed(stored.head.clone(), stored.terms.ended(now))
}

fn others(variants: &[Arc<Stored>], request: &Headers) -> Found {
    match variants.last() {
        None => Found::Nothing,
        Some(newest) => Found::Others(newest.selection.fingerprint(request)),
    }
}
