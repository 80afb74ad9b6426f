//! What is known of a stored response beside its content, as bytes for the disk. All numbers are
//! little endian; texts are their length and their bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http1::{Headers, ResponseHead, Version};

use crate::date::Seconds;
use crate::range::{Part, Span};
use crate::storable::Terms;
use crate::store::content::Content;
use crate::store::stored::{Stored, tags};
use crate::vary::Selection;

const FORMAT: u8 = 1;
const RESPONSE: u8 = 1;
const VARIANTS: u8 = 2;

const NO_CACHE: u8 = 1;
const MUST_REVALIDATE: u8 = 2;

/// What a record on disk says.
#[derive(Debug)]
pub(super) enum Record {
    /// A response.
    Response(Box<Response>),
    /// Several responses are told apart here, each by a key of its own.
    Variants(Variants),
}

/// A response without its content.
#[derive(Debug)]
pub(super) struct Response {
    head: ResponseHead,
    terms: Terms,
    selection: Selection,
    declared_length: Option<u64>,
    part: Option<Part>,
    checked: u64,
}

/// By which fields of requests the responses of a key are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variants {
    /// Goes into the keys of the responses, so that those of before are found no more.
    pub(super) generation: u64,
    /// The names, in lower case and in order.
    pub(super) names: Vec<Vec<u8>>,
}

impl Response {
    pub(super) fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// As bytes, stale from this time on.
    pub(super) fn stale(&self, now: Seconds) -> Vec<u8> {
        let Self { head, terms, selection, declared_length, part, checked } = self;
        let terms = terms.ended(now);
        write((head, &terms, selection), (*declared_length, *part), *checked)
    }

    /// The response as it is kept in memory.
    pub(super) fn with_content(self, content: Content, nonce: u64) -> Arc<Stored> {
        let Self { head, terms, selection, declared_length, part, checked } = self;
        Arc::new(Stored {
            tags: tags(&head.headers),
            head,
            terms,
            selection,
            content: Arc::new(content),
            declared_length,
            part,
            checked: AtomicU64::new(checked),
            is_written: true.into(),
            disk_nonce: nonce.into(),
        })
    }
}

/// A response as bytes.
pub(super) fn encode(stored: &Stored) -> Vec<u8> {
    let Stored { head, terms, selection, declared_length, part, checked, .. } = stored;
    let checked = checked.load(Ordering::Relaxed);
    write((head, terms, selection), (*declared_length, *part), checked)
}

fn write(
    (head, terms, selection): (&ResponseHead, &Terms, &Selection),
    (declared_length, part): (Option<u64>, Option<Part>),
    checked: u64,
) -> Vec<u8> {
    let mut out = Out(vec![FORMAT, RESPONSE]);
    out.0.extend_from_slice(&head.status.to_le_bytes());
    out.0.push(match head.version {
        Version::Http10 => 0,
        Version::Http11 => 1,
        Version::Http2 => 2,
    });
    out.text(&head.reason);
    out.u64(terms.received);
    for number in [
        terms.age_on_receipt_s,
        terms.lifetime_s,
        terms.stale_while_revalidate_s,
        terms.stale_if_error_s,
    ] {
        out.u32(number);
    }
    let no_cache = if terms.no_cache { NO_CACHE } else { 0 };
    out.0.push(no_cache | if terms.must_revalidate { MUST_REVALIDATE } else { 0 });
    out.u64(checked);
    out.optional(declared_length.as_ref(), |out, length| out.u64(*length));
    out.optional(part.as_ref(), |out, part| {
        out.u64(part.span.first);
        out.u64(part.span.last);
        out.u64(part.complete_length);
    });
    out.list(selection.parts(), |out, (name, value)| {
        out.text(name);
        out.optional(value, Out::text);
    });
    out.optional(selection.language(), Out::text);
    out.list(head.headers.iter(), |out, field| {
        out.text(field.name);
        out.text(field.value);
    });
    out.0
}

impl Variants {
    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Out(vec![FORMAT, VARIANTS]);
        out.u64(self.generation);
        out.list(self.names.iter(), |out, name| out.text(name));
        out.0
    }
}

/// What these bytes say; nothing where they are of another format.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut fields = In(bytes);
    if fields.u8()? != FORMAT {
        return None;
    }
    match fields.u8()? {
        RESPONSE => response(&mut fields).map(Box::new).map(Record::Response),
        VARIANTS => {
            let generation = fields.u64()?;
            let names = fields.list(|fields| fields.text().map(<[u8]>::to_vec))?;
            Some(Record::Variants(Variants { generation, names }))
        }
        _ => None,
    }
}

fn response(fields: &mut In<'_>) -> Option<Response> {
    let status = u16::from_le_bytes(fields.array()?);
    let version = match fields.u8()? {
        0 => Version::Http10,
        1 => Version::Http11,
        2 => Version::Http2,
        _ => return None,
    };
    let reason = fields.text()?.to_vec();
    let mut terms = Terms {
        received: fields.u64()?,
        age_on_receipt_s: fields.u32()?,
        lifetime_s: fields.u32()?,
        stale_while_revalidate_s: fields.u32()?,
        stale_if_error_s: fields.u32()?,
        ..Terms::default()
    };
    let flags = fields.u8()?;
    terms.no_cache = flags & NO_CACHE != 0;
    terms.must_revalidate = flags & MUST_REVALIDATE != 0;
    let checked = fields.u64()?;
    let declared_length = fields.optional(In::u64)?;
    let part = fields.optional(|fields| {
        let span = Span { first: fields.u64()?, last: fields.u64()? };
        Some(Part { span, complete_length: fields.u64()? })
    })?;
    let parts = fields.list(|fields| {
        let name = fields.text()?;
        Some((name, fields.optional(In::text)?))
    })?;
    let selection = Selection::restored(parts, fields.optional(In::text)?);
    let mut headers = Headers::new();
    fields.list(|fields| {
        let name = fields.text()?;
        headers.push(name, fields.text()?);
        Some(())
    })?;
    let head = ResponseHead { status, version, reason, headers };
    Some(Response { head, terms, selection, declared_length, part, checked })
}

/// Writes fields.
struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(text);
    }

    fn optional<T: ?Sized>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.0.push(value.is_some().into());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, list: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let at = self.0.len();
        self.u32(0);
        let mut count: u32 = 0;
        for one in list {
            write(self, one);
            count += 1;
        }
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&count.to_le_bytes());
        }
    }
}

/// Reads fields.
struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            _ => read(self).map(Some),
        }
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        // The count is no reason to make room: it may be wrong.
        (0..self.u32()?).map(|_| read(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http1::Known;
    use proptest::prelude::*;

    use super::*;

    fn stored(status: u16, texts: &[Vec<u8>], numbers: [u32; 4], flags: u8) -> Stored {
        let mut headers = Headers::new();
        let mut request = Headers::new();
        for text in texts {
            headers.push(b"X-Text", text);
            request.push(b"x-asked", text);
        }
        if flags & 1 != 0 {
            headers.push_known(Known::Vary, b"X-Asked, X-None");
            headers.push_known(Known::ContentLanguage, b"de");
        }
        let [age_on_receipt_s, lifetime_s, stale_while_revalidate_s, stale_if_error_s] = numbers;
        let (first, last) = (u64::from(lifetime_s), u64::from(lifetime_s) + 9);
        Stored {
            selection: Selection::of(&headers, &request),
            tags: tags(&headers),
            head: ResponseHead {
                status,
                version: if flags & 2 != 0 { Version::Http10 } else { Version::Http11 },
                reason: texts.first().cloned().unwrap_or_default(),
                headers,
            },
            terms: Terms {
                received: first * 3,
                age_on_receipt_s,
                lifetime_s,
                stale_while_revalidate_s,
                stale_if_error_s,
                no_cache: flags & 4 != 0,
                must_revalidate: flags & 8 != 0,
            },
            content: Arc::new(Content::whole(Bytes::new())),
            declared_length: (flags & 16 != 0).then_some(first),
            part: (flags & 32 != 0)
                .then_some(Part { span: Span { first, last }, complete_length: last * 2 }),
            checked: AtomicU64::new(7),
            is_written: true.into(),
            disk_nonce: 5.into(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_what_is_cut_is_nothing(
            status in 100_u16..600,
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
            numbers in any::<[u32; 4]>(),
            flags in 0_u8..64,
        ) {
            let stored = stored(status, &texts, numbers, flags);
            let bytes = encode(&stored);
            let Some(Record::Response(read)) = decode(&bytes) else { panic!("{bytes:?}") };
            let read = read.with_content(Content::whole(Bytes::new()), 5);
            prop_assert_eq!(format!("{:?}", read), format!("{:?}", stored));
            for cut in 0..bytes.len() {
                prop_assert!(decode(&bytes[..cut]).is_none(), "cut at {}", cut);
            }
        }
    }

    #[test]
    fn variants_are_read() {
        let variants = Variants { generation: 9, names: vec![b"a".to_vec(), b"b".to_vec()] };
        match decode(&variants.encode()) {
            Some(Record::Variants(read)) => assert_eq!(read, variants),
            other => panic!("{other:?}"),
        }
        assert!(decode(&[]).is_none() && decode(&[9, 1]).is_none());
    }
}
