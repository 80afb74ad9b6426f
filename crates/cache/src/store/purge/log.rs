//! Notes of purges as bytes, for a log that outlives the process. An entry is what it is about
//! (one letter), the mode (one letter), the number (8 bytes, little endian), and a text or the
//! hash of a tag.

use super::notes::{Note, Notes};
use super::{Mode, Scope};
use crate::store::stored::tag_hash;

/// An entry of the log says nothing that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

const ALL: u8 = b'a';
const TOLD_APART: u8 = b'r';
const HOST: u8 = b'h';
const PREFIX: u8 = b'p';
const TAG: u8 = b't';
const URI: u8 = b'u';
/// Says the number of the last purge only.
const LAST: u8 = b'l';

pub(super) fn entry(scope: Scope<'_>, mode: Mode, number: u64) -> Vec<u8> {
    let hash;
    let (what, text) = match scope {
        Scope::All => (ALL, &[][..]),
        Scope::Host(host) => (HOST, host),
        Scope::Prefix(prefix) => (PREFIX, prefix),
        Scope::Uri(uri) => (URI, uri),
        Scope::Tag(tag) => {
            hash = tag_hash(tag).to_le_bytes();
            (TAG, &hash[..])
        }
    };
    write((what, mode), number, text)
}

fn write((what, mode): (u8, Mode), number: u64, text: &[u8]) -> Vec<u8> {
    let mode = if mode == Mode::Hard { b'h' } else { b's' };
    [&[what, mode], &number.to_le_bytes()[..], text].concat()
}

pub(super) fn told_apart(mode: Mode, number: u64) -> Vec<u8> {
    write((TOLD_APART, mode), number, &[])
}

/// The number of the last purge alone.
pub(super) fn last(number: u64) -> Vec<u8> {
    write((LAST, Mode::Soft), number, &[])
}

/// All notes, and the number of the last purge: numbers must go on where they were.
pub(super) fn all(notes: &Notes, last: u64) -> Vec<Vec<u8>> {
    let mut entries = vec![self::last(last)];
    let mut add = |what: u8, note: &Note, text: &[u8]| {
        for (mode, number) in [(Mode::Soft, note.soft), (Mode::Hard, note.hard)] {
            if number > 0 {
                entries.push(write((what, mode), number, text));
            }
        }
    };
    add(ALL, &notes.all, &[]);
    add(TOLD_APART, &notes.told_apart, &[]);
    for (what, texts) in [(HOST, &notes.hosts), (PREFIX, &notes.prefixes), (URI, &notes.uris)] {
        texts.iter().for_each(|(text, note)| add(what, note, text));
    }
    notes.tags.iter().for_each(|(tag, note)| add(TAG, note, &tag.to_le_bytes()));
    entries
}

/// Takes an entry over; gives its number.
pub(super) fn read(entry: &[u8], notes: &mut Notes) -> Option<u64> {
    let ([what, mode], rest) = entry.split_first_chunk()?;
    let (number, text) = rest.split_first_chunk()?;
    let number = u64::from_le_bytes(*number);
    let mode = match mode {
        b'h' => Mode::Hard,
        b's' => Mode::Soft,
        _ => return None,
    };
    let set = |notes: &mut Notes| match *what {
        ALL => Some(notes.set(Scope::All, mode, number)),
        HOST => Some(notes.set(Scope::Host(text), mode, number)),
        PREFIX => Some(notes.set(Scope::Prefix(text), mode, number)),
        URI => Some(notes.set(Scope::Uri(text), mode, number)),
        TAG => Some(notes.set_tag(u64::from_le_bytes(text.try_into().ok()?), mode, number)),
        TOLD_APART => {
            notes.set_told_apart(mode, number);
            Some(true)
        }
        LAST => Some(true),
        _ => None,
    };
    if !set(notes)? {
        notes.thin(number);
        set(notes)?;
    }
    Some(number)
}
