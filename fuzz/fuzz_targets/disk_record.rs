//! Records and footers of the cache's disk: any bytes are refused or read, and what is read is
//! possible. Checksums are put right first, or nothing would get past them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_cache::disk::footer::{Listing, TRAILER_BYTES};
use weir_cache::disk::format::{HEADER_BYTES, Header, MARK_BYTES, UNIT_BYTES, parse_head};

const SEGMENT: u32 = 7;

fuzz_target!(|input: &[u8]| {
    record(input, false);
    record(input, true);
    footer(input, false);
    footer(input, true);
});

fn record(input: &[u8], mend: bool) {
    let mut bytes = input.to_vec();
    if mend && bytes.len() >= HEADER_BYTES {
        bytes[..6].copy_from_slice(b"wRec\x01\x01");
        let sum = crc32fast::hash(&bytes[..HEADER_BYTES - 4]).to_le_bytes();
        bytes[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&sum);
    }
    let Some(header) = Header::parse(&bytes) else { return };
    assert_eq!(Header::parse(&header.encode()), Some(header.clone()));
    let parts = header.head_bytes() + header.inline_bytes() + MARK_BYTES as u64;
    assert!(header.units() * UNIT_BYTES >= parts);
    if let Some(head) = parse_head(&header, &bytes) {
        assert_eq!(head.key.len(), header.key_bytes as usize);
        assert_eq!(head.meta.len(), header.meta_bytes as usize);
    }
}

fn footer(input: &[u8], mend: bool) {
    let mut bytes = input.to_vec();
    if mend && bytes.len() >= 2 * TRAILER_BYTES {
        let real = Listing::default().encode(SEGMENT);
        let trailer = bytes.len() - TRAILER_BYTES;
        bytes[..TRAILER_BYTES].copy_from_slice(&real[..TRAILER_BYTES]);
        bytes[trailer..trailer + 8].copy_from_slice(&real[TRAILER_BYTES..TRAILER_BYTES + 8]);
        let (version, sum) = (trailer + 48, bytes.len() - 4);
        bytes[version..version + 8].copy_from_slice(&real[real.len() - 16..real.len() - 8]);
        let checksum = crc32fast::hash(&bytes[..sum]).to_le_bytes();
        bytes[sum..].copy_from_slice(&checksum);
    }
    let end = bytes.len().checked_sub(TRAILER_BYTES).and_then(|at| bytes.get(at + 32..at + 40));
    let end = end.and_then(|end| end.try_into().ok()).map_or(0, u64::from_le_bytes);
    if let Some(listing) = Listing::parse(&bytes, SEGMENT, end) {
        assert_eq!(Listing::parse(&listing.encode(SEGMENT), SEGMENT, end), Some(listing));
    }
}
