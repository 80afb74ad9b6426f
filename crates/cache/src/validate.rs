//! Conditions of requests: those that a client sets, and those that validate a stored response
//! (RFC 9111 §4.3, RFC 9110 §13).

use http1::{Headers, Known};

use crate::date::{self, Seconds};
use crate::freshness::{self, Times};
use crate::members;

/// The conditions that a cache may answer by itself (RFC 9111 §4.3.2).
const CONDITIONS: [Known; 2] = [Known::IfNoneMatch, Known::IfModifiedSince];

/// Whether a request has conditions that only the origin may judge.
#[must_use]
pub fn is_for_origin(request: &Headers) -> bool {
    request.contains(Known::IfMatch) || request.contains(Known::IfUnmodifiedSince)
}

/// Whether a request has conditions that a cache answers by itself.
#[must_use]
pub fn has_conditions(request: &Headers) -> bool {
    CONDITIONS.iter().any(|field| request.contains(*field))
}

/// Takes the conditions out that a cache answers by itself.
pub fn remove_conditions(request: &mut Headers) {
    for field in CONDITIONS {
        request.remove(field);
    }
}

/// Makes a request validate a stored response (§4.3.1).
pub fn set_conditions(request: &mut Headers, stored: &Headers) {
    remove_conditions(request);
    request.remove(Known::IfRange);
    request.remove(Known::Range);
    if let Some(tag) = stored.value(Known::Etag) {
        request.push_known(Known::IfNoneMatch, tag);
    }
    if let Some(modified) = stored.value(Known::LastModified) {
        request.push_known(Known::IfModifiedSince, modified);
    }
}

/// Whether the conditions of a request make `304 Not Modified` of a stored 200 (§4.3.2).
/// `received` is when the stored response came.
#[must_use]
pub fn is_not_modified(request: &Headers, stored: &Headers, received: Seconds) -> bool {
    if request.contains(Known::IfNoneMatch) {
        let tag = stored.value(Known::Etag);
        let mut wanted = request.values(Known::IfNoneMatch).flat_map(members::split);
        return wanted
            .any(|wanted| wanted == b"*" || tag.is_some_and(|tag| opaque(tag) == opaque(wanted)));
    }
    let Some(since) = request.value(Known::IfModifiedSince).and_then(date::parse) else {
        return false;
    };
    let times = Times { request: received, response: received };
    let modified = stored.value(Known::LastModified).and_then(date::parse);
    // Without a date of change, it cannot have changed after it was made.
    modified.unwrap_or_else(|| freshness::date_of(stored, times)) <= since
}

/// A tag without its mark of weakness (RFC 9110 §8.8.3.2, weak comparison).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The tag of a response, if it is a strong one.
#[must_use]
pub fn strong_tag(headers: &Headers) -> Option<&[u8]> {
    headers.value(Known::Etag).filter(|tag| tag.starts_with(b"\"") && tag.len() >= 2)
}

/// Whether the `If-Range` of a request lets its `Range` count for a stored response
/// (RFC 9110 §13.1.5): strong tags are the same, or the date is exactly that of the last change.
#[must_use]
pub fn range_counts(request: &Headers, stored: &Headers) -> bool {
    let Some(wanted) = request.value(Known::IfRange) else { return true };
    if wanted.starts_with(b"\"") || wanted.starts_with(b"W/") {
        return strong_tag(stored).is_some_and(|tag| tag == wanted);
    }
    let modified = stored.value(Known::LastModified);
    let is_strong = || {
        // A date says for certain only what was left alone for a minute (RFC 9110 §8.8.2.2).
        let (date, modified) = (stored.value(Known::Date)?, modified?);
        Some(date::parse(date)? >= date::parse(modified)? + 60)
    };
    modified.is_some_and(|modified| modified == wanted) && is_strong().unwrap_or(false)
}

/// Whether both come from the same representation beyond doubt (RFC 9110 §15.3.7.3).
#[must_use]
pub fn are_parts_of_one(stored: &Headers, other: &Headers) -> bool {
    strong_tag(stored).is_some_and(|tag| strong_tag(other) == Some(tag))
}

/// Brings the fields of a stored response up to date by those of a 304 (§3.2, §4.3.4). What
/// describes the stored content stays as it is.
pub fn update(stored: &mut Headers, fresh: &Headers) {
    let mut replaced: Vec<&[u8]> = Vec::new();
    for field in fresh.iter().filter(|field| !describes_content(field.known, field.name)) {
        if !replaced.iter().any(|name| field.is(name)) {
            stored.remove_named(field.name);
            replaced.push(field.name);
        }
        stored.push(field.name, field.value);
    }
    // The age is that of the answer which said that all is as it was.
    if !fresh.contains(Known::Age) {
        stored.remove(Known::Age);
    }
}

fn describes_content(known: Known, name: &[u8]) -> bool {
    matches!(
        known,
        Known::ContentEncoding | Known::ContentLength | Known::ContentRange | Known::Etag
    ) || name.eq_ignore_ascii_case(b"content-md5")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 09:49:37 GMT";

    fn not_modified(request: &[(&str, &str)], stored: &[(&str, &str)]) -> bool {
        is_not_modified(&headers(request), &headers(stored), 784_111_777)
    }

    #[test]
    fn tags_go_before_dates_and_compare_weakly() {
        let stored = [("ETag", "\"a\""), ("Last-Modified", MODIFIED)];
        assert!(not_modified(&[("If-None-Match", "\"x\", W/\"a\"")], &stored));
        assert!(not_modified(&[("If-None-Match", "*")], &stored));
        let both = [("If-None-Match", "\"x\""), ("If-Modified-Since", LATER)];
        assert!(!not_modified(&both, &stored));
        assert!(!not_modified(&[("If-None-Match", "\"a\"")], &[]));
    }

    #[test]
    fn dates_count_alone() {
        assert!(not_modified(&[("If-Modified-Since", MODIFIED)], &[("Last-Modified", MODIFIED)]));
        assert!(!not_modified(&[("If-Modified-Since", MODIFIED)], &[("Last-Modified", LATER)]));
        assert!(not_modified(&[("If-Modified-Since", LATER)], &[("Date", MODIFIED)]));
        assert!(!not_modified(
            &[("If-Modified-Since", "yesterday")],
            &[("Last-Modified", MODIFIED)]
        ));
    }

    #[test]
    fn a_range_counts_for_the_same_representation() {
        let counts = |wanted: &str, stored: &[(&str, &str)]| {
            range_counts(&headers(&[("If-Range", wanted)]), &headers(stored))
        };
        assert!(counts("\"a\"", &[("ETag", "\"a\"")]));
        assert!(!counts("W/\"a\"", &[("ETag", "W/\"a\"")]), "weak tags tell nothing of bytes");
        assert!(counts(MODIFIED, &[("Last-Modified", MODIFIED), ("Date", LATER)]));
        assert!(!counts(MODIFIED, &[("Last-Modified", MODIFIED), ("Date", MODIFIED)]));
        assert!(!counts(LATER, &[("Last-Modified", MODIFIED), ("Date", LATER)]));
        assert!(range_counts(&headers(&[]), &headers(&[])));
    }

    #[test]
    fn a_304_updates_all_but_what_describes_the_content() {
        let mut stored = headers(&[("A", "1"), ("B", "1"), ("B", "2"), ("Content-Length", "5")]);
        update(&mut stored, &headers(&[("b", "3"), ("C", "4"), ("Content-Length", "9")]));
        let all: Vec<_> = stored.iter().map(|field| field.value.to_vec()).collect();
        assert_eq!(all, [b"1", b"5", b"3", b"4"]);
    }
}
