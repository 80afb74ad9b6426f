//! Entity tags of coded content (RFC 9110 §8.8.3).
//!
//! A strong tag says that content is the same byte for byte, so each coding needs a tag of its
//! own: `"a"` is sent as `"a~zstd"`. A client that comes back with it asks for both, so that
//! cache and origin find theirs. A weak tag is the same for all codings.
//!
//! `If-Range` is not turned back: whoever has a part of coded content must not get the rest of
//! what is not coded, so its tag finds nothing and it gets the whole.

use cache::members;
use config::Coding;
use http1::{Headers, Known};

/// What stands between a tag and the name of the coding. No origin is known to write it: some
/// write `-gzip` themselves.
const MARK: u8 = b'~';

/// The tag of the same content in this coding. Weak ones stay; `None` for what is no tag.
pub(super) fn coded(tag: &[u8], coding: Coding) -> Option<Vec<u8>> {
    if let Some(rest) = tag.strip_prefix(b"W/") {
        return inside(rest).map(|_| tag.to_vec());
    }
    let opaque = inside(tag)?;
    Some([b"\"", opaque, &[MARK], coding.name().as_bytes(), b"\""].concat())
}

/// The tag that an origin knows coded content by; `None` if it is not one of ours.
fn plain(tag: &[u8]) -> Option<Vec<u8>> {
    let (weak, strong) = match tag.strip_prefix(b"W/") {
        Some(rest) => (&b"W/"[..], rest),
        None => (&b""[..], tag),
    };
    let opaque = inside(strong)?;
    let ends =
        |coding: &Coding| opaque.strip_suffix(coding.name().as_bytes())?.strip_suffix(&[MARK]);
    let origin = Coding::ALL.iter().find_map(ends)?;
    Some([weak, b"\"", origin, b"\""].concat())
}

/// What is between the quotes.
fn inside(tag: &[u8]) -> Option<&[u8]> {
    tag.strip_prefix(b"\"")?.strip_suffix(b"\"").filter(|opaque| !opaque.contains(&b'"'))
}

/// Adds the tags of origins beside ours to the conditions of a request.
pub(super) fn expand_conditions(request: &mut Headers) {
    for field in [Known::IfNoneMatch, Known::IfMatch] {
        if !request.contains(field) {
            continue;
        }
        let tags = || request.values(field).flat_map(members::split);
        let more: Vec<_> = tags().filter_map(plain).collect();
        if !more.is_empty() {
            let all: Vec<_> = tags().chain(more.iter().map(Vec::as_slice)).collect();
            let list = all.join(&b", "[..]);
            request.set_known(field, &list);
        }
    }
}

/// The tag of a `304 Not Modified`: the one that the client has, and if it has several, that of
/// the coding which it would get now.
pub(super) fn of_not_modified(request: &Headers, tag: &[u8], now: Option<Coding>) -> Vec<u8> {
    let has = |wanted: &Vec<u8>| {
        let mut tags = request.values(Known::IfNoneMatch).flat_map(members::split);
        tags.any(|known| known == wanted)
    };
    let mut codings = now.into_iter().chain(Coding::ALL);
    let found = codings.find_map(|coding| coded(tag, coding).filter(has));
    found.unwrap_or_else(|| tag.to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strong_tags_are_strong_by_coding_and_weak_ones_stay() {
        assert_eq!(coded(b"\"a\"", Coding::Zstd).unwrap(), b"\"a~zstd\"");
        assert_eq!(coded(b"\"\"", Coding::Brotli).unwrap(), b"\"~br\"");
        assert_eq!(coded(b"W/\"a\"", Coding::Gzip).unwrap(), b"W/\"a\"");
        for bad in [&b"a"[..], b"\"a", b"\"", b"", b"W/a", b"\"a\"b\""] {
            assert_eq!(coded(bad, Coding::Gzip), None);
        }
    }

    fn request(field: Known, value: &str) -> Headers {
        let mut headers = Headers::new();
        headers.push_known(field, value.as_bytes());
        headers
    }

    #[test]
    fn conditions_name_both_tags() {
        for (written, expected) in [
            ("\"a~zstd\"", "\"a~zstd\", \"a\""),
            ("\"a~br\", \"b\",W/\"c~gzip\"", "\"a~br\", \"b\", W/\"c~gzip\", \"a\", W/\"c\""),
            ("\"a\"", "\"a\""),
            ("*", "*"),
            ("\"a~deflate\", \"~\"", "\"a~deflate\", \"~\""),
            ("\"a,b~br\"", "\"a,b~br\", \"a,b\""),
        ] {
            for field in [Known::IfNoneMatch, Known::IfMatch] {
                let mut headers = request(field, written);
                expand_conditions(&mut headers);
                assert_eq!(headers.value(field), Some(expected.as_bytes()));
            }
        }
        let mut ranged = request(Known::IfRange, "\"a~zstd\"");
        expand_conditions(&mut ranged);
        assert_eq!(ranged.value(Known::IfRange), Some(&b"\"a~zstd\""[..]));
    }

    #[test]
    fn a_304_has_the_tag_that_the_client_has() {
        let of = |list: &str, now| {
            let mut headers = request(Known::IfNoneMatch, list);
            expand_conditions(&mut headers);
            String::from_utf8(of_not_modified(&headers, b"\"a\"", now)).unwrap()
        };
        assert_eq!(of("\"a~br\"", Some(Coding::Zstd)), "\"a~br\"");
        assert_eq!(of("\"a~zstd\", \"a~br\"", Some(Coding::Brotli)), "\"a~br\"");
        assert_eq!(of("\"a\"", Some(Coding::Zstd)), "\"a\"");
        assert_eq!(of("\"b~zstd\"", None), "\"a\"");
    }

    proptest! {
        #[test]
        fn what_is_coded_is_turned_back(opaque in "[!#-~]{0,20}", at in 0_usize..3) {
            let tag = format!("\"{opaque}\"").into_bytes();
            let there = coded(&tag, Coding::ALL[at]).unwrap();
            prop_assert_eq!(plain(&there), Some(tag));
        }
    }
}
