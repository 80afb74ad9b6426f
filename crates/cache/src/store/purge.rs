//! What is no longer to be used, by URI, host, prefix, tag or altogether. A purge takes note,
//! whatever the store holds; a stored response is checked against the notes when it is next asked
//! for, and once only.

mod log;
mod notes;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::stored::Stored;

pub use log::Unreadable;
use notes::Notes;

/// What is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// Everything.
    All,
    /// All of a host, as in a key: `http://host` or `https://host:8443`; without a scheme, both.
    Host(&'a [u8]),
    /// All keys that begin so.
    Prefix(&'a [u8]),
    /// All that have this tag.
    Tag(&'a [u8]),
    /// All keys of this URI, with everything that was told apart there.
    Uri(&'a [u8]),
}

/// What becomes of what is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is stale: used after validation, or while that goes on where that is allowed.
    Soft,
    /// It is gone.
    Hard,
}

/// What the notes say of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be used.
    Clean,
    /// It is stale.
    Stale,
    /// It is gone.
    Gone,
}

/// The notes of a store.
#[derive(Debug, Default)]
pub struct Purges {
    /// The number of the last purge.
    last: AtomicU64,
    notes: RwLock<Notes>,
}

/// More purges than one process sees.
const GAP: u64 = 1 << 32;

/// Beyond all numbers of purges that there can have been.
const DISTRUST: u64 = 1 << 62;

impl Purges {
    /// The number of the last purge. What is fetched now is of this number.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Takes note of a purge and gives its number; nothing, with nothing noted, when there are
    /// too many notes.
    pub fn note(&self, scope: Scope<'_>, mode: Mode) -> Option<u64> {
        let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.last() + 1;
        if !notes.set(scope, mode, number) {
            return None;
        }
        self.last.store(number, Ordering::Release);
        Some(number)
    }

    /// Gives the older half of the notes up, which makes them coarser: they count for everything
    /// that was not checked since. What is in memory should have been, before.
    pub fn thin(&self) {
        self.notes.write().unwrap_or_else(PoisonError::into_inner).thin(self.last());
    }

    /// What the notes say of a response. Costs next to nothing for one that was checked since the
    /// last purge.
    #[must_use]
    pub fn verdict(&self, key: &[u8], stored: &Stored) -> Verdict {
        let checked = stored.checked.load(Ordering::Relaxed);
        let last = self.last();
        if checked >= last {
            return Verdict::Clean;
        }
        let note = self.notes().of(key, stored);
        if note.hard > checked {
            return Verdict::Gone;
        }
        if note.soft > checked {
            return Verdict::Stale;
        }
        stored.checked.store(last, Ordering::Relaxed);
        Verdict::Clean
    }

    /// All notes as entries of a log, which `restore` reads.
    #[must_use]
    pub fn entries(&self) -> Vec<Vec<u8>> {
        log::all(&self.notes(), self.last())
    }

    /// Takes the notes of an earlier process over.
    ///
    /// # Errors
    /// An entry says nothing: purges may be lost.
    pub fn restore(&self, entries: &[Vec<u8>]) -> Result<(), Unreadable> {
        let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            let number = log::read(entry, &mut notes).ok_or(Unreadable)?;
            self.last.fetch_max(number, Ordering::Release);
        }
        Ok(())
    }

    /// Leaves numbers out, beyond all that an earlier process may have given without a trace:
    /// what it has checked against those is not checked against the ones to come.
    pub fn begin_anew(&self) -> Vec<u8> {
        log::last(self.last.fetch_add(GAP, Ordering::AcqRel) + GAP)
    }

    /// Purges may have been lost: nothing counts as checked that is not fetched from now on.
    pub fn distrust(&self) {
        let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.last().max(DISTRUST) + 1;
        notes.set(Scope::All, Mode::Hard, number);
        self.last.store(number, Ordering::Release);
    }

    /// A purge as an entry of the log.
    #[must_use]
    pub fn entry(scope: Scope<'_>, mode: Mode, number: u64) -> Vec<u8> {
        log::entry(scope, mode, number)
    }

    /// A purge of all that has more than a URI in its key, as an entry of the log.
    #[must_use]
    pub fn told_apart_entry(mode: Mode, number: u64) -> Vec<u8> {
        log::told_apart(mode, number)
    }

    fn notes(&self) -> RwLockReadGuard<'_, Notes> {
        self.notes.read().unwrap_or_else(PoisonError::into_inner)
    }
}
