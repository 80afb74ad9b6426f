//! What was purged, as bytes that only the caller understands: a log that is on the disk before a
//! purge is answered. Each entry is `length, checksum of length and entry, entry`.

use std::fs::File;
use std::io::ErrorKind;

use crc32fast::Hasher;

use super::directory::Directory;
use super::error::DiskError;
use super::format::Fields;
use super::io;

/// The log of purges.
#[derive(Debug)]
pub(super) struct Purges {
    file: File,
    end: u64,
    bytes_max: u64,
    pub(super) entries: Vec<Vec<u8>>,
}

impl Purges {
    /// Reads the log; nothing if it is damaged in a way that no interrupted write explains, so
    /// that a purge may be lost.
    pub(super) fn open(directory: &Directory, bytes_max: u64) -> Result<Option<Self>, DiskError> {
        let bytes = match std::fs::read(directory.purges()) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let Some((entries, end)) = parse(&bytes) else { return Ok(None) };
        if end < bytes.len() || bytes.is_empty() {
            directory.replace("purges", bytes.get(..end).unwrap_or_default())?;
        }
        let file = File::options().write(true).open(directory.purges())?;
        Ok(Some(Self { file, end: end as u64, bytes_max, entries }))
    }

    /// Adds an entry, which is on the disk when this returns.
    pub(super) fn add(&mut self, entry: &[u8]) -> Result<(), DiskError> {
        let framed = frame(entry)?;
        if self.end + framed.len() as u64 > self.bytes_max {
            return Err(DiskError::PurgesFull);
        }
        let written = io::write_at(&self.file, self.end, &framed);
        if let Err(cause) = written.and_then(|()| self.file.sync_data()) {
            let _ = self.file.set_len(self.end);
            return Err(cause.into());
        }
        self.end += framed.len() as u64;
        self.entries.push(entry.to_vec());
        Ok(())
    }

    /// Puts other entries in the place of all; a crash leaves the old or the new ones.
    pub(super) fn replace(
        &mut self,
        directory: &Directory,
        entries: &[Vec<u8>],
    ) -> Result<(), DiskError> {
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend_from_slice(&frame(entry)?);
        }
        if bytes.len() as u64 > self.bytes_max {
            return Err(DiskError::PurgesFull);
        }
        directory.replace("purges", &bytes)?;
        self.file = File::options().write(true).open(directory.purges())?;
        self.end = bytes.len() as u64;
        self.entries = entries.to_vec();
        Ok(())
    }
}

fn checksum(length: [u8; 4], entry: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&length);
    hasher.update(entry);
    hasher.finalize()
}

fn frame(entry: &[u8]) -> Result<Vec<u8>, DiskError> {
    let length = u32::try_from(entry.len()).map_err(|_| DiskError::PurgesFull)?.to_le_bytes();
    Ok([length.as_slice(), &checksum(length, entry).to_le_bytes(), entry].concat())
}

/// The entries, and where the last whole one ends.
fn parse(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    loop {
        let mut fields = Fields(rest);
        let (Some(length), Some(sum)) = (fields.array::<4>(), fields.u32()) else { break };
        let wanted = u32::from_le_bytes(length) as usize;
        let Some((entry, after)) = fields.0.split_at_checked(wanted) else { break };
        if checksum(length, entry) != sum {
            // Cut off by a loss of power, a file may end in zeros or in a part of its last entry.
            let is_torn = after.is_empty() || rest.iter().all(|byte| *byte == 0);
            if is_torn {
                break;
            }
            return None;
        }
        entries.push(entry.to_vec());
        rest = after;
    }
    Some((entries, bytes.len() - rest.len()))
}
