//! What a route asks of a request beyond host and literal path: predicates, a regular
//! expression, methods.

use http1::{Known, Method};
use regex::bytes::Regex;

use super::path::hex_digit;
use super::{Captures, Miss, Predicate, Query};

/// The conditions of one route.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) regex: Option<Regex>,
    pub(super) methods: Box<[Method]>,
    pub(super) predicates: Box<[Predicate]>,
    /// The pattern itself speaks of escaped separators, so its author has seen to them.
    pub(super) names_escapes: bool,
}

/// What a guard says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    /// All holds but the method: the stuff of 405.
    MethodMissed,
    Fails,
}

impl Guard {
    pub(super) fn is_open(&self) -> bool {
        self.regex.is_none()
            && self.methods.is_empty()
            && self.predicates.is_empty()
            && !self.names_escapes
    }

    /// Whether a path fits, whatever else is asked for.
    pub(super) fn takes_path(&self, path: &[u8]) -> bool {
        self.regex.as_ref().is_none_or(|regex| regex.is_match(path))
    }

    pub(super) fn asks_for_path_alone(&self) -> bool {
        self.methods.is_empty() && self.predicates.is_empty()
    }

    pub(super) fn verdict(&self, query: &Query<'_>, path: &[u8]) -> Verdict {
        if !self.predicates.iter().all(|predicate| predicate.holds(query)) {
            return Verdict::Fails;
        }
        if self.regex.as_ref().is_some_and(|regex| !regex.is_match(path)) {
            return Verdict::Fails;
        }
        if self.allows(query.head.method) { Verdict::Holds } else { Verdict::MethodMissed }
    }

    /// Why it does not hold, if it does not.
    pub(super) fn miss(&self, query: &Query<'_>, path: &[u8]) -> Option<Miss> {
        let failed = || self.predicates.iter().find(|predicate| !predicate.holds(query)).cloned();
        match self.verdict(query, path) {
            Verdict::Holds => None,
            Verdict::MethodMissed => Some(Miss::Method(self.methods.to_vec())),
            Verdict::Fails => Some(failed().map_or(Miss::Path, Miss::Condition)),
        }
    }

    fn allows(&self, method: Method) -> bool {
        self.methods.is_empty()
            || self.methods.contains(&method)
            || method == Method::Head && self.methods.contains(&Method::Get)
    }

    /// Fills the captures of a regular expression; false where there is none.
    pub(super) fn capture(&self, path: &[u8], captures: &mut Captures) -> bool {
        let Some(regex) = &self.regex else { return false };
        let mut groups = regex.capture_locations();
        let Some(whole) = regex.captures_read(&mut groups, path) else { return false };
        captures.set_rest(whole.end(), path.len());
        for number in 0..groups.len() {
            captures.push_group(groups.get(number).map(|(start, end)| start..end));
        }
        true
    }
}

impl Predicate {
    /// The spelling under which equal conditions are equal.
    pub(super) fn normal(&self) -> Self {
        match self {
            Self::Header { name, value } => {
                Self::Header { name: name.to_ascii_lowercase(), value: value.clone() }
            }
            Self::Client(network) => Self::Client(network.trunc()),
            other => other.clone(),
        }
    }

    /// Whether it is so of a request.
    #[must_use]
    pub fn holds(&self, query: &Query<'_>) -> bool {
        let headers = &query.head.headers;
        match self {
            Self::Header { name, value } => headers
                .values_named(name.as_bytes())
                .any(|found| value.as_ref().is_none_or(|value| found == value.as_bytes())),
            Self::Query { name, value } => query
                .head
                .query()
                .is_some_and(|text| has_parameter(text, name.as_bytes(), value.as_deref())),
            Self::Cookie { name, value } => headers
                .values(Known::Cookie)
                .any(|text| has_cookie(text, name.as_bytes(), value.as_deref())),
            Self::Client(network) => network.contains(&query.client.to_canonical()),
        }
    }
}

/// `name=value&...` as forms write it: `+` is a space, a missing `=` an empty value.
fn has_parameter(query: &[u8], name: &[u8], value: Option<&str>) -> bool {
    query.split(|byte| *byte == b'&').any(|pair| {
        let (left, right) = split_pair(pair);
        decodes_to(left, name) && value.is_none_or(|value| decodes_to(right, value.as_bytes()))
    })
}

/// `name=value; ...` (RFC 6265 §4.2.1); values are compared as they stand.
fn has_cookie(text: &[u8], name: &[u8], value: Option<&str>) -> bool {
    text.split(|byte| *byte == b';').any(|pair| {
        let (left, right) = split_pair(pair.trim_ascii());
        left == name && value.is_none_or(|value| right == value.as_bytes())
    })
}

fn split_pair(pair: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = memchr::memchr(b'=', pair) else { return (pair, b"") };
    let (left, right) = pair.split_at(at);
    (left, right.get(1..).unwrap_or_default())
}

/// Compares without a copy; a broken escape stands for itself.
fn decodes_to(mut raw: &[u8], text: &[u8]) -> bool {
    for &expected in text {
        let (found, tail) = match raw {
            [b'%', high, low, tail @ ..] => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, tail),
                _ => (b'%', raw.get(1..).unwrap_or_default()),
            },
            [b'+', tail @ ..] => (b' ', tail),
            [byte, tail @ ..] => (*byte, tail),
            [] => return false,
        };
        if found != expected {
            return false;
        }
        raw = tail;
    }
    raw.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_compared_decoded() {
        assert!(has_parameter(b"a=1&b=x+y", b"b", Some("x y")));
        assert!(has_parameter(b"%61=%7e", b"a", Some("~")));
        assert!(has_parameter(b"flag", b"flag", None));
        assert!(has_parameter(b"flag", b"flag", Some("")));
        assert!(has_parameter(b"v=1&v=2", b"v", Some("2")));
        assert!(has_parameter(b"v=%zz%", b"v", Some("%zz%")));
        assert!(!has_parameter(b"v=12", b"v", Some("1")));
        assert!(!has_parameter(b"v=1", b"v", Some("12")));
        assert!(!has_parameter(b"vv=1", b"v", None));
        assert!(!has_parameter(b"", b"v", None));
    }

    #[test]
    fn cookies_are_compared_as_they_stand() {
        assert!(has_cookie(b"a=1; b=2", b"b", Some("2")));
        assert!(has_cookie(b"a=1;b=2=3", b"b", Some("2=3")));
        assert!(!has_cookie(b"ab=2", b"b", None));
        assert!(!has_cookie(b"a=%31", b"a", Some("1")));
    }
}
