//! An object as it is read back: its head was checked before it is given out, its body is checked
//! block by block while it is read.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bytes::Bytes;

use super::blocks::{self, BLOCK_BYTES};
use super::digest::Digest;
use super::error::DiskError;
use super::format::{self, HEADER_BYTES, Header, Kind};
use super::index::Entry;
use super::io::{self, Wait};
use super::log::{Shared, lock};
use super::segment::{self, length};
use super::span::SPAN_BYTES_MAX;

const BLOCK: u64 = BLOCK_BYTES as u64;

/// A record up to this length is read at once: a body of one block, and its head.
const SMALL_BYTES: u64 = 72 * 1024;
/// What is read of a longer one at first.
const FIRST_BYTES: u64 = 16 * 1024;

/// A stored object. Who has its file can read it also when the store lets go of it meanwhile.
#[derive(Debug)]
pub struct Found {
    shared: Arc<Shared>,
    entry: Entry,
    header: Header,
    /// The record up to its body.
    head: Bytes,
    /// The file of a body of its own, while somebody reads it.
    opened: Mutex<Weak<File>>,
    /// A short body, which came with the head.
    short: Option<Bytes>,
    /// Blocks whose checksums were right when they were read.
    checked: Checked,
}

impl Found {
    /// Reads the record; nothing if it is another key's, which has the same digest.
    pub(super) fn open(
        shared: &Arc<Shared>,
        entry: Entry,
        (digest, key): (Digest, &[u8]),
        wait: Wait,
    ) -> Result<Option<Self>, DiskError> {
        let segment = shared.segment(entry.segment).ok_or(DiskError::Corrupt)?;
        let offset = segment::offset(entry);
        let record_bytes = u64::from(entry.units()) * format::UNIT_BYTES;
        let is_small = record_bytes <= SMALL_BYTES;
        let first = length(if is_small { record_bytes } else { FIRST_BYTES })?;
        let mut head = shared.health.read(io::read_vec_as(wait, &segment.file, offset, first))?;
        let header = Header::parse(&head).ok_or(DiskError::Corrupt)?;
        let possible = header.segment == entry.segment
            && header.record_bytes() == record_bytes
            && header.kind != Kind::Removed;
        if !possible {
            return Err(DiskError::Corrupt);
        }
        let head_bytes = length(header.head_bytes())?;
        if head.len() < head_bytes {
            head = shared.health.read(io::read_vec_as(wait, &segment.file, offset, head_bytes))?;
        }
        let parts = format::parse_head(&header, &head).ok_or(DiskError::Corrupt)?;
        if parts.key != key || header.digest != digest {
            return Ok(None);
        }
        let (shared, short) = (Arc::clone(shared), None);
        let checked = Checked::new(header.body_bytes);
        let opened = Mutex::default();
        let head = Bytes::from(head);
        let mut found = Self { shared, entry, header, head, opened, short, checked };
        found.keep_short_body(head_bytes)?;
        Ok(Some(found))
    }

    /// A body that was read with the head is checked at once.
    fn keep_short_body(&mut self, head_bytes: usize) -> Result<(), DiskError> {
        let body_bytes = length(self.header.inline_bytes())?;
        let end = head_bytes.saturating_add(body_bytes);
        let is_there = (1..=BLOCK_BYTES).contains(&body_bytes) && end <= self.head.len();
        let rest = self.head.split_off(head_bytes.min(self.head.len()));
        if is_there {
            // A part of the same memory: what is read once is not copied.
            let body = rest.slice(..body_bytes);
            self.check(0, &body)?;
            self.short = Some(body);
        }
        Ok(())
    }

    /// Whether this is still what is found for its key; counts as asking for it.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let found = self.shared.index.find(self.header.digest.short(), true);
        found.is_some_and(|found| found.is_at(self.entry)) && !self.shared.health.is_failed()
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        (size_of::<Self>() + self.head.len() + self.checked.0.len() * 8) as u64
    }

    /// The file with the body. It is open as long as somebody has it, so that what is evicted
    /// goes when its last reader has left.
    pub(super) fn file(&self) -> Result<Arc<File>, DiskError> {
        let mut opened = lock(&self.opened);
        if let Some(file) = opened.upgrade() {
            return Ok(file);
        }
        let file = match self.header.kind {
            Kind::Attached => open_body(&self.shared, &self.header)?,
            _ => {
                let segment = self.shared.segment(self.entry.segment);
                Arc::clone(&segment.ok_or(DiskError::Corrupt)?.file)
            }
        };
        *opened = Arc::downgrade(&file);
        Ok(file)
    }

    /// Where the body begins in its file.
    fn body_offset(&self) -> u64 {
        match self.header.kind {
            Kind::Attached => 0,
            _ => segment::offset(self.entry) + self.header.head_bytes(),
        }
    }

    /// The head that was stored with the body.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        let start = HEADER_BYTES + self.header.key_bytes as usize;
        self.head.get(start..start + self.header.meta_bytes as usize).unwrap_or_default()
    }

    /// What tells its body from all others; never 0.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.header.nonce
    }

    /// The length of the body.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.header.body_bytes
    }

    /// Where bytes of the body from `offset` on lie, about so many, if they were checked before and
    /// are in the system's memory.
    pub(super) fn lying(&self, file: &Arc<File>, offset: u64, bytes: u64) -> Option<Lying> {
        let last = offset.checked_add(bytes)?.min(self.body_bytes()).checked_sub(1)?;
        if last < offset || !self.checked.has(offset / BLOCK, last / BLOCK) {
            return None;
        }
        // What is read in order leaves from either end, most likely: the ends stand for all of it.
        for end in [offset, last] {
            io::read_as(Wait::No, file, self.body_offset() + end, &mut [0]).ok()?;
        }
        let (offset, bytes) = (self.body_offset() + offset, last - offset + 1);
        Some(Lying { file: Arc::clone(file), offset, bytes })
    }

    /// Reads checked bytes of the body from `offset` on: as many as fit, and none at its end.
    ///
    /// # Errors
    ///
    /// The disk failed, or a block is damaged; the object is found no more then.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, DiskError> {
        let read = match &self.short {
            Some(body) => body.slice(body.len().min(length(offset)?)..),
            None => self.span((&*self.file()?, Wait::Yes), offset, buffer.len())?.into(),
        };
        let bytes = read.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(&read) {
            *to = *from;
        }
        Ok(bytes)
    }

    /// Reads about so many checked bytes of the body from `offset` on: whole blocks, without what
    /// is before `offset` in the first. None at its end.
    pub(super) fn span(
        &self,
        (file, wait): (&File, Wait),
        offset: u64,
        bytes: usize,
    ) -> Result<Vec<u8>, DiskError> {
        let left = length(self.body_bytes().saturating_sub(offset))?;
        let bytes = bytes.min(left);
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let (first, last) = (offset / BLOCK, (offset + bytes as u64 - 1) / BLOCK);
        let (start, _) = blocks::range(self.body_bytes(), first);
        let (last_start, last_bytes) = blocks::range(self.body_bytes(), last);
        let mut span = vec![0; length(last_start - start)? + last_bytes];
        let read = io::read_as(wait, file, self.body_offset() + start, &mut span);
        let mut outcome = self.shared.health.read(read);
        for (index, block) in (first..).zip(span.chunks(BLOCK_BYTES)) {
            outcome = outcome.and_then(|()| self.check(index, block));
        }
        self.noticed(outcome)?;
        span.drain(..length(offset - start)?);
        Ok(span)
    }

    /// What is damaged is found no more.
    fn noticed(&self, outcome: Result<(), DiskError>) -> Result<(), DiskError> {
        if let Err(DiskError::Corrupt) = outcome {
            self.shared.drop_damaged(self.entry);
        }
        outcome
    }

    /// Takes the whole body, which is short enough for memory.
    ///
    /// # Errors
    ///
    /// As `read_at`; and `WouldWait`, where it may not wait.
    pub(crate) fn take_body(&mut self, wait: Wait) -> Result<Bytes, DiskError> {
        let bytes = length(self.body_bytes())?;
        match self.short.take() {
            Some(body) => Ok(body),
            None => self.span((&*self.file()?, wait), 0, bytes).map(Bytes::from),
        }
    }

    /// Reads what a reader reads first, to see whether it can.
    ///
    /// # Errors
    ///
    /// As `take_body`.
    pub(crate) fn try_first(&self, wait: Wait) -> Result<(), DiskError> {
        self.span((&*self.file()?, wait), 0, SPAN_BYTES_MAX as usize).map(drop)
    }

    /// Reads the whole body, if it is at most this long.
    ///
    /// # Errors
    ///
    /// As `read_at`; also if the body is longer.
    pub fn read_all(&self, bytes_max: usize) -> Result<Vec<u8>, DiskError> {
        let bytes = length(self.body_bytes())?;
        if bytes > bytes_max {
            return Err(DiskError::TooLarge);
        }
        let mut body = vec![0; bytes];
        self.read_at(0, &mut body)?;
        Ok(body)
    }

    fn check(&self, index: u64, block: &[u8]) -> Result<(), DiskError> {
        let start = HEADER_BYTES + self.header.key_bytes as usize + self.header.meta_bytes as usize;
        let table = self.head.get(start..).unwrap_or_default();
        if !blocks::is_whole(self.header.nonce, table, index, block) {
            return Err(DiskError::Corrupt);
        }
        self.checked.add(index);
        Ok(())
    }
}

/// Bytes of a body as they lie in a file.
#[derive(Debug)]
pub struct Lying {
    /// The file.
    pub file: Arc<File>,
    /// Where they begin.
    pub offset: u64,
    /// How many they are; never none.
    pub bytes: u64,
}

/// One bit for each block.
#[derive(Debug)]
struct Checked(Box<[AtomicU64]>);

impl Checked {
    fn new(body_bytes: u64) -> Self {
        let words = body_bytes.div_ceil(BLOCK).div_ceil(64);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    fn add(&self, index: u64) {
        if let Some(word) = self.word(index) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
    }

    fn has(&self, first: u64, last: u64) -> bool {
        let is_set = |index: u64| {
            let word = self.word(index).map_or(0, |word| word.load(Ordering::Relaxed));
            word & 1 << (index % 64) != 0
        };
        (first..=last).all(is_set)
    }

    fn word(&self, index: u64) -> Option<&AtomicU64> {
        self.0.get(usize::try_from(index / 64).ok()?)
    }
}

fn open_body(shared: &Shared, header: &Header) -> Result<Arc<File>, DiskError> {
    let file = match shared.directory.open_body(header.body_number) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Err(DiskError::Corrupt),
        opened => shared.health.read(opened)?,
    };
    let file_bytes = shared.health.read(file.metadata())?.len();
    if file_bytes == header.body_bytes { Ok(Arc::new(file)) } else { Err(DiskError::Corrupt) }
}
