//! What a change at the origin makes invalid (RFC 9111 §4.4).

use http1::{Headers, Known, Method};

/// Whether a request may change something at the origin, also one of a method that is not known
/// (RFC 9110 §9.2.1).
#[must_use]
pub const fn is_unsafe(method: &Method) -> bool {
    !matches!(method, Method::Get | Method::Head | Method::Options | Method::Trace)
}

/// Whether an answer says that the change was made: one that is no error.
#[must_use]
pub const fn has_changed(status: u16) -> bool {
    matches!(status, 200..=399)
}

/// The URIs that an answer names, as keys, if they are of the same origin as `target`, which is
/// one too.
pub fn named<'a>(headers: &'a Headers, target: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
    let fields = [Known::Location, Known::ContentLocation];
    let values = fields.into_iter().filter_map(|field| headers.value(field));
    values.filter_map(|value| resolve(value, target))
}

/// Whether a reference means the URI of this key.
#[must_use]
pub fn is_same(reference: &[u8], target: &[u8]) -> bool {
    reference.is_empty() || resolve(reference, target).is_some_and(|key| key == target)
}

/// The key that a reference means beside a key, if both are of one origin (RFC 3986 §5).
fn resolve(reference: &[u8], base: &[u8]) -> Option<Vec<u8>> {
    let origin_end = origin_end(base);
    let (origin, path) = base.split_at_checked(origin_end)?;
    if let Some(after) = find(reference, b"://") {
        let scheme = reference.get(..after)?.to_ascii_lowercase();
        return absolute(std::str::from_utf8(&scheme).ok()?, reference.get(after + 3..)?, origin);
    }
    if let Some(rest) = reference.strip_prefix(b"//") {
        let scheme_end = find(base, b"://")?;
        return absolute(std::str::from_utf8(base.get(..scheme_end)?).ok()?, rest, origin);
    }
    let mut key = origin.to_vec();
    if !reference.starts_with(b"/") {
        let path_end = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
        let path = path.get(..path_end)?;
        let folder_end = memchr::memrchr(b'/', path).map_or(0, |at| at + 1);
        if reference.starts_with(b"?") {
            key.extend_from_slice(path);
        } else {
            key.extend_from_slice(path.get(..folder_end)?);
        }
    }
    let end = memchr::memchr(b'#', reference).unwrap_or(reference.len());
    key.extend_from_slice(reference.get(..end)?);
    without_dots(key, origin_end)
}

fn absolute(scheme: &str, rest: &[u8], origin: &[u8]) -> Option<Vec<u8>> {
    let host_end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(host_end)?;
    let mut key = Vec::new();
    crate::key::write(scheme, authority, target, &mut key);
    let is_same = origin_end(&key) == origin.len() && key.starts_with(origin);
    is_same.then_some(key)
}

/// Where the path of a key begins.
#[must_use]
pub fn origin_end(key: &[u8]) -> usize {
    let host = find(key, b"://").map_or(0, |at| at + 3);
    let path = key.get(host..).and_then(|rest| memchr::memchr(b'/', rest));
    path.map_or(key.len(), |at| host + at)
}

/// A key without `.` and `..` in its path.
fn without_dots(key: Vec<u8>, origin_end: usize) -> Option<Vec<u8>> {
    let (origin, target) = key.split_at_checked(origin_end)?;
    let query_at = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(query_at)?;
    if find(path, b"/.").is_none() {
        return Some(key);
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    kept.pop();
                }
                if is_last {
                    kept.push(b"");
                }
            }
            other => kept.push(other),
        }
    }
    let path = kept.join(&b"/"[..]);
    Some([origin, b"/", &path, query].concat())
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(reference: &str) -> Option<String> {
        let key = resolve(reference.as_bytes(), b"http://a.test/x/y?q=1");
        key.map(|key| String::from_utf8(key).unwrap())
    }

    #[test]
    fn references_of_the_same_origin_are_keys() {
        for (reference, key) in [
            ("/z", "http://a.test/z"),
            ("z", "http://a.test/x/z"),
            ("../z?b#c", "http://a.test/z?b"),
            ("./", "http://a.test/x/"),
            ("?r", "http://a.test/x/y?r"),
            ("HTTP://A.test:80/z", "http://a.test/z"),
            ("//a.test", "http://a.test/"),
        ] {
            assert_eq!(resolved(reference).as_deref(), Some(key), "{reference}");
        }
    }

    #[test]
    fn other_origins_are_left_alone() {
        for reference in ["http://b.test/z", "https://a.test/z", "//a.test:81/", "http://a.test.b/"]
        {
            assert_eq!(resolved(reference), None, "{reference}");
        }
    }

    #[test]
    fn a_response_may_say_that_it_is_the_target() {
        assert!(is_same(b"", b"http://a/x"));
        assert!(is_same(b"/x", b"http://a/x"));
        assert!(!is_same(b"/y", b"http://a/x"));
    }
}
