//! Records as bytes. A segment file is a segment header, records one after the other, each at a
//! multiple of 64 bytes, and once it is full a footer (`footer`). A record is
//! `header, key, meta, table, body, mark`; the table has a checksum for each block of the body.
//! The body is one run of bytes, so it can be sent as it lies; one that is long is a file of its
//! own instead and only named in the record. All numbers are little endian.

use crc32fast::Hasher;

use super::blocks;
use super::digest::{Digest, Seed};

/// Records begin at multiples of this.
pub const UNIT_BYTES: u64 = 64;
/// The length of a record's header.
pub const HEADER_BYTES: usize = 80;
/// The length of the mark behind a record, which says that all of it was written.
pub const MARK_BYTES: usize = 8;

/// The length of the header of a segment file.
pub(super) const SEGMENT_HEADER_BYTES: u64 = UNIT_BYTES;
pub(super) const KEY_BYTES_MAX: usize = 64 * 1024;
pub(super) const META_BYTES_MAX: usize = 1024 * 1024;

const RECORD_MAGIC: u32 = u32::from_le_bytes(*b"wRec");
const MARK_MAGIC: u32 = u32::from_le_bytes(*b"wEnd");
const SEGMENT_MAGIC: u64 = u64::from_le_bytes(*b"weir-seg");
const VERSION: u8 = 1;

/// What a record says about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body follows.
    Inline,
    /// The body is a file of its own.
    Attached,
    /// The key was removed; what older records say of it holds no more.
    Removed,
}

impl Kind {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Inline => 1,
            Self::Attached => 2,
            Self::Removed => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        [Self::Inline, Self::Attached, Self::Removed].into_iter().find(|kind| kind.code() == code)
    }
}

/// The fixed part that a record begins with. In order of the fields: magic (4 bytes), version,
/// kind, two bytes of zero, then the numbers below, and a checksum of it all (4 bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the record is.
    pub kind: Kind,
    /// The length of the key.
    pub key_bytes: u32,
    /// The length of the head that was stored with the body.
    pub meta_bytes: u32,
    /// The segment that the record was written to; bytes of another file are no record here.
    pub segment: u32,
    /// The length of the body.
    pub body_bytes: u64,
    /// Grows with every record of the store.
    pub sequence: u64,
    /// The file of an attached body.
    pub body_number: u64,
    /// Goes into the checksums of blocks, so that blocks of two bodies are never mixed.
    pub nonce: u64,
    /// The digest of the key.
    pub digest: Digest,
    /// The checksum of key, meta and table.
    pub tail_checksum: u32,
}

impl Header {
    /// The bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&RECORD_MAGIC.to_le_bytes());
        out.extend_from_slice(&[VERSION, self.kind.code(), 0, 0]);
        for number in [self.key_bytes, self.meta_bytes, self.segment, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.body_bytes, self.sequence, self.body_number, self.nonce] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.digest.0.to_le_bytes());
        out.extend_from_slice(&self.tail_checksum.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    /// The header that these bytes begin with, if its checksum is right and its lengths are
    /// possible.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (checked, _) = bytes.split_at_checked(HEADER_BYTES - 4)?;
        let mut fields = Fields(bytes);
        let (magic, [version, kind, _, _]) = (fields.u32()?, fields.array::<4>()?);
        let (key_bytes, meta_bytes) = (fields.u32()?, fields.u32()?);
        let (segment, _) = (fields.u32()?, fields.u32()?);
        let header = Self {
            kind: Kind::from_code(kind)?,
            key_bytes,
            meta_bytes,
            segment,
            body_bytes: fields.u64()?,
            sequence: fields.u64()?,
            body_number: fields.u64()?,
            nonce: fields.u64()?,
            digest: Digest(u128::from_le_bytes(fields.array()?)),
            tail_checksum: fields.u32()?,
        };
        let valid = (magic, version) == (RECORD_MAGIC, VERSION)
            && fields.u32()? == crc32fast::hash(checked)
            && key_bytes as usize <= KEY_BYTES_MAX
            && meta_bytes as usize <= META_BYTES_MAX
            && header.body_bytes <= blocks::BODY_BYTES_MAX;
        valid.then_some(header)
    }

    /// The length of all before the body: header, key, meta and table.
    #[must_use]
    pub fn head_bytes(&self) -> u64 {
        HEADER_BYTES as u64
            + u64::from(self.key_bytes)
            + u64::from(self.meta_bytes)
            + blocks::table_bytes(self.body_bytes)
    }

    /// How many bytes of the body are in the record itself.
    #[must_use]
    pub fn inline_bytes(&self) -> u64 {
        if self.kind == Kind::Inline { self.body_bytes } else { 0 }
    }

    /// How many units the record takes in its segment.
    #[must_use]
    pub fn units(&self) -> u64 {
        (self.head_bytes() + self.inline_bytes() + MARK_BYTES as u64).div_ceil(UNIT_BYTES)
    }
}

impl Header {
    /// What the record takes in its segment.
    pub(super) fn record_bytes(&self) -> u64 {
        self.units() * UNIT_BYTES
    }
}

/// The mark behind a record with this header.
pub(super) fn mark(header: &[u8]) -> [u8; MARK_BYTES] {
    let mut hasher = Hasher::new();
    hasher.update(header);
    hasher.update(&MARK_MAGIC.to_le_bytes());
    let number = u64::from(hasher.finalize()) << 32 | u64::from(MARK_MAGIC);
    number.to_le_bytes()
}

/// The parts of a record that are read before its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The head that was stored with the body.
    pub meta: &'a [u8],
    /// The checksums of the body's blocks.
    pub table: &'a [u8],
}

/// Splits what follows a header; nothing if it is too short or its checksum is wrong.
#[must_use]
pub fn parse_head<'a>(header: &Header, record: &'a [u8]) -> Option<Head<'a>> {
    let tail = record.get(HEADER_BYTES..usize::try_from(header.head_bytes()).ok()?)?;
    let (key, rest) = tail.split_at_checked(header.key_bytes as usize)?;
    let (meta, table) = rest.split_at_checked(header.meta_bytes as usize)?;
    (crc32fast::hash(tail) == header.tail_checksum).then_some(Head { key, meta, table })
}

/// Whether these bytes are a record from its first to its last, written to this segment for the
/// key it has.
pub(super) fn is_whole(header: &Header, record: &[u8], seed: &Seed) -> bool {
    let Some(head) = parse_head(header, record) else { return false };
    let head_bytes = usize::try_from(header.head_bytes()).unwrap_or(usize::MAX);
    let inline_bytes = usize::try_from(header.inline_bytes()).unwrap_or(usize::MAX);
    let behind = record.get(head_bytes..).unwrap_or_default();
    let Some((body, behind)) = behind.split_at_checked(inline_bytes) else { return false };
    let first = record.get(..HEADER_BYTES).unwrap_or_default();
    behind.get(..MARK_BYTES) == Some(mark(first).as_slice())
        && Digest::of(seed, head.key) == header.digest
        && (header.kind != Kind::Inline || blocks::are_whole(header.nonce, head.table, body))
}

/// A record to be written.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) header: Header,
    bytes: Vec<u8>,
}

impl Record {
    /// A record with these parts; lengths and checksums of the header are set here.
    pub(super) fn new(mut header: Header, head: &Head<'_>, body: &[u8]) -> Self {
        header.key_bytes = u32::try_from(head.key.len()).unwrap_or(u32::MAX);
        header.meta_bytes = u32::try_from(head.meta.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(usize::try_from(header.units()).unwrap_or(0) * 64);
        bytes.resize(HEADER_BYTES, 0);
        for part in [head.key, head.meta, head.table] {
            bytes.extend_from_slice(part);
        }
        header.tail_checksum = crc32fast::hash(bytes.get(HEADER_BYTES..).unwrap_or_default());
        bytes.extend_from_slice(body);
        Self { header, bytes }
    }

    /// What is written, once it is known where.
    pub(super) fn finish(&mut self, segment: u32, sequence: u64) -> &[u8] {
        (self.header.segment, self.header.sequence) = (segment, sequence);
        let header = self.header.encode();
        let end = usize::try_from(self.header.head_bytes() + self.header.inline_bytes());
        self.bytes.truncate(end.unwrap_or(usize::MAX));
        if let Some(first) = self.bytes.get_mut(..HEADER_BYTES) {
            first.copy_from_slice(&header);
        }
        self.bytes.extend_from_slice(&mark(&header));
        self.bytes.resize(self.bytes.len().next_multiple_of(UNIT_BYTES as usize), 0);
        &self.bytes
    }
}

/// The header of a segment file: magic, version, its number, a checksum.
pub(super) fn segment_header(number: u32) -> [u8; SEGMENT_HEADER_BYTES as usize] {
    let mut header = [0; SEGMENT_HEADER_BYTES as usize];
    let start = [SEGMENT_MAGIC.to_le_bytes(), u64::from(number).to_le_bytes()].concat();
    let parts = [start.as_slice(), &[VERSION, 0, 0, 0]].concat();
    let checksum = crc32fast::hash(&parts).to_le_bytes();
    for (to, from) in header.iter_mut().zip(parts.iter().chain(&checksum)) {
        *to = *from;
    }
    header
}

/// Reads numbers from the front.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
