//! Objects on disk: a key, a head, a body, all of them bytes without a meaning here. Records are
//! appended to segment files; an index in memory says where; the oldest segment goes when there is
//! no room. Everything has a checksum, and what is not whole is not there: after a crash, with
//! flipped bits, or on a disk that lies. Calls block; they are for threads that may.

mod blocks;
mod digest;
mod directory;
mod doorkeeper;
mod error;
mod evict;
pub mod footer;
pub mod format;
mod found;
mod health;
mod index;
mod io;
mod load;
mod log;
mod plan;
mod purges;
mod segment;
mod span;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

pub use error::{DiskError, WouldWait};
pub use found::{Found, Lying};
pub use health::DiskNumbers;
pub(crate) use io::Wait;
pub use log::Hidden;
pub use plan::DiskPlan;
pub use span::{DiskRead, DiskSpan};
pub use writer::Writer;

use digest::Digest;
use directory::Directory;
use doorkeeper::Doorkeeper;
use format::{Head, Header, Kind, META_BYTES_MAX, Record};
use log::{Condition, Shared, lock};
use purges::Purges;

/// A store is roomy while more than one part in this many is free.
const ROOM_PART: u64 = 8;

/// A store in one directory. What it found and what is being written may outlive it.
#[derive(Debug)]
pub struct DiskStore {
    shared: Arc<Shared>,
    doorkeeper: Mutex<Doorkeeper>,
    purges: Mutex<Purges>,
}

impl DiskStore {
    /// Opens the store in a directory, with what an earlier one left there. A directory of another
    /// version, or one that may have lost a purge, starts empty.
    ///
    /// # Errors
    ///
    /// The directory is in use, too small, or cannot be read and written.
    pub fn open(plan: DiskPlan) -> Result<Self, DiskError> {
        let plan = plan.fitted()?;
        let mut directory = Directory::open(&plan.directory)?;
        let purges = match Purges::open(&directory, plan.purge_bytes_max)? {
            Some(purges) => purges,
            None => {
                directory.renew()?;
                Purges::open(&directory, plan.purge_bytes_max)?.ok_or(DiskError::Corrupt)?
            }
        };
        let doorkeeper = Mutex::new(Doorkeeper::new(plan.admission_keys));
        let shared = Arc::new(Shared::load(plan, directory)?);
        Ok(Self { shared, doorkeeper, purges: Mutex::new(purges) })
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.plan.directory
    }

    /// The object of this key. Its head is read and checked; that it was asked for is remembered.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Found> {
        self.look_up(key, Wait::Yes, true).ok().flatten()
    }

    /// As `get`, and it is not remembered that it was asked for.
    pub(crate) fn inspect(&self, key: &[u8]) -> Option<Found> {
        self.look_up(key, Wait::Yes, false).ok().flatten()
    }

    /// As `get`; fails where the disk may not be waited for and would have to be. `counts` says
    /// whether it is remembered.
    pub(crate) fn look_up(
        &self,
        key: &[u8],
        wait: Wait,
        counts: bool,
    ) -> Result<Option<Found>, WouldWait> {
        let digest = self.digest(key);
        if self.is_failed() {
            return Ok(None);
        }
        // A record may be moved while it is looked up, and is at its new place then.
        for _ in 0..3 {
            let Some(entry) = self.shared.index.find(digest.short(), counts) else {
                return Ok(None);
            };
            match Found::open(&self.shared, entry, (digest, key), wait) {
                Ok(found) => {
                    let is_found = found.is_some();
                    self.shared.health.counters.reads.fetch_add(is_found.into(), Ordering::Relaxed);
                    return Ok(found);
                }
                Err(DiskError::WouldWait) => return Err(WouldWait),
                Err(DiskError::Corrupt) if !self.shared.drop_damaged(entry) => {}
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The longest body that it takes.
    #[must_use]
    pub fn object_bytes_max(&self) -> u64 {
        self.shared.plan.object_bytes_max
    }

    /// Whether nothing has to go for what comes: there is no need to choose then.
    #[must_use]
    pub fn is_roomy(&self) -> bool {
        !self.shared.is_short_of(self.shared.plan.bytes_max / ROOM_PART)
    }

    /// Whether there seems to be an object of this key, without reading it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.shared.index.find(self.digest(key).short(), false).is_some()
    }

    /// Whether the key was seen before, not too long ago; it is from now on.
    #[must_use]
    pub fn admits(&self, key: &[u8]) -> bool {
        let digest = self.digest(key);
        lock(&self.doorkeeper).admits(digest)
    }

    /// Begins to write an object; `announced` is the length of its body, if it is known.
    ///
    /// # Errors
    ///
    /// The key or the body is too long, too much is being written, or the store has failed.
    pub fn begin(&self, key: &[u8], announced: Option<u64>) -> Result<Writer, DiskError> {
        Writer::begin(&self.shared, key, announced)
    }

    /// Removes the object of a key; whether there was one.
    ///
    /// # Errors
    ///
    /// The disk failed. The object is found no more, but may be after a restart.
    pub fn remove(&self, key: &[u8]) -> Result<bool, DiskError> {
        match self.hide(key) {
            Some(hidden) => self.remove_hidden(key, &hidden).map(|()| true),
            None => Ok(false),
        }
    }

    /// Lets the object of a key be found no more, at once and without waiting for the disk.
    /// `remove_hidden` makes that last, and frees what it takes.
    #[must_use]
    pub fn hide(&self, key: &[u8]) -> Option<Hidden> {
        self.shared.hide(self.digest(key).short())
    }

    /// Removes what was hidden also for after a restart.
    ///
    /// # Errors
    ///
    /// The disk failed: it may be found after a restart.
    pub fn remove_hidden(&self, key: &[u8], hidden: &Hidden) -> Result<(), DiskError> {
        let digest = self.digest(key);
        let header = Header {
            kind: Kind::Removed,
            key_bytes: 0,
            meta_bytes: 0,
            segment: 0,
            body_bytes: 0,
            sequence: 0,
            body_number: 0,
            nonce: 0,
            digest,
            tail_checksum: 0,
        };
        let mut record = Record::new(header, &Head { key, meta: &[], table: &[] }, &[]);
        self.shared.make_room(record.header.record_bytes());
        let removed = self.shared.append(&mut record, Condition::Always).map(drop);
        // Not before: a record must not outlive the body that it names.
        self.shared.discard_hidden(hidden);
        removed
    }

    /// Makes what was written and removed so far last through a loss of power.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub fn sync(&self) -> Result<(), DiskError> {
        self.shared.sync()
    }

    /// Gives an object another head and leaves its body; whether there is such an object, with
    /// the body of this nonce.
    ///
    /// # Errors
    ///
    /// The head is too long, the record is damaged, or the disk failed. The object is as before.
    pub fn update_meta(&self, key: &[u8], meta: &[u8], nonce: u64) -> Result<bool, DiskError> {
        self.shared.health.check()?;
        if meta.len() > META_BYTES_MAX {
            return Err(DiskError::TooLarge);
        }
        let Some(entry) = self.shared.index.find(self.digest(key).short(), false) else {
            return Ok(false);
        };
        let Some(segment) = self.shared.segment(entry.segment) else { return Ok(false) };
        let (header, bytes) = match self.shared.read_whole(&segment, entry) {
            Err(DiskError::Corrupt) => {
                self.shared.drop_damaged(entry);
                return Err(DiskError::Corrupt);
            }
            read => read?,
        };
        let old = format::parse_head(&header, &bytes).ok_or(DiskError::Corrupt)?;
        if old.key != key || header.nonce != nonce {
            return Ok(false);
        }
        let body = bytes.get(segment::length(header.head_bytes())?..).unwrap_or_default();
        let mut record = Record::new(header.clone(), &Head { meta, ..old }, body);
        self.shared.make_room(record.header.record_bytes());
        let updated = self.shared.append(&mut record, Condition::InPlaceOf(entry))?;
        self.shared.health.counters.writes.fetch_add(updated.into(), Ordering::Relaxed);
        Ok(updated)
    }

    /// Adds an entry to the log of purges, which is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// The log is full or the disk failed: the purge may not last.
    pub fn record_purge(&self, entry: &[u8]) -> Result<(), DiskError> {
        self.record_purges(&[entry.to_vec()])
    }

    /// As `record_purge` for several entries, which are waited for once.
    ///
    /// # Errors
    ///
    /// As `record_purge`; none of them was added.
    pub fn record_purges(&self, entries: &[Vec<u8>]) -> Result<(), DiskError> {
        self.shared.health.check()?;
        let added = lock(&self.purges).add_all(entries);
        self.noted(added)
    }

    /// Takes the log of purges that was found, from the oldest.
    #[must_use]
    pub fn take_purges(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut lock(&self.purges).found)
    }

    /// Puts other entries, usually fewer, in the place of the log of purges. They are made while
    /// nothing else is added.
    ///
    /// # Errors
    ///
    /// They are too many or the disk failed: the log is as before.
    pub fn replace_purges(&self, entries: impl FnOnce() -> Vec<Vec<u8>>) -> Result<(), DiskError> {
        self.shared.health.check()?;
        let replaced = {
            let mut purges = lock(&self.purges);
            purges.replace(&self.shared.directory, &entries())
        };
        self.noted(replaced)
    }

    /// Ends the segment that is being written, so that the next start need not scan it. The last
    /// handle does so too when it is dropped; this is for a process that ends without that.
    pub fn seal(&self) {
        self.shared.seal_active();
    }

    /// Whether too many operations have failed in a row. Nothing is found or written then.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        self.shared.health.is_failed()
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn numbers(&self) -> DiskNumbers {
        let Shared { index, health, segments, bytes, filling_bytes, writers, .. } = &*self.shared;
        let counters = &health.counters;
        let [bytes, filling] = [bytes, filling_bytes].map(|bytes| bytes.load(Ordering::Relaxed));
        DiskNumbers {
            objects: index.len() as u64,
            bytes: bytes + filling,
            segments: segments.read().unwrap_or_else(PoisonError::into_inner).len() as u64,
            index_bytes: index.bytes() as u64,
            writers: writers.load(Ordering::Relaxed) as u64,
            writes: counters.writes.load(Ordering::Relaxed),
            reads: counters.reads.load(Ordering::Relaxed),
            evicted: counters.evicted.load(Ordering::Relaxed),
            reinserted: counters.reinserted.load(Ordering::Relaxed),
            corrupt: counters.corrupt.load(Ordering::Relaxed),
            errors: counters.errors.load(Ordering::Relaxed),
        }
    }

    fn digest(&self, key: &[u8]) -> Digest {
        Digest::of(&self.shared.directory.seed, key)
    }

    /// Counts a failure of the disk.
    fn noted(&self, outcome: Result<(), DiskError>) -> Result<(), DiskError> {
        match outcome {
            Err(DiskError::Io(cause)) => self.shared.health.written(Err(cause)),
            outcome => outcome,
        }
    }
}
