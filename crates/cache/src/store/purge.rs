//! What is no longer to be used, by host, prefix, tag or altogether. A purge takes note, whatever
//! the store holds; a stored response is checked against the notes when it is next asked for, and
//! once only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::stored::{Stored, tag_hash};
use crate::invalidate::origin_end;

/// Notes that are kept; before there are more, everything stored is checked against them.
pub const NOTES_MAX: usize = 10_000;

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

#[derive(Debug, Default)]
struct Notes {
    all: Note,
    hosts: HashMap<Box<[u8]>, Note>,
    prefixes: HashMap<Box<[u8]>, Note>,
    tags: HashMap<u64, Note>,
}

/// The numbers of the last purges of each mode; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
struct Note {
    soft: u64,
    hard: u64,
}

impl Note {
    fn set(&mut self, mode: Mode, number: u64) {
        match mode {
            Mode::Soft => self.soft = number,
            Mode::Hard => self.hard = number,
        }
    }

    fn join(&mut self, other: Self) {
        self.soft = self.soft.max(other.soft);
        self.hard = self.hard.max(other.hard);
    }
}

impl Purges {
    /// The number of the last purge. What is fetched now is of this number.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// Takes note of a purge. Returns `false`, with nothing noted, when everything has to be
    /// checked first.
    pub fn note(&self, scope: Scope<'_>, mode: Mode) -> bool {
        let mut notes = self.notes.write().unwrap_or_else(PoisonError::into_inner);
        let number = self.last() + 1;
        let note = match scope {
            Scope::All => &mut notes.all,
            _ if notes.len() >= NOTES_MAX => return false,
            Scope::Host(host) => notes.hosts.entry(host.to_ascii_lowercase().into()).or_default(),
            Scope::Prefix(prefix) => notes.prefixes.entry(prefix.into()).or_default(),
            Scope::Tag(tag) => notes.tags.entry(tag_hash(tag)).or_default(),
        };
        note.set(mode, number);
        self.last.store(number, Ordering::Release);
        true
    }

    /// Forgets the notes: everything stored was checked.
    pub fn forget(&self) {
        *self.notes.write().unwrap_or_else(PoisonError::into_inner) = Notes::default();
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
        let note = self.notes.read().unwrap_or_else(PoisonError::into_inner).of(key, stored);
        if note.hard > checked {
            return Verdict::Gone;
        }
        if note.soft > checked {
            return Verdict::Stale;
        }
        stored.checked.store(last, Ordering::Relaxed);
        Verdict::Clean
    }
}

impl Notes {
    fn len(&self) -> usize {
        self.hosts.len() + self.prefixes.len() + self.tags.len()
    }

    /// All that was noted of a response, as one.
    fn of(&self, key: &[u8], stored: &Stored) -> Note {
        let mut joined = self.all;
        if !self.hosts.is_empty() {
            let origin = key.get(..origin_end(key)).unwrap_or(key);
            let host = memchr::memmem::find(origin, b"://").map_or(0, |at| at + 3);
            let host = origin.get(host..).unwrap_or_default();
            let found = [self.hosts.get(origin), self.hosts.get(host)];
            found.into_iter().flatten().for_each(|note| joined.join(*note));
        }
        for (prefix, note) in &self.prefixes {
            if key.starts_with(prefix) {
                joined.join(*note);
            }
        }
        for tag in &stored.tags {
            if let Some(note) = self.tags.get(tag) {
                joined.join(*note);
            }
        }
        joined
    }
}
