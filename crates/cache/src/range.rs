//! Parts of a representation (RFC 9110 §14).

use http1::{Headers, Known};

use crate::members;

/// Ranges of one request that are answered; who asks for more gets the whole.
pub const RANGES_MAX: usize = 16;

/// Bytes from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl Span {
    /// Number of bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.last - self.first + 1
    }

    /// A span is never empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Whether all of another span is in this one.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

/// What a `Range` asks for of a representation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: there is no `Range`, or none that is understood.
    Whole,
    /// These parts.
    Parts(Vec<Span>),
    /// Nothing that is there.
    Unsatisfiable,
}

/// What a request asks for of a representation of `length` bytes (§14.2).
#[must_use]
pub fn wanted(request: &Headers, length: u64) -> Wanted {
    let mut values = request.values(Known::Range);
    let (Some(value), None) = (values.next(), values.next()) else { return Wanted::Whole };
    let Some(specs) = specs(value) else { return Wanted::Whole };
    let mut spans: Vec<Span> = specs.into_iter().filter_map(|spec| spec.resolve(length)).collect();
    if spans.is_empty() {
        return Wanted::Unsatisfiable;
    }
    spans = joined(spans);
    // All of it in parts is a way to make a server send more than it has.
    if spans.iter().map(Span::len).sum::<u64>() > length {
        return Wanted::Whole;
    }
    Wanted::Parts(spans)
}

/// One range as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

impl Spec {
    fn resolve(self, length: u64) -> Option<Span> {
        let end = length.checked_sub(1)?;
        let span = match self {
            Self::From(first) => Span { first, last: end },
            Self::Between(first, last) => Span { first, last: last.min(end) },
            Self::Last(0) => return None,
            Self::Last(count) => Span { first: length.saturating_sub(count), last: end },
        };
        (span.first <= end).then_some(span)
    }
}

fn specs(value: &[u8]) -> Option<Vec<Spec>> {
    let at = memchr::memchr(b'=', value)?;
    let (unit, set) = value.split_at(at);
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for part in members::split(set.get(1..)?) {
        if specs.len() == RANGES_MAX {
            return None;
        }
        specs.push(spec(part)?);
    }
    (!specs.is_empty()).then_some(specs)
}

fn spec(part: &[u8]) -> Option<Spec> {
    let at = memchr::memchr(b'-', part)?;
    let (first, last) = (part.get(..at)?, part.get(at + 1..)?);
    match (first, last) {
        ([], last) => Some(Spec::Last(number(last)?)),
        (first, []) => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Ranges in the order asked for, where they overlap or touch as one (§14.2).
fn joined(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        let touches =
            |other: &&mut Span| span.first <= other.last + 1 && other.first <= span.last + 1;
        match joined.iter_mut().find(touches) {
            Some(other) => {
                other.first = other.first.min(span.first);
                other.last = other.last.max(span.last);
            }
            None => joined.push(span),
        }
    }
    joined
}

/// Which part a 206 has, and how long the whole is, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The part.
    pub span: Span,
    /// Length of the whole representation.
    pub complete_length: u64,
}

/// Reads `Content-Range` (§14.4). One of unknown length is of no use to a cache.
#[must_use]
pub fn content_range(headers: &Headers) -> Option<Part> {
    let value = headers.value(Known::ContentRange)?;
    let (unit, rest) = value.split_at(memchr::memchr(b' ', value)?);
    let (range, complete) = rest.split_at(memchr::memchr(b'/', rest)?);
    let range = range.trim_ascii();
    let at = memchr::memchr(b'-', range)?;
    let (first, last) = (number(range.get(..at)?)?, number(range.get(at + 1..)?)?);
    let complete_length = number(complete.get(1..)?.trim_ascii())?;
    let is_valid = unit.eq_ignore_ascii_case(b"bytes") && first <= last && last < complete_length;
    is_valid.then_some(Part { span: Span { first, last }, complete_length })
}

impl Part {
    /// The part that is really there. What came counts: where an origin has counted wrongly, the
    /// bytes begin where it says that they do, and end what they claimed to end.
    #[must_use]
    pub fn of_length(self, length: u64) -> Option<Self> {
        let last = self.span.first.checked_add(length.checked_sub(1)?)?;
        let ends = self.span.last + 1 == self.complete_length;
        let complete_length =
            if ends { last + 1 } else { self.complete_length.max(last.checked_add(1)?) };
        Some(Self { span: Span { first: self.span.first, last }, complete_length })
    }
}

/// Writes a `Content-Range` (§14.4).
#[must_use]
pub fn write_content_range(span: Span, complete_length: u64) -> String {
    format!("bytes {}-{}/{complete_length}", span.first, span.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(value: &str, length: u64) -> Wanted {
        let mut headers = Headers::new();
        headers.push(b"Range", value.as_bytes());
        wanted(&headers, length)
    }

    fn parts(spans: &[(u64, u64)]) -> Wanted {
        Wanted::Parts(
            spans.iter().map(|(first, last)| Span { first: *first, last: *last }).collect(),
        )
    }

    #[test]
    fn the_three_forms() {
        assert_eq!(ask("bytes=0-1", 10), parts(&[(0, 1)]));
        assert_eq!(ask("BYTES=8-", 10), parts(&[(8, 9)]));
        assert_eq!(ask("bytes=-3", 10), parts(&[(7, 9)]));
        assert_eq!(ask("bytes=-30", 10), parts(&[(0, 9)]));
        assert_eq!(ask("bytes=5-99", 10), parts(&[(5, 9)]));
        assert_eq!(ask("bytes=0-0, -1", 10), parts(&[(0, 0), (9, 9)]));
    }

    #[test]
    fn what_is_not_understood_is_the_whole() {
        for odd in ["bytes", "lines=1-2", "bytes=", "bytes=2-1", "bytes=a-", "bytes=1", "bytes=-"] {
            assert_eq!(ask(odd, 10), Wanted::Whole, "{odd}");
        }
        let many = format!("bytes={}", vec!["0-0"; RANGES_MAX + 1].join(","));
        assert_eq!(ask(&many, 10), Wanted::Whole);
    }

    #[test]
    fn nothing_there_cannot_be_satisfied() {
        assert_eq!(ask("bytes=10-", 10), Wanted::Unsatisfiable);
        assert_eq!(ask("bytes=-0", 10), Wanted::Unsatisfiable);
        assert_eq!(ask("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn overlapping_ranges_are_one() {
        assert_eq!(ask("bytes=0-4,3-6,7-7", 10), parts(&[(0, 7)]));
        assert_eq!(ask("bytes=8-9,0-1", 10), parts(&[(8, 9), (0, 1)]));
    }

    #[test]
    fn content_ranges_are_read_and_corrected() {
        let read = |value: &str| {
            let mut headers = Headers::new();
            headers.push(b"Content-Range", value.as_bytes());
            content_range(&headers)
        };
        let part = read("bytes 4-9/10").unwrap();
        assert_eq!(part, Part { span: Span { first: 4, last: 9 }, complete_length: 10 });
        assert_eq!(part.of_length(6), Some(part));
        let short = part.of_length(5).unwrap();
        assert_eq!(short, Part { span: Span { first: 4, last: 8 }, complete_length: 9 });
        for bad in ["bytes 4-9/*", "bytes */10", "bytes 4-3/10", "bytes 4-10/10", "x 0-1/2", ""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
