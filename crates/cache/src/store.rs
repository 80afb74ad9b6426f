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
use crate::tier::{Sink, Tier};
use content::Content;
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
        let last = self.purges.last();
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
            Verdict::Stale => Found::Stored(self.make_stale(key, &found, (now, last))),
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

    /// Ends the lifetime of a response now. It was checked for purges up to `last`, which was
    /// read before.
    fn make_stale(
        &self,
        key: &[u8],
        stored: &Arc<Stored>,
        (now, last): (Seconds, u64),
    ) -> Arc<Stored> {
        let stale = Arc::new(expired(stored, now));
        stale.checked.store(last, Ordering::Relaxed);
        // The disk has the note of the purge.
        stale.is_written.store(stored.is_written.load(Ordering::Relaxed), Ordering::Relaxed);
        self.replace(key, stored, Arc::clone(&stale), |_| {});
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
        self.replace(key, before, Arc::clone(&stored), |tier| tier.renew(key, &stored));
    }

    /// The same; `tell` tells the disk, before anybody can change it again.
    fn replace(
        &self,
        key: &[u8],
        before: &Arc<Stored>,
        stored: Arc<Stored>,
        tell: impl FnOnce(&Tier),
    ) {
        let hash = self.hash(key);
        let is_before = |other: &Stored| std::ptr::eq(other, &**before);
        let more = {
            let mut shard = self.shard(hash);
            if !shard.peek(hash, key).iter().any(|other| is_before(other)) {
                return;
            }
            let more = shard.put((hash, key), stored, is_before);
            if let Some(tier) = self.tier.get() {
                tell(tier);
            }
            more
        };
        self.account(hash, more);
    }

    /// Weighs what is stored for a key, whose content has come. It goes to the disk too, with the
    /// head that it has now, unless something else has taken its place.
    pub fn settle(&self, key: &[u8], content: &Arc<Content>) {
        self.settle_with(key, content, |tier, stored| tier.offer(key, stored));
    }

    /// The same for content that a sink has taken.
    pub fn settle_sink(&self, key: &[u8], content: &Arc<Content>, sink: Sink) {
        let hand_over = |tier: &Tier, stored: &Arc<Stored>| tier.commit(key, stored, sink);
        self.settle_with(key, content, hand_over);
    }

    fn settle_with(
        &self,
        key: &[u8],
        content: &Arc<Content>,
        hand_over: impl FnOnce(&Tier, &Arc<Stored>),
    ) {
        let hash = self.hash(key);
        let more = {
            let mut shard = self.shard(hash);
            let is_it = |other: &&Arc<Stored>| Arc::ptr_eq(&other.content, content);
            let stored = shard.peek(hash, key).iter().find(is_it).cloned();
            if let (Some(tier), Some(stored)) = (self.tier.get(), stored) {
                hand_over(tier, &stored);
            }
            shard.settle(hash, key)
        };
        self.account(hash, more);
    }

    /// Takes a response out that is not to be used any more.
    pub fn discard(&self, key: &[u8], stored: &Stored) {
        // What has come back from the disk meanwhile is another one of the same.
        let is_back = |other: &Stored| other.is_written.load(Ordering::Relaxed);
        self.remove_everywhere(key, |other| std::ptr::eq(other, stored) || is_back(other));
    }

    /// Takes responses of a key out of memory, and all on disk. The disk is told before anybody
    /// can change the key again.
    fn remove_everywhere(&self, key: &[u8], is_gone: impl Fn(&Stored) -> bool) -> usize {
        let hash = self.hash(key);
        let (gone, more) = {
            let mut shard = self.shard(hash);
            let below = self.tier.get().is_some_and(|tier| tier.forget(key));
            let (gone, more) = shard.remove(hash, key, is_gone);
            (gone.max(below.into()), more)
        };
        self.account(hash, more);
        gone
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
        let last = self.purges.last();
        let variants: Vec<_> = self.shard(hash).peek(hash, key).to_vec();
        for stored in &variants {
            match self.purges.verdict(key, stored) {
                Verdict::Gone => drop(self.remove(key, |other| std::ptr::eq(other, &**stored))),
                Verdict::Clean | Verdict::Stale => drop(self.make_stale(key, stored, (now, last))),
            }
        }
        let mut count = variants.len();
        if let Some(tier) = self.tier.get() {
            count = count.max(tier.contains(key).into());
            let _shard = self.shard(hash);
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
            tier.note_purge_soon(Scope::Uri(uri), Mode::Hard, number);
        }
        self.invalidate(uri)
    }

    fn note(&self, scope: Scope<'_>, mode: Mode) -> Option<u64> {
        self.purges.note(scope, mode).or_else(|| {
            self.purges.thin();
            self.purges.note(scope, mode)
        })
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
                let is_wanted = is_heavy || index >= first + SHARDS;
                // The disk is told before anybody can change the key again.
                if is_wanted { shard.evict().inspect(|evicted| self.demote(evicted)) } else { None }
            };
            match evicted {
                Some(evicted) => self.note_eviction(&evicted),
                None if index < first + 2 * SHARDS => index += 1,
                None => return,
            }
        }
    }

    fn note_eviction(&self, evicted: &Evicted) {
        self.numbers.evicted.fetch_add(evicted.variants.len() as u64, Ordering::Relaxed);
        self.add(-isize::try_from(evicted.bytes).unwrap_or(isize::MAX));
    }

    fn demote(&self, Evicted { key, variants, was_used, .. }: &Evicted) {
        if let Some(tier) = self.tier.get().filter(|_| *was_used) {
            variants.iter().for_each(|stored| tier.demote(key, stored));
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

/// Of the responses that a request selects one with `Vary`, and of those the newest one (RFC 9111
/// §4.1); rather one that `fits`.
fn select<'a>(
    variants: &'a [Arc<Stored>],
    request: &Headers,
    fits: impl Fn(&Stored) -> bool,
) -> Option<&'a Arc<Stored>> {
    let selected = |stored: &&Arc<Stored>| stored.selection.matches(request);
    let rank =
        |stored: &&Arc<Stored>| (fits(stored), !stored.selection.is_any(), stored.terms.made());
    variants.iter().filter(selected).max_by_key(rank)
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
