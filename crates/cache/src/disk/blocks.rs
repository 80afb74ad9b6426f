//! Checksums of a body, one for each 64 KiB, so that any part of it can be read and checked alone.

use crc32fast::Hasher;

/// How much of a body has one checksum.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;
/// The longest body that there can be.
pub(super) const BODY_BYTES_MAX: u64 = 64 << 30;
const SUM_BYTES: u64 = 4;

/// The length of the table for a body.
pub(super) fn table_bytes(body_bytes: u64) -> u64 {
    body_bytes.div_ceil(BLOCK_BYTES as u64) * SUM_BYTES
}

/// Where block `index` of a body begins, and its length.
pub(super) fn range(body_bytes: u64, index: u64) -> (u64, usize) {
    let start = index.saturating_mul(BLOCK_BYTES as u64);
    let left = body_bytes.saturating_sub(start);
    (start, usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES))
}

/// Whether this is block `index` of the body that the table is for.
pub(super) fn is_whole(nonce: u64, table: &[u8], index: u64, block: &[u8]) -> bool {
    let at = usize::try_from(index.saturating_mul(SUM_BYTES)).unwrap_or(usize::MAX);
    let Some((sum, _)) = table.get(at..).and_then(|rest| rest.split_first_chunk()) else {
        return false;
    };
    let mut hasher = begin(nonce, index);
    hasher.update(block);
    hasher.finalize() == u32::from_le_bytes(*sum)
}

/// Whether this is all of the body that the table is for.
pub(super) fn are_whole(nonce: u64, table: &[u8], body: &[u8]) -> bool {
    table_bytes(body.len() as u64) == table.len() as u64
        && (0..).zip(body.chunks(BLOCK_BYTES)).all(|(i, block)| is_whole(nonce, table, i, block))
}

/// A checksum that belongs to this block of this body and no other.
fn begin(nonce: u64, index: u64) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(&nonce.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher
}

/// Builds the table while the body passes.
#[derive(Debug)]
pub(super) struct Table {
    nonce: u64,
    sums: Vec<u8>,
    hasher: Hasher,
    /// Bytes of the block that has no sum yet.
    open_bytes: usize,
    index: u64,
}

impl Table {
    pub(super) fn new(nonce: u64) -> Self {
        Self { nonce, sums: Vec::new(), hasher: begin(nonce, 0), open_bytes: 0, index: 0 }
    }

    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.open_bytes;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.open_bytes += now.len();
            if self.open_bytes == BLOCK_BYTES {
                self.close_block();
            }
            bytes = later;
        }
    }

    /// The table of all that has passed.
    pub(super) fn finish(&mut self) -> &[u8] {
        if self.open_bytes > 0 {
            self.close_block();
        }
        &self.sums
    }

    fn close_block(&mut self) {
        self.index += 1;
        let hasher = std::mem::replace(&mut self.hasher, begin(self.nonce, self.index));
        self.sums.extend_from_slice(&hasher.finalize().to_le_bytes());
        self.open_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_its_body_alone() {
        let body: Vec<u8> = (0..BLOCK_BYTES * 2 + 5).map(|at| (at % 251) as u8).collect();
        let mut table = Table::new(7);
        for piece in body.chunks(999) {
            table.add(piece);
        }
        let sums = table.finish().to_vec();
        assert_eq!(sums.len() as u64, table_bytes(body.len() as u64));
        assert!(are_whole(7, &sums, &body) && !are_whole(8, &sums, &body));
        assert!(is_whole(7, &sums, 1, &body[BLOCK_BYTES..2 * BLOCK_BYTES]));
        assert!(!is_whole(7, &sums, 0, &body[BLOCK_BYTES..2 * BLOCK_BYTES]), "blocks swapped");
        assert!(!are_whole(7, &sums, &body[..BLOCK_BYTES]), "a part is not the whole");
        assert!(are_whole(7, &[], &[]));
    }
}
