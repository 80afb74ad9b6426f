//! What a full segment has, written behind its records: with it the index is back without reading
//! them. `opening, listed records, attached bodies, trailer`; the opening says that no record
//! follows, even where the rest is torn; the trailer is the last 64 bytes of the file and has a
//! checksum over all of it.

use super::digest::Short;
use super::format::{Fields, Header, Kind, SEGMENT_HEADER_BYTES, UNIT_BYTES};

/// The length of an opening and of a trailer.
pub const TRAILER_BYTES: usize = 64;
const LISTED_BYTES: usize = 20;
const ATTACHED_BYTES: usize = 20;
const MAGIC: u64 = u64::from_le_bytes(*b"weir-end");
const VERSION: u32 = 1;
const OPENING_MAGIC: u64 = u64::from_le_bytes(*b"weir-lst");
const KIND_SHIFT: u32 = 28;

/// One record of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The digest of its key.
    pub(super) digest: Short,
    /// Where it begins, in units.
    pub(super) at: u32,
    /// Its length in units, and what it is.
    packed: u32,
}

impl Listed {
    pub(super) fn new(digest: Short, at: u32, (units, kind): (u32, Kind)) -> Self {
        Self { digest, at, packed: units | u32::from(kind.code()) << KIND_SHIFT }
    }

    pub(super) fn units(&self) -> u32 {
        self.packed & ((1 << KIND_SHIFT) - 1)
    }

    pub(super) fn is_attached(&self) -> bool {
        self.kind() == Some(Kind::Attached)
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        Kind::from_code(u8::try_from(self.packed >> KIND_SHIFT).unwrap_or(0))
    }
}

/// A body in a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Which of the listed records has it, counted from the first.
    pub(super) record: u32,
    /// The number of the file.
    pub(super) number: u64,
    /// Its length.
    pub(super) bytes: u64,
}

/// All records of one segment, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub(super) records: Vec<Listed>,
    pub(super) attached: Vec<Attached>,
    /// The highest sequence number in it.
    pub(super) sequence: u64,
    /// Where its last record ends.
    pub(super) end: u64,
}

impl Listing {
    pub(super) fn new() -> Self {
        Self { end: SEGMENT_HEADER_BYTES, ..Self::default() }
    }

    /// Adds a record of this length at the end.
    pub(super) fn push(&mut self, header: &Header, units: u32) -> Listed {
        let at = u32::try_from(self.end / UNIT_BYTES).unwrap_or(u32::MAX);
        let listed = Listed::new(header.digest.short(), at, (units, header.kind));
        if header.kind == Kind::Attached {
            let record = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
            let (number, bytes) = (header.body_number, header.body_bytes);
            self.attached.push(Attached { record, number, bytes });
        }
        self.records.push(listed);
        self.sequence = header.sequence;
        self.end += u64::from(units) * UNIT_BYTES;
        listed
    }

    /// The footer of segment `number`.
    #[must_use]
    pub fn encode(&self, number: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.footer_bytes());
        out.extend_from_slice(&opening(number));
        for Listed { digest: [a, b, c], at, packed } in &self.records {
            for field in [a, b, c, at, packed] {
                out.extend_from_slice(&field.to_le_bytes());
            }
        }
        for Attached { record, number, bytes } in &self.attached {
            out.extend_from_slice(&record.to_le_bytes());
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(&bytes.to_le_bytes());
        }
        let counts = [self.records.len() as u64, self.attached.len() as u64];
        for field in [MAGIC, counts[0], counts[1], self.sequence, self.end, 0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [VERSION, number, 0] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// How long the footer is.
    pub(super) fn footer_bytes(&self) -> usize {
        let lists = self.records.len() * LISTED_BYTES + self.attached.len() * ATTACHED_BYTES;
        lists + 2 * TRAILER_BYTES
    }

    /// Reads a footer of segment `number` that begins at `end` and goes to the end of the file.
    #[must_use]
    pub fn parse(footer: &[u8], number: u32, end: u64) -> Option<Self> {
        let (rest, trailer) = footer.split_last_chunk::<TRAILER_BYTES>()?;
        let (first, body) = rest.split_first_chunk::<TRAILER_BYTES>()?;
        let (checked, sum) = footer.split_last_chunk::<4>()?;
        let trailer = Trailer::parse(trailer, number)?;
        let lengths = body.len() == trailer.body_bytes()? && trailer.end == end;
        if !lengths
            || *first != opening(number)
            || crc32fast::hash(checked) != u32::from_le_bytes(*sum)
        {
            return None;
        }
        let (records, attached) = body.split_at_checked(trailer.records * LISTED_BYTES)?;
        let records = records.chunks_exact(LISTED_BYTES).map(listed).collect::<Option<_>>()?;
        let attached = attached.chunks_exact(ATTACHED_BYTES).map(attached_body);
        let attached = attached.collect::<Option<_>>()?;
        let listing = Self { records, attached, sequence: trailer.sequence, end };
        listing.is_possible().then_some(listing)
    }

    /// Whether records lie one behind the other, between header and footer.
    fn is_possible(&self) -> bool {
        let mut at = SEGMENT_HEADER_BYTES / UNIT_BYTES;
        for record in &self.records {
            if u64::from(record.at) != at || record.units() == 0 || record.kind().is_none() {
                return false;
            }
            at += u64::from(record.units());
        }
        let has_body = |body: &Attached| {
            let record = self.records.get(body.record as usize);
            record.is_some_and(Listed::is_attached)
        };
        at * UNIT_BYTES == self.end && self.attached.iter().all(has_body)
    }
}

/// The fixed part at the end of a footer.
pub(super) struct Trailer {
    records: usize,
    attached: usize,
    sequence: u64,
    pub(super) end: u64,
}

impl Trailer {
    pub(super) fn parse(bytes: &[u8], segment: u32) -> Option<Self> {
        let mut fields = Fields(bytes);
        let magic = fields.u64()?;
        let records = usize::try_from(fields.u64()?).ok()?;
        let attached = usize::try_from(fields.u64()?).ok()?;
        let (sequence, end, _) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (version, number) = (fields.u32()?, fields.u32()?);
        let valid = (magic, version, number) == (MAGIC, VERSION, segment);
        valid.then_some(Self { records, attached, sequence, end })
    }

    fn body_bytes(&self) -> Option<usize> {
        let records = self.records.checked_mul(LISTED_BYTES)?;
        records.checked_add(self.attached.checked_mul(ATTACHED_BYTES)?)
    }
}

/// What stands where the records of a segment end.
pub(super) fn opening(number: u32) -> [u8; TRAILER_BYTES] {
    let mut opening = [0; TRAILER_BYTES];
    let parts = [OPENING_MAGIC.to_le_bytes(), u64::from(number).to_le_bytes()].concat();
    let checksum = crc32fast::hash(&parts).to_le_bytes();
    for (to, from) in opening.iter_mut().zip(parts.iter().chain(&checksum)) {
        *to = *from;
    }
    opening
}

fn listed(bytes: &[u8]) -> Option<Listed> {
    let mut fields = Fields(bytes);
    let digest = [fields.u32()?, fields.u32()?, fields.u32()?];
    Some(Listed { digest, at: fields.u32()?, packed: fields.u32()? })
}

fn attached_body(bytes: &[u8]) -> Option<Attached> {
    let mut fields = Fields(bytes);
    Some(Attached { record: fields.u32()?, number: fields.u64()?, bytes: fields.u64()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let records = vec![
            Listed::new([1, 2, 3], 1, (5, Kind::Inline)),
            Listed::new([4, 5, 6], 6, (2, Kind::Attached)),
            Listed::new([1, 2, 3], 8, (2, Kind::Removed)),
        ];
        let attached = vec![Attached { record: 1, number: 77, bytes: 1 << 20 }];
        Listing { records, attached, sequence: 9, end: 640 }
    }

    #[test]
    fn a_footer_is_read_as_it_was_written() {
        let footer = listing().encode(3);
        assert_eq!(footer.len(), listing().footer_bytes());
        assert_eq!(Listing::parse(&footer, 3, 640), Some(listing()));
        assert_eq!(Listing::parse(&footer, 4, 640), None, "of another segment");
        assert_eq!(Listing::parse(&footer, 3, 704), None, "at another place");
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let footer = listing().encode(3);
        for bit in 0..footer.len() * 8 {
            let mut bad = footer.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Listing::parse(&bad, 3, 640), None, "bit {bit}");
        }
        for cut in 0..footer.len() {
            assert_eq!(Listing::parse(&footer[..cut], 3, 640), None);
            assert_eq!(Listing::parse(&footer[footer.len() - cut..], 3, 640), None);
        }
    }
}
