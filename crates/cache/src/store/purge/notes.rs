//! The notes of purges, each found by what a key or a response says of itself.

use std::collections::{BTreeMap, HashMap};

use foldhash::quality::RandomState;

use super::{Mode, Scope};
use crate::invalidate::origin_end;
use crate::key;
use crate::store::stored::{Stored, tag_hash};

/// Notes by URI, host or prefix together; with one more, the older half is given up.
const TEXTS_MAX: usize = 100_000;
/// Bytes of these URIs, hosts and prefixes together.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// Notes by tag, each a few numbers.
const TAGS_MAX: usize = 1_000_000;

type Texts = HashMap<Box<[u8]>, Note, RandomState>;

/// The numbers of the last purges of each mode; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) soft: u64,
    pub(super) hard: u64,
}

impl Note {
    fn set(&mut self, mode: Mode, number: u64) {
        let of_mode = match mode {
            Mode::Soft => &mut self.soft,
            Mode::Hard => &mut self.hard,
        };
        *of_mode = number.max(*of_mode);
    }

    fn join(&mut self, other: Self) {
        self.soft = self.soft.max(other.soft);
        self.hard = self.hard.max(other.hard);
    }

    fn last(self) -> u64 {
        self.soft.max(self.hard)
    }
}

#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) all: Note,
    /// For all keys that have more than the URI.
    pub(super) told_apart: Note,
    pub(super) hosts: Texts,
    pub(super) prefixes: Texts,
    pub(super) uris: Texts,
    pub(super) tags: HashMap<u64, Note, RandomState>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
    text_bytes: usize,
}

impl Notes {
    /// Takes note; `false` where there is no room for it.
    pub(super) fn set(&mut self, scope: Scope<'_>, mode: Mode, number: u64) -> bool {
        match scope {
            Scope::All => self.all.set(mode, number),
            Scope::Tag(tag) => return self.set_tag(tag_hash(tag), mode, number),
            Scope::Host(host) => return self.set_host(&host.to_ascii_lowercase(), mode, number),
            Scope::Prefix(prefix) => return self.set_prefix(prefix, mode, number),
            Scope::Uri(uri) => return self.set_uri(uri, mode, number),
        }
        true
    }

    /// Takes note for everything that has more than a URI in its key.
    pub(super) fn set_told_apart(&mut self, mode: Mode, number: u64) {
        self.told_apart.set(mode, number);
    }

    pub(super) fn set_tag(&mut self, tag: u64, mode: Mode, number: u64) -> bool {
        let fits = self.tags.len() < TAGS_MAX || self.tags.contains_key(&tag);
        if fits {
            self.tags.entry(tag).or_default().set(mode, number);
        }
        fits
    }

    fn set_host(&mut self, host: &[u8], mode: Mode, number: u64) -> bool {
        let fits = self.fits(&self.hosts, host);
        if fits && put(&mut self.hosts, host, (mode, number)) {
            self.text_bytes += host.len();
        }
        fits
    }

    fn set_uri(&mut self, uri: &[u8], mode: Mode, number: u64) -> bool {
        let fits = self.fits(&self.uris, uri);
        if fits && put(&mut self.uris, uri, (mode, number)) {
            self.text_bytes += uri.len();
        }
        fits
    }

    fn set_prefix(&mut self, prefix: &[u8], mode: Mode, number: u64) -> bool {
        let fits = self.fits(&self.prefixes, prefix);
        if fits && put(&mut self.prefixes, prefix, (mode, number)) {
            self.text_bytes += prefix.len();
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        fits
    }

    fn fits(&self, texts: &Texts, text: &[u8]) -> bool {
        let count = self.hosts.len() + self.prefixes.len() + self.uris.len();
        let is_room = count < TEXTS_MAX && self.text_bytes + text.len() <= TEXT_BYTES_MAX;
        is_room || texts.contains_key(text)
    }

    /// Gives up the notes up to the middle of those that there are. What they said counts for
    /// everything from here on; those of URIs for what was told apart there, since what is known
    /// by the URI alone was purged itself.
    pub(super) fn thin(&mut self, last: u64) {
        let maps = [&self.hosts, &self.prefixes, &self.uris];
        let of_texts = maps.into_iter().flat_map(HashMap::values).map(|note| note.last());
        let of_tags = self.tags.values().map(|note| note.last());
        let mut numbers: Vec<u64> = of_texts.chain(of_tags).collect();
        let middle = numbers.len() / 2;
        let border = if numbers.is_empty() { last } else { *numbers.select_nth_unstable(middle).1 };
        let is_old = |note: &Note| note.last() <= border;
        let all = &mut self.all;
        self.tags.retain(|_, note| keep_unless(is_old(note), note, all));
        self.hosts.retain(|_, note| keep_unless(is_old(note), note, all));
        self.prefixes.retain(|_, note| keep_unless(is_old(note), note, all));
        let told_apart = &mut self.told_apart;
        self.uris.retain(|_, note| keep_unless(is_old(note), note, told_apart));
        self.lengths.clear();
        for prefix in self.prefixes.keys() {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        let maps = [&self.hosts, &self.prefixes, &self.uris];
        self.text_bytes = maps.into_iter().flat_map(HashMap::keys).map(|text| text.len()).sum();
    }

    /// All that was noted of a response, as one.
    pub(super) fn of(&self, key: &[u8], stored: &Stored) -> Note {
        let mut joined = self.all;
        let uri = key::uri(key);
        if uri.len() < key.len() {
            joined.join(self.told_apart);
        }
        if let Some(note) = self.uris.get(uri) {
            joined.join(*note);
        }
        self.join_host(key, &mut joined);
        for length in self.lengths.keys().take_while(|length| **length <= key.len()) {
            if let Some(note) = key.get(..*length).and_then(|start| self.prefixes.get(start)) {
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

    fn join_host(&self, key: &[u8], joined: &mut Note) {
        if self.hosts.is_empty() {
            return;
        }
        let origin = key.get(..origin_end(key)).unwrap_or(key);
        let host = memchr::memmem::find(origin, b"://").map_or(0, |at| at + 3);
        let host = origin.get(host..).unwrap_or_default();
        let found = [self.hosts.get(origin), self.hosts.get(host)];
        found.into_iter().flatten().for_each(|note| joined.join(*note));
    }
}

/// Puts a note in; whether its text is new.
fn put(texts: &mut Texts, text: &[u8], (mode, number): (Mode, u64)) -> bool {
    if let Some(note) = texts.get_mut(text) {
        note.set(mode, number);
        return false;
    }
    let mut note = Note::default();
    note.set(mode, number);
    texts.insert(text.into(), note);
    true
}

fn keep_unless(is_old: bool, note: &Note, heir: &mut Note) -> bool {
    if is_old {
        heir.join(*note);
    }
    !is_old
}
