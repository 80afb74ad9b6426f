//! A stretch of a body on disk that a reader wants next. It can be read by any thread.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

use super::blocks::BLOCK_BYTES;
use super::error::DiskError;
use super::found::{Found, Lying};
use super::io::{self, Wait};
use super::segment::length;

/// What is read at once.
pub(crate) const SPAN_BYTES_MAX: u64 = 128 * 1024;

/// What is sent at once as it lies. Little, since only its ends are known to be in memory.
const LYING_BYTES_MAX: u64 = 256 * 1024;

/// A stretch of a body on disk.
#[derive(Debug)]
pub struct DiskSpan {
    source: Source,
    offset: u64,
    /// Bytes to the end of what is wanted.
    left: u64,
    bytes: u64,
}

#[derive(Debug)]
enum Source {
    /// An object of the store, with its checksums.
    Kept(Arc<Found>, Option<Arc<File>>),
    /// A file that is being written in this process and has no checksums yet.
    Filling(Arc<File>),
}

impl DiskSpan {
    /// Of an object, from `offset` to at most `end`, with its file if that is open.
    pub(crate) fn kept(
        (found, file): (&Arc<Found>, Option<&Arc<File>>),
        offset: u64,
        end: u64,
    ) -> Self {
        let end = end.min(found.body_bytes());
        Self::new(Source::Kept(Arc::clone(found), file.cloned()), offset, end)
    }

    /// Of what has been written of a body so far.
    pub(crate) fn filling(file: &Arc<File>, offset: u64, end: u64) -> Self {
        Self::new(Source::Filling(Arc::clone(file)), offset, end)
    }

    fn new(source: Source, offset: u64, end: u64) -> Self {
        let left = end.saturating_sub(offset);
        Self { source, offset, left, bytes: left.min(SPAN_BYTES_MAX) }
    }

    /// No more of it than this at once. Whole blocks are read nevertheless, so that more may come.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { bytes: self.bytes.min(bytes), ..self }
    }

    /// Bytes that are read at once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What reading it takes of memory, at most: it may begin and end in the middle of a block.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.bytes.saturating_add(2 * BLOCK_BYTES as u64)
    }

    /// Reads it, and waits for the disk. There is at least one byte, and there may be more or
    /// fewer than were wanted.
    ///
    /// # Errors
    ///
    /// The disk failed, or what is there is damaged.
    pub fn read(&self) -> Result<DiskRead, DiskError> {
        self.read_as(Wait::Yes)
    }

    /// Reads it if that needs no waiting.
    ///
    /// # Errors
    ///
    /// As `read`, and `WouldWait`.
    pub fn read_now(&self) -> Result<DiskRead, DiskError> {
        self.read_as(Wait::No)
    }

    /// Where it lies, with what follows it, if that was checked before and is in the system's
    /// memory: it can be sent from there.
    #[must_use]
    pub fn lying(&self) -> Option<Lying> {
        match &self.source {
            Source::Kept(found, file) => {
                let file = file.clone().or_else(|| found.file().ok())?;
                found.lying(&file, self.offset, self.left.min(LYING_BYTES_MAX))
            }
            Source::Filling(_) => None,
        }
    }

    fn read_as(&self, wait: Wait) -> Result<DiskRead, DiskError> {
        let bytes = length(self.bytes)?;
        let (bytes, file) = match &self.source {
            Source::Kept(found, file) => {
                let file = file.clone().map_or_else(|| found.file(), Ok)?;
                (found.span((&file, wait), self.offset, bytes)?, file)
            }
            Source::Filling(file) => match io::read_vec_as(wait, file, self.offset, bytes) {
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {
                    return Err(DiskError::WouldWait);
                }
                read => (read?, Arc::clone(file)),
            },
        };
        // Nobody asks for a span of nothing; one would be asked for for ever.
        if bytes.is_empty() {
            return Err(DiskError::Corrupt);
        }
        Ok(DiskRead { bytes: bytes.into(), file })
    }
}

/// What was read of a body.
#[derive(Debug)]
pub struct DiskRead {
    /// The bytes.
    pub bytes: Bytes,
    pub(crate) file: Arc<File>,
}
