//! The fields of a message, in the order received: one byte buffer and an index into it.
//!
//! Names and values are ranges, known names are small integers, so that nothing is allocated or
//! hashed for a field. All protocols fill the same type.

use crate::Known;
use crate::limits::NAME_BYTES_MAX;

/// The header or trailer fields of a message, case and order kept.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    index: Vec<Entry>,
    present: u64,
}

/// Where one field stands in the byte buffer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name_start: u32,
    name_len: u16,
    known: Known,
    value_start: u32,
    value_len: u32,
}

/// One field, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as received.
    pub name: &'a [u8],
    /// The value without surrounding white space.
    pub value: &'a [u8],
    /// The name as a small integer.
    pub known: Known,
}

impl Field<'_> {
    /// Whether the field has this name, whatever its case.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl Headers {
    /// No fields, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), index: Vec::new(), present: 0 }
    }

    /// Forgets the fields and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.index.clear();
        self.present = 0;
    }

    /// Gives memory above these capacities back, so that one large message does not pin it.
    pub fn shrink_to(&mut self, bytes_max: usize, fields_max: usize) {
        self.bytes.shrink_to(bytes_max);
        self.index.shrink_to(fields_max);
    }

    /// Replaces everything by the fields of a head that is kept as one copy.
    ///
    /// `fields` are names and values inside `head`; a slice from elsewhere is skipped.
    pub(crate) fn fill<'a>(
        &mut self,
        head: &'a [u8],
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) {
        self.clear();
        self.bytes.extend_from_slice(head);
        for (name, value) in fields {
            let (Some(name_start), Some(value_start)) = (within(head, name), within(head, value))
            else {
                continue;
            };
            let name_len = name.len() as u16;
            let value_len = value.len() as u32;
            let known = Known::of(name);
            self.index.push(Entry { name_start, name_len, known, value_start, value_len });
            self.present |= known.bit();
        }
    }

    /// Appends a field. The caller has checked name and value against RFC 9110 §5; one that could
    /// end its own line is left out, so that no mistake elsewhere splits a message in two.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.push_as(Known::of(name), name, value);
    }

    /// Appends a field under the canonical spelling of a known name.
    pub fn push_known(&mut self, known: Known, value: &[u8]) {
        self.push_as(known, known.name().as_bytes(), value);
    }

    fn push_as(&mut self, known: Known, name: &[u8], value: &[u8]) {
        if breaks_line(name) || breaks_line(value) || name.len() > NAME_BYTES_MAX {
            return;
        }
        let name_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        let value_start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value);
        let name_len = name.len() as u16;
        let value_len = value.len() as u32;
        self.index.push(Entry { name_start, name_len, known, value_start, value_len });
        self.present |= known.bit();
    }

    /// The fields in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + Clone {
        self.index.iter().map(|entry| self.field(*entry))
    }

    fn field(&self, entry: Entry) -> Field<'_> {
        Field {
            name: slice(&self.bytes, entry.name_start, u32::from(entry.name_len)),
            value: slice(&self.bytes, entry.value_start, entry.value_len),
            known: entry.known,
        }
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Whether a known name occurs. Constant time.
    #[must_use]
    pub fn contains(&self, known: Known) -> bool {
        self.present & known.bit() != 0
    }

    /// The first value of a known name.
    #[must_use]
    pub fn value(&self, known: Known) -> Option<&[u8]> {
        self.values(known).next()
    }

    /// All values of a known name, in order.
    pub fn values(&self, known: Known) -> impl Iterator<Item = &[u8]> + Clone {
        let index = if self.contains(known) { self.index.as_slice() } else { &[] };
        index
            .iter()
            .filter(move |entry| entry.known == known)
            .map(|entry| slice(&self.bytes, entry.value_start, entry.value_len))
    }

    /// All values of any name, whatever its case.
    pub fn values_named<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter().filter(move |field| field.is(name)).map(|field| field.value)
    }

    /// Removes every field of a known name; tells whether there was one.
    pub fn remove(&mut self, known: Known) -> bool {
        self.contains(known) && self.retain(|field| field.known != known)
    }

    /// Removes every field of this name, whatever its case; tells whether there was one.
    pub fn remove_named(&mut self, name: &[u8]) -> bool {
        self.retain(|field| !field.is(name))
    }

    /// Replaces every field of this name by one; a new field goes to the end.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove_named(name);
        self.push(name, value);
    }

    /// Replaces every field of a known name by one; a new field goes to the end.
    pub fn set_known(&mut self, known: Known, value: &[u8]) {
        self.remove(known);
        self.push_known(known, value);
    }

    /// Keeps the fields for which `keep` says so; tells whether any went.
    pub fn retain(&mut self, mut keep: impl FnMut(Field<'_>) -> bool) -> bool {
        let before = self.index.len();
        let bytes = &self.bytes;
        let mut present = 0;
        self.index.retain(|entry| {
            let stays = keep(Field {
                name: slice(bytes, entry.name_start, u32::from(entry.name_len)),
                value: slice(bytes, entry.value_start, entry.value_len),
                known: entry.known,
            });
            if stays {
                present |= entry.known.bit();
            }
            stays
        });
        self.present = present;
        self.index.len() != before
    }
}

/// Where `part` begins inside `whole`.
fn within(whole: &[u8], part: &[u8]) -> Option<u32> {
    let offset = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let fits = offset.checked_add(part.len())? <= whole.len();
    if fits { u32::try_from(offset).ok() } else { None }
}

/// Whether these bytes could end a line, or a string in an origin written in C.
fn breaks_line(text: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, text).is_some()
}

/// Ranges are made by `push` and `fill` alone, so the fallback is never taken; it keeps a panic
/// off the path.
fn slice(bytes: &[u8], start: u32, len: u32) -> &[u8] {
    let start = start as usize;
    bytes.get(start..start + len as usize).unwrap_or_default()
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let mut headers = Headers::new();
        headers.push(b"host", b"a");
        headers.push(b"X-One", b"1");
        headers.push(b"COOKIE", b"a=1");
        headers.push(b"Cookie", b"b=2");
        headers
    }

    #[test]
    fn keeps_case_and_order() {
        let headers = sample();
        let names: Vec<_> = headers.iter().map(|field| field.name.to_vec()).collect();
        assert_eq!(
            names,
            [b"host".to_vec(), b"X-One".to_vec(), b"COOKIE".to_vec(), b"Cookie".to_vec()]
        );
    }

    #[test]
    fn finds_known_and_other_names() {
        let headers = sample();
        assert_eq!(headers.value(Known::Host), Some(&b"a"[..]));
        assert_eq!(headers.values(Known::Cookie).count(), 2);
        assert_eq!(headers.values_named(b"x-one").next(), Some(&b"1"[..]));
        assert!(!headers.contains(Known::Via));
    }

    #[test]
    fn what_would_split_a_message_is_left_out() {
        let mut headers = Headers::new();
        headers.push(b"A", b"1\r\nB: 2");
        headers.push(b"A\nB", b"1");
        headers.push(b"A", b"1\0");
        headers.push(&[b'a'; NAME_BYTES_MAX + 1], b"1");
        assert!(headers.is_empty());
    }

    #[test]
    fn filling_again_needs_no_memory() {
        let head = b"A: 1\r\nHost: h\r\n";
        let fields = || [(&head[..1], &head[3..4]), (&head[6..10], &head[12..13])].into_iter();
        let mut headers = Headers::new();
        headers.fill(head, fields());
        let room = (headers.bytes.capacity(), headers.index.capacity());
        headers.fill(head, fields());
        assert_eq!((headers.bytes.capacity(), headers.index.capacity()), room);
        assert_eq!(headers.value(Known::Host), Some(&b"h"[..]));
        headers.fill(head, [(&b"Host"[..], &b"x"[..])].into_iter());
        assert!(headers.is_empty(), "a slice from elsewhere is skipped");
    }

    #[test]
    fn removal_updates_presence() {
        let mut headers = sample();
        assert!(headers.remove(Known::Cookie));
        assert!(!headers.contains(Known::Cookie));
        assert!(headers.contains(Known::Host));
        assert!(!headers.remove(Known::Cookie));
        headers.set(b"x-one", b"2");
        assert_eq!(headers.len(), 2);
        assert_eq!(headers.values_named(b"X-One").collect::<Vec<_>>(), [b"2"]);
    }
}
