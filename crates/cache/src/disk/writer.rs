//! An object on its way into the store. Nothing of it can be found before `commit`.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::blocks::Table;
use super::digest::Digest;
use super::error::DiskError;
use super::format::{Head, Header, KEY_BYTES_MAX, Kind, META_BYTES_MAX, Record};
use super::health::count;
use super::io;
use super::log::{Condition, Shared};

/// Takes the body of one object. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    key: Vec<u8>,
    digest: Digest,
    nonce: u64,
    table: Table,
    /// The body, while it is short.
    buffer: Vec<u8>,
    /// The body, once it is not.
    file: Option<(u64, Arc<File>)>,
    body_bytes: u64,
    announced: Option<u64>,
}

impl Writer {
    pub(super) fn begin(
        shared: &Arc<Shared>,
        key: &[u8],
        announced: Option<u64>,
    ) -> Result<Self, DiskError> {
        shared.health.check()?;
        let too_long = announced.is_some_and(|bytes| bytes > shared.plan.object_bytes_max);
        if key.len() > KEY_BYTES_MAX || too_long {
            return Err(DiskError::TooLarge);
        }
        if shared.writers.fetch_add(1, Ordering::Relaxed) >= shared.plan.writers_max {
            shared.writers.fetch_sub(1, Ordering::Relaxed);
            return Err(DiskError::Busy);
        }
        let nonce = shared.next_nonce.fetch_add(1, Ordering::Relaxed).max(1);
        Ok(Self {
            shared: Arc::clone(shared),
            key: key.to_vec(),
            digest: Digest::of(&shared.directory.seed, key),
            nonce,
            table: Table::new(nonce),
            buffer: Vec::new(),
            file: None,
            body_bytes: 0,
            announced,
        })
    }

    /// Adds to the body.
    ///
    /// # Errors
    ///
    /// The body is longer than it may be or was announced to be, too much is under way, or the
    /// disk failed. The writer is of no use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let body_bytes = self.body_bytes + bytes.len() as u64;
        if self.announced.is_some_and(|announced| body_bytes > announced) {
            return Err(DiskError::Length);
        }
        if body_bytes > self.shared.plan.object_bytes_max {
            return Err(DiskError::TooLarge);
        }
        let expected = self.announced.unwrap_or(body_bytes);
        if self.file.is_none() && expected > self.shared.plan.inline_bytes_max() {
            self.spill()?;
        }
        if self.file.is_some() {
            self.write(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.table.add(bytes);
        self.body_bytes = body_bytes;
        Ok(())
    }

    /// Makes the object the one that is found for its key, with this head.
    ///
    /// # Errors
    ///
    /// The body is shorter than was announced, the head is too long, or the disk failed. Nothing
    /// has changed then.
    pub fn commit(self, meta: &[u8]) -> Result<(), DiskError> {
        self.commit_unless(meta, &AtomicBool::new(false)).map(drop)
    }

    /// As `commit`, unless it has been called off. Who calls it off and then hides the key can be
    /// sure that this object is not found; says whether it is.
    ///
    /// # Errors
    ///
    /// As `commit`.
    pub fn commit_unless(
        mut self,
        meta: &[u8],
        called_off: &AtomicBool,
    ) -> Result<bool, DiskError> {
        if self.announced.is_some_and(|announced| announced != self.body_bytes) {
            return Err(DiskError::Length);
        }
        if meta.len() > META_BYTES_MAX {
            return Err(DiskError::TooLarge);
        }
        let body_number = self.file.as_ref().map_or(0, |(number, _)| *number);
        let header = Header {
            kind: if self.file.is_some() { Kind::Attached } else { Kind::Inline },
            key_bytes: 0,
            meta_bytes: 0,
            segment: 0,
            body_bytes: self.body_bytes,
            sequence: 0,
            body_number,
            nonce: self.nonce,
            digest: self.digest,
            tail_checksum: 0,
        };
        let head = Head { key: &self.key, meta, table: self.table.finish() };
        let mut record = Record::new(header, &head, &self.buffer);
        self.shared.make_room(record.header.record_bytes());
        if !self.shared.append(&mut record, Condition::Unless(called_off))? {
            return Ok(false);
        }
        if self.file.take().is_some() {
            self.shared.filling_bytes.fetch_sub(self.body_bytes, Ordering::Relaxed);
        }
        count(&self.shared.health.counters.writes);
        Ok(true)
    }

    /// What tells its body from all others; never 0.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Writes the object for another key.
    ///
    /// # Errors
    ///
    /// The key is too long.
    pub fn rename(&mut self, key: &[u8]) -> Result<(), DiskError> {
        if key.len() > KEY_BYTES_MAX {
            return Err(DiskError::TooLarge);
        }
        self.key = key.to_vec();
        self.digest = Digest::of(&self.shared.directory.seed, key);
        Ok(())
    }

    /// The file that the body is in, for those who read it while it is written. It stays readable
    /// whatever becomes of the object. None while the body is short.
    #[must_use]
    pub fn file(&self) -> Option<Arc<File>> {
        self.file.as_ref().map(|(_, file)| Arc::clone(file))
    }

    /// Gives the body a file of its own.
    fn spill(&mut self) -> Result<(), DiskError> {
        let shared = &self.shared;
        let number = shared.next_body.fetch_add(1, Ordering::Relaxed);
        let file = shared.health.tried(shared.directory.create_body(number))?;
        self.file = Some((number, Arc::new(file)));
        let buffer = std::mem::take(&mut self.buffer);
        self.body_bytes = 0;
        self.write(&buffer)?;
        self.body_bytes = buffer.len() as u64;
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), DiskError> {
        let Some((_, file)) = &self.file else { return Ok(()) };
        let (shared, more) = (&self.shared, bytes.len() as u64);
        shared.health.check()?;
        let filling = shared.filling_bytes.load(Ordering::Relaxed);
        if filling + more > shared.plan.filling_bytes_max() {
            return Err(DiskError::Busy);
        }
        shared.make_room(more);
        // A disk that is nearly full takes parts of bodies: only a record shows that it works.
        shared.health.tried(io::write_at(file, self.body_bytes, bytes))?;
        shared.filling_bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.writers.fetch_sub(1, Ordering::Relaxed);
        if let Some((number, _)) = self.file.take() {
            self.shared.filling_bytes.fetch_sub(self.body_bytes, Ordering::Relaxed);
            self.shared.remove_body(number);
        }
    }
}
