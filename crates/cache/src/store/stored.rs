//! One stored response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http1::{Headers, Known, ResponseHead};

use super::content::Content;
use crate::range::Part;
use crate::storable::Terms;
use crate::vary::Selection;

/// Tags of one response that count; further ones are left out.
pub const TAGS_MAX: usize = 256;

/// What a stored response costs beside its bytes: measured, by the memory that a process takes.
const OVERHEAD_BYTES: usize = 960;

/// Allocators hand out more than they are asked for: one part in this many more, on average.
const SLACK_PART: usize = 16;

/// A response as it is kept.
#[derive(Debug)]
pub struct Stored {
    /// Its head, without the fields that are of one connection.
    pub head: ResponseHead,
    /// On what terms it is kept.
    pub terms: Terms,
    /// What requests select it by.
    pub selection: Selection,
    /// Its content.
    pub content: Arc<Content>,
    /// The length that its head declares.
    pub declared_length: Option<u64>,
    /// Which part of the whole it is, where it is a part.
    pub part: Option<Part>,
    /// Hashes of its tags.
    pub tags: Box<[u64]>,
    /// It is known not to be purged by what was purged up to this number.
    pub checked: AtomicU64,
    /// The disk has it too, with this head.
    pub is_written: AtomicBool,
    /// Which body on the disk is its content; 0 for none.
    pub disk_nonce: AtomicU64,
}

impl Stored {
    /// The same response with another head and on other terms.
    #[must_use]
    pub fn renewed(&self, head: ResponseHead, terms: Terms) -> Self {
        Self {
            tags: tags(&head.headers),
            head,
            terms,
            selection: self.selection.clone(),
            content: Arc::clone(&self.content),
            declared_length: self.declared_length,
            part: self.part,
            checked: AtomicU64::new(self.checked.load(Ordering::Relaxed)),
            is_written: AtomicBool::new(false),
            disk_nonce: AtomicU64::new(self.disk_nonce.load(Ordering::Relaxed)),
        }
    }

    /// Whether it came later, and is no part where the other one is whole.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.terms.received >= other.terms.received && self.part.is_some() <= other.part.is_some()
    }

    /// Bytes of memory that it takes beside its content.
    #[must_use]
    pub fn head_bytes(&self) -> usize {
        let fields = |field: http1::headers::Field<'_>| field.name.len() + field.value.len() + 16;
        let head: usize = self.head.headers.iter().map(fields).sum();
        head + self.selection.weight_bytes() + self.tags.len() * 8 + OVERHEAD_BYTES
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let content = usize::try_from(self.content.memory_bytes()).unwrap_or(usize::MAX);
        self.head_bytes().saturating_add(content).saturating_add(content / SLACK_PART)
    }
}

/// The hashes of a response's tags.
#[must_use]
pub fn tags(headers: &Headers) -> Box<[u64]> {
    tag_texts(headers).map(tag_hash).collect()
}

/// A response's tags: `Surrogate-Key` between spaces, `Cache-Tag` between commas, [`TAGS_MAX`] at
/// the most.
pub fn tag_texts(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    let keys = headers.values(Known::SurrogateKey).flat_map(|value| value.split(|b| *b == b' '));
    let tags = headers.values(Known::CacheTag).flat_map(|value| value.split(|b| *b == b','));
    let all = keys.chain(tags).map(<[u8]>::trim_ascii).filter(|tag| !tag.is_empty());
    all.take(TAGS_MAX)
}

/// The hash of a tag: the same in every process, since it outlives this one on disk. Two tags
/// with the same one are purged together, which costs a fetch.
#[must_use]
pub fn tag_hash(tag: &[u8]) -> u64 {
    // FNV-1a
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    tag.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_both_fields() {
        let mut headers = Headers::new();
        headers.push(b"Surrogate-Key", b"a  b");
        headers.push(b"Cache-Tag", b"b c, d");
        let expected = [b"a".as_slice(), b"b", b"b c", b"d"].map(tag_hash);
        assert_eq!(*tags(&headers), expected);
    }
}
