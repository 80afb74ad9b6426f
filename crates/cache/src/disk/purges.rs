//! What was purged, as bytes that only the caller understands: a log that is on the disk before a
//! purge is answered. Each entry is `length, checksum of the length, checksum of the entry, entry`.

use std::fs::File;
use std::io::ErrorKind;

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
    /// What was there at the start, until it is taken.
    pub(super) found: Vec<Vec<u8>>,
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
        Ok(Some(Self { file, end: end as u64, bytes_max, found: entries }))
    }

    /// Adds entries, which are on the disk when this returns.
    pub(super) fn add_all(&mut self, entries: &[Vec<u8>]) -> Result<(), DiskError> {
        let framed: Result<Vec<_>, _> = entries.iter().map(|entry| frame(entry)).collect();
        let framed = framed?.concat();
        if self.end + framed.len() as u64 > self.bytes_max {
            return Err(DiskError::PurgesFull);
        }
        let written = io::write_at(&self.file, self.end, &framed);
        if let Err(cause) = written.and_then(|()| self.file.sync_data()) {
            let _ = self.file.set_len(self.end);
            return Err(cause.into());
        }
        self.end += framed.len() as u64;
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
        Ok(())
    }
}

fn frame(entry: &[u8]) -> Result<Vec<u8>, DiskError> {
    let length = u32::try_from(entry.len()).map_err(|_| DiskError::PurgesFull)?.to_le_bytes();
    let sums = [crc32fast::hash(&length), crc32fast::hash(entry)].map(u32::to_le_bytes).concat();
    Ok([length.as_slice(), &sums, entry].concat())
}

/// The entries, and where the last whole one ends; nothing if there may have been more.
fn parse(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    loop {
        let mut fields = Fields(rest);
        let header = (fields.array::<4>(), fields.u32(), fields.u32());
        let (Some(length), Some(length_sum), Some(entry_sum)) = header else { break };
        if crc32fast::hash(&length) != length_sum {
            // After a loss of power a file may end in zeros.
            let is_torn = rest.iter().all(|byte| *byte == 0);
            return is_torn.then(|| (entries, bytes.len() - rest.len()));
        }
        let wanted = u32::from_le_bytes(length) as usize;
        let Some((entry, after)) = fields.0.split_at_checked(wanted) else { break };
        if crc32fast::hash(entry) != entry_sum {
            if after.is_empty() {
                break;
            }
            return None;
        }
        entries.push(entry.to_vec());
        rest = after;
    }
    Some((entries, bytes.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_left_out_and_any_other_damage_is_noticed() {
        let wanted = [b"first".to_vec(), b"second".to_vec(), b"third".to_vec()];
        let log: Vec<u8> = wanted.iter().flat_map(|entry| frame(entry).unwrap()).collect();
        assert_eq!(parse(&log), Some((wanted.to_vec(), log.len())));
        let last = log.len() - frame(&wanted[2]).unwrap().len();
        for cut in last..log.len() {
            assert_eq!(parse(&log[..cut]), Some((wanted[..2].to_vec(), last)), "cut at {cut}");
        }
        assert_eq!(parse(&[&log[..], &[0; 99]].concat()), Some((wanted.to_vec(), log.len())));
        for bit in 0..last * 8 {
            let mut damaged = log.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&damaged), None, "bit {bit}");
        }
    }
}
