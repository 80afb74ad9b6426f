//! What lies below a store in memory: a disk, written by a thread of its own behind the answers.
//!
//! Responses go down when they are whole, or when they leave memory and were asked for there; they
//! come back when they are asked for and memory does not have them. Responses that are told apart
//! by `Vary` have a record at their key that says by which fields, and each a key of its own.

mod place;
mod queue;
mod record;
mod sink;
#[cfg(test)]
mod tests;
mod writing;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::quality::RandomState;
use http1::Headers;

use crate::date::Seconds;
use crate::disk::{DiskError, DiskNumbers, DiskPlan, DiskStore, Found, Wait, WouldWait};
use crate::store::content::Content;
use crate::store::purge::{Mode, Purges, Scope};
use crate::store::stored::Stored;

pub use sink::Sink;

use queue::{Queue, Step, Waiting};
use record::Record;

/// What a tier on disk is asked to be.
#[derive(Clone, Debug)]
pub struct TierPlan {
    /// The disk.
    pub disk: DiskPlan,
    /// Bytes of responses that wait to be written; beyond it they are left out.
    pub queue_bytes_max: usize,
    /// A body of at most this many bytes comes back to memory; a longer one is read where it is.
    pub promote_bytes_max: u64,
}

/// A disk below a store in memory.
#[derive(Debug)]
pub struct Tier {
    disk: DiskStore,
    /// The notes of the store above.
    purges: Arc<Purges>,
    queue: Mutex<Queue>,
    /// There is something to write.
    work: Condvar,
    /// There is nothing to write any more.
    idle: Condvar,
    queue_bytes_max: usize,
    promote_bytes_max: u64,
    dropped: AtomicU64,
    hits: AtomicU64,
    /// How often something became invalid, for each part of all keys.
    epochs: [AtomicU64; EPOCHS],
    hasher: RandomState,
}

/// Parts of the keys, so that what becomes invalid holds up few others.
const EPOCHS: usize = 64;

/// Numbers of a tier, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierNumbers {
    /// Those of the disk.
    pub disk: DiskNumbers,
    /// It has failed too often and is off.
    pub is_failed: bool,
    /// Responses that came back.
    pub hits: u64,
    /// Bytes that wait to be written.
    pub queue_bytes: u64,
    /// Responses that were not written because too many waited.
    pub dropped: u64,
}

impl Tier {
    /// Opens the disk, with what an earlier process left there, and begins to write. The notes of
    /// purges of then are put into `purges`.
    ///
    /// # Errors
    /// Those of `DiskStore::open`, or there is no thread to be had.
    pub fn open(plan: TierPlan, purges: &Arc<Purges>) -> Result<Arc<Self>, DiskError> {
        let disk = DiskStore::open(plan.disk)?;
        if purges.restore(&disk.take_purges()).is_err() {
            purges.distrust();
            disk.replace_purges(|| purges.entries())?;
        }
        let tier = Arc::new(Self {
            disk,
            purges: Arc::clone(purges),
            queue: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            queue_bytes_max: plan.queue_bytes_max,
            promote_bytes_max: plan.promote_bytes_max,
            dropped: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            epochs: [const { AtomicU64::new(0) }; EPOCHS],
            hasher: RandomState::default(),
        });
        tier.log_purges(&[tier.purges.begin_anew()])?;
        let writer = Arc::clone(&tier);
        let thread = std::thread::Builder::new().name("cache-disk".to_owned());
        thread.spawn(move || writer.write_on())?;
        Ok(tier)
    }

    /// The longest body that the disk takes.
    #[must_use]
    pub fn object_bytes_max(&self) -> u64 {
        self.disk.object_bytes_max()
    }

    /// Whether the disk takes nothing and gives nothing any more.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.disk.is_failed()
    }

    /// Whether there seems to be something for a key.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.disk.contains(key) || self.queue().has(key)
    }

    /// What there is for a request; fails where the disk may not be waited for and has to be.
    pub(crate) fn recall(
        &self,
        key: &[u8],
        request: &Headers,
        wait: Wait,
    ) -> Result<Option<Arc<Stored>>, WouldWait> {
        let found = self.look(key, request, wait, true)?;
        self.hits.fetch_add(found.is_some().into(), Ordering::Relaxed);
        Ok(found)
    }

    /// As `recall` for one who only wants to know, and may wait.
    pub(crate) fn peek(&self, key: &[u8], request: &Headers) -> Option<Arc<Stored>> {
        self.look(key, request, Wait::Yes, false).ok().flatten()
    }

    fn look(
        &self,
        key: &[u8],
        request: &Headers,
        wait: Wait,
        counts: bool,
    ) -> Result<Option<Arc<Stored>>, WouldWait> {
        match self.queue().find(key, request) {
            Waiting::Stored(stored) => return Ok(Some(stored)),
            Waiting::Gone => return Ok(None),
            Waiting::Nothing => {}
        }
        let Some((found, response)) = self.find(key, request, (wait, counts))? else {
            return Ok(None);
        };
        let nonce = found.nonce();
        let content = self.content(found, wait)?;
        Ok(content.map(|content| response.with_content(content, nonce)))
    }

    /// The record of a request.
    fn find(
        &self,
        key: &[u8],
        request: &Headers,
        (wait, counts): (Wait, bool),
    ) -> Result<Option<(Found, Box<record::Response>)>, WouldWait> {
        let Some(found) = self.disk.look_up(key, wait, counts)? else { return Ok(None) };
        let variants = match record::decode(found.meta()) {
            Some(Record::Response(response)) => return Ok(Some((found, response))),
            Some(Record::Variants(variants)) => variants,
            None => return Ok(None),
        };
        let key = place::variant_key(key, &variants, request);
        let Some(found) = self.disk.look_up(&key, wait, counts)? else { return Ok(None) };
        match record::decode(found.meta()) {
            Some(Record::Response(response)) => Ok(Some((found, response))),
            _ => Ok(None),
        }
    }

    /// The body, in memory where it is short; nothing if it is damaged.
    fn content(&self, mut found: Found, wait: Wait) -> Result<Option<Content>, WouldWait> {
        let is_long = found.body_bytes() > self.promote_bytes_max;
        // Of a long one, what is read first tells whether an answer can begin at all.
        let read = match is_long {
            true => found.try_first(wait).map(|()| Bytes::new()),
            false => found.take_body(wait),
        };
        match read {
            Ok(_) if is_long => Ok(Some(Content::on_disk(Arc::new(found)))),
            Ok(body) => Ok(Some(Content::whole(body))),
            Err(DiskError::WouldWait) => Err(WouldWait),
            Err(_) => Ok(None),
        }
    }

    // What follows up to `soften` is called while nobody else can change the key in memory, so that
    // what happens to it on disk happens in the same order.

    /// A response is whole. It goes down if there is room, if it was asked for before, or if an
    /// earlier one is there, which would be found when this one has left memory.
    pub(crate) fn offer(&self, key: &[u8], stored: &Arc<Stored>) {
        let is_known = self.disk.admits(key);
        if is_known || self.disk.is_roomy() || self.contains(key) {
            self.demote(key, stored);
        }
    }

    /// A response leaves memory, where it was asked for.
    pub(crate) fn demote(&self, key: &[u8], stored: &Arc<Stored>) {
        if stored.is_written.load(Ordering::Relaxed) {
            return;
        }
        if stored.disk_nonce.load(Ordering::Relaxed) != 0 {
            self.begin(key, Step::Head(Arc::clone(stored)));
        } else if stored.content.is_in_memory() {
            self.begin(key, Step::Write(Arc::clone(stored)));
        }
    }

    /// A long body is written; it becomes what is found.
    pub(crate) fn commit(&self, key: &[u8], stored: &Arc<Stored>, sink: Sink) {
        self.begin(key, Step::Commit(Arc::clone(stored), Box::new(sink)));
    }

    /// A response has another head.
    pub(crate) fn renew(&self, key: &[u8], stored: &Arc<Stored>) {
        if self.contains(key) {
            self.begin(key, Step::Head(Arc::clone(stored)));
        }
    }

    fn begin(&self, key: &[u8], step: Step) {
        if self.is_failed() {
            return;
        }
        let bytes = step.bytes();
        let mut queue = self.queue();
        if queue.bytes() + bytes > self.queue_bytes_max || queue.is_closing {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            // What is there is older than what is left out.
            if queue.has(key) || self.disk.contains(key) {
                queue.forget(key);
            }
        } else {
            queue.add(key, step);
        }
        drop(queue);
        self.work.notify_one();
    }

    /// What there is for a key is no longer valid: it is not found from here on. Returns whether
    /// there was anything.
    pub(crate) fn forget(&self, key: &[u8]) -> bool {
        self.epoch_of(key).fetch_add(1, Ordering::AcqRel);
        let mut queue = self.queue();
        let has_any = queue.has(key) || self.disk.contains(key);
        if has_any {
            queue.forget(key);
            drop(queue);
            self.work.notify_one();
        }
        has_any
    }

    /// What there is for a key is stale from now on.
    pub(crate) fn soften(&self, key: &[u8], now: Seconds) {
        if self.contains(key) {
            self.queue().add(key, Step::Soften(now));
            self.work.notify_one();
        }
    }

    /// Changes when something becomes invalid, maybe what is at this key.
    pub(crate) fn epoch(&self, key: &[u8]) -> u64 {
        self.epoch_of(key).load(Ordering::Acquire)
    }

    fn epoch_of(&self, key: &[u8]) -> &AtomicU64 {
        // There are always some.
        &self.epochs[self.hasher.hash_one(key) as usize % EPOCHS]
    }

    /// Makes a purge last.
    ///
    /// # Errors
    /// The disk failed: after a restart what was purged may be back.
    pub(crate) fn note_purge(
        &self,
        scope: Scope<'_>,
        mode: Mode,
        number: u64,
    ) -> Result<(), DiskError> {
        self.log_purges(&[Purges::entry(scope, mode, number)])
    }

    pub(crate) fn log_purges(&self, entries: &[Vec<u8>]) -> Result<(), DiskError> {
        match self.disk.record_purges(entries) {
            Err(DiskError::PurgesFull) => self.disk.replace_purges(|| self.all_purges()),
            noted => noted,
        }
    }

    /// All notes, and those of what is to be removed and is not yet.
    fn all_purges(&self) -> Vec<Vec<u8>> {
        let mut entries = self.purges.entries();
        let last = self.purges.last();
        let forgotten = self.queue().forgotten();
        let entry = |key: &[u8]| Purges::entry(Scope::Uri(key), Mode::Hard, last);
        entries.extend(forgotten.iter().map(|key| entry(key)));
        entries
    }

    /// As `note_purge`, but soon instead of now.
    pub(crate) fn note_purge_soon(&self, scope: Scope<'_>, mode: Mode, number: u64) {
        self.queue().add_note(Purges::entry(scope, mode, number), number);
        self.work.notify_one();
    }

    /// Waits until all is written and will last.
    ///
    /// # Errors
    /// The disk failed.
    #[cfg(test)]
    pub(crate) fn flush(&self) -> Result<(), DiskError> {
        self.wait_until_idle(None);
        self.disk.sync()
    }

    /// Ends the writing, at the latest after this time, so that the next start has little to do.
    pub fn close(&self, patience: Duration) {
        self.end();
        self.wait_until_idle(Some(Instant::now() + patience));
        self.disk.seal();
    }

    /// Takes no more, and lets the thread end when all is written.
    pub(crate) fn end(&self) {
        self.queue().close();
        self.work.notify_all();
    }

    fn wait_until_idle(&self, until: Option<Instant>) {
        let mut queue = self.queue();
        while !queue.is_idle() && !self.is_failed() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            // A writer that has died would never say so.
            let pause = left.unwrap_or(FLUSH_LOOK).min(FLUSH_LOOK);
            if pause.is_zero() {
                return;
            }
            queue = match self.idle.wait_timeout(queue, pause) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn numbers(&self) -> TierNumbers {
        TierNumbers {
            disk: self.disk.numbers(),
            is_failed: self.is_failed(),
            hits: self.hits.load(Ordering::Relaxed),
            queue_bytes: self.queue().bytes() as u64,
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // What a panic left is still a list of what to do.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often one who waits for the writer looks whether it still works.
const FLUSH_LOOK: Duration = Duration::from_millis(100);

/// Set when what is being written is no longer wanted.
type CalledOff = Arc<AtomicBool>;
