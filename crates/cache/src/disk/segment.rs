//! One file of records.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::DiskError;
use super::footer::{Listing, TRAILER_BYTES, Trailer};
use super::format::{self, Header, SEGMENT_HEADER_BYTES, UNIT_BYTES};
use super::index::Entry;
use super::io;

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    /// Whoever reads from it keeps it, also when it has no name any more.
    pub(super) file: Arc<File>,
    /// The length of the file.
    pub(super) file_bytes: AtomicU64,
    /// The length of live bodies that its records name.
    attached_bytes: AtomicU64,
    /// What it has, until that is in its footer.
    pub(super) listing: Mutex<Option<Listing>>,
}

impl Segment {
    /// A file that is a segment of this length.
    pub(super) fn new(number: u32, file: File, file_bytes: u64) -> Self {
        Self {
            number,
            file: Arc::new(file),
            file_bytes: file_bytes.into(),
            attached_bytes: AtomicU64::default(),
            listing: Mutex::default(),
        }
    }

    /// What it has: from memory, or from its footer.
    pub(super) fn listing(&self) -> Result<Listing, DiskError> {
        let listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listing.map_or_else(|| read_footer(&self.file, self.number), Ok)
    }

    /// All bytes of a record.
    pub(super) fn read_record(&self, entry: Entry) -> Result<Vec<u8>, DiskError> {
        let bytes = u64::from(entry.units()) * UNIT_BYTES;
        Ok(io::read_vec_at(&self.file, offset(entry), length(bytes)?)?)
    }

    pub(super) fn read_header(&self, entry: Entry) -> Result<Header, DiskError> {
        let bytes = io::read_vec_at(&self.file, offset(entry), format::HEADER_BYTES)?;
        let header = Header::parse(&bytes).filter(|header| header.segment == self.number);
        header.ok_or(DiskError::Corrupt)
    }

    pub(super) fn attach(&self, bytes: u64) {
        self.attached_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes a body's bytes away and says how many were still counted.
    pub(super) fn detach(&self, bytes: u64) -> u64 {
        let less = |counted: u64| Some(counted.saturating_sub(bytes));
        let update = self.attached_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        update.unwrap_or_else(|counted| counted).min(bytes)
    }
}

/// Where the record of an entry begins in its file.
pub(super) fn offset(entry: Entry) -> u64 {
    u64::from(entry.at) * UNIT_BYTES
}

pub(super) fn length(bytes: u64) -> Result<usize, DiskError> {
    usize::try_from(bytes).map_err(|_| DiskError::TooLarge)
}

/// Whether the file begins as segment `number`.
pub(super) fn has_header(file: &File, number: u32) -> Result<bool, DiskError> {
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    if file.metadata()?.len() < SEGMENT_HEADER_BYTES {
        return Ok(false);
    }
    io::read_at(file, 0, &mut header)?;
    Ok(header == format::segment_header(number))
}

/// Reads the footer of a segment that is complete.
pub(super) fn read_footer(file: &File, number: u32) -> Result<Listing, DiskError> {
    let file_bytes = file.metadata()?.len();
    let at = file_bytes.checked_sub(TRAILER_BYTES as u64).ok_or(DiskError::Corrupt)?;
    let trailer = io::read_vec_at(file, at, TRAILER_BYTES)?;
    let trailer = Trailer::parse(&trailer, number).ok_or(DiskError::Corrupt)?;
    let footer_bytes = file_bytes.checked_sub(trailer.end).ok_or(DiskError::Corrupt)?;
    let footer = io::read_vec_at(file, trailer.end, length(footer_bytes)?)?;
    Listing::parse(&footer, number, trailer.end).ok_or(DiskError::Corrupt)
}
