//! Parts of a request that are found by their name: cookies and query parameters, as they stand.

use http1::{Headers, Known};

/// The value of a cookie (RFC 6265 §4.2); of several, the first one.
#[must_use]
pub(crate) fn cookie<'a>(headers: &'a Headers, name: &'a [u8]) -> Option<&'a [u8]> {
    cookies(headers, name).next()
}

/// The values of all cookies of one name.
pub(crate) fn cookies<'a>(
    headers: &'a Headers,
    name: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let cookies = headers.values(Known::Cookie).flat_map(|value| value.split(|b| *b == b';'));
    let pairs = cookies.map(<[u8]>::trim_ascii);
    pairs.filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The first value of a parameter of a query; empty where it has none.
#[must_use]
pub(crate) fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    query.split(|byte| *byte == b'&').find_map(|pair| {
        let mark = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        (pair.get(..mark) == Some(name)).then(|| pair.get(mark + 1..).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_and_parameters_are_taken_as_they_stand() {
        let mut headers = Headers::default();
        headers.push_known(Known::Cookie, b"a=1; session=x%20y;b=2");
        assert_eq!(cookie(&headers, b"session"), Some(&b"x%20y"[..]));
        assert_eq!(cookie(&headers, b"b"), Some(&b"2"[..]));
        assert_eq!(cookie(&headers, b"sess"), None);
        headers.push_known(Known::Cookie, b"b=3; a=4");
        assert_eq!(cookies(&headers, b"b").collect::<Vec<_>>(), [b"2", b"3"]);
        let query = b"x=1&user=ann&user=bob&flag";
        assert_eq!(parameter(query, b"user"), Some(&b"ann"[..]));
        assert_eq!(parameter(query, b"flag"), Some(&b""[..]));
        assert_eq!(parameter(query, b"us"), None);
    }
}
