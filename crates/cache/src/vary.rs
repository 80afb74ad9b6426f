//! Which of several stored responses a request selects (RFC 9111 §4.1).

use http1::{Headers, Known};

use crate::members;

/// What a stored response was selected by: the names of its `Vary`, and what the request said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    parts: Box<[Part]>,
    /// The language of the response, where it varies by that.
    language: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// In lower case.
    name: Box<[u8]>,
    value: Option<Box<[u8]>>,
}

impl Selection {
    /// What a response to this request is selected by.
    #[must_use]
    pub fn of(response: &Headers, request: &Headers) -> Self {
        let lists = response.values(Known::Vary).flat_map(|value| value.split(|b| *b == b','));
        let mut names: Vec<Vec<u8>> =
            lists.map(|name| name.trim_ascii().to_ascii_lowercase()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let part = |name: Vec<u8>| {
            let value = normalised(&name, request).map(Vec::into_boxed_slice);
            Part { name: name.into_boxed_slice(), value }
        };
        let parts: Box<[Part]> = names.into_iter().map(part).collect();
        let language = response.value(Known::ContentLanguage).map(<[u8]>::to_ascii_lowercase);
        let varies = parts.iter().any(|part| &*part.name == ACCEPT_LANGUAGE);
        let language = language.filter(|_| varies).map(Vec::into_boxed_slice);
        Self { parts, language }
    }

    /// Whether every request selects it.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether a request selects it.
    #[must_use]
    pub fn matches(&self, request: &Headers) -> bool {
        self.parts.iter().all(|part| self.part_matches(part, request))
    }

    fn part_matches(&self, part: &Part, request: &Headers) -> bool {
        let value = normalised(&part.name, request);
        value.as_deref() == part.value.as_deref()
            || (&*part.name == ACCEPT_LANGUAGE
                && self.language.is_some()
                && preferred(value.as_deref()) == self.language.as_deref())
    }

    /// What tells the requests apart that select different responses: a text of what `request`
    /// says for these names.
    #[must_use]
    pub fn fingerprint(&self, request: &Headers) -> Vec<u8> {
        fingerprint(self.parts.iter().map(|part| &*part.name), request)
    }

    /// As `fingerprint`, of the request that the response was selected by.
    #[must_use]
    pub fn own_fingerprint(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.parts {
            write_part(&part.name, part.value.as_deref(), &mut text);
        }
        text
    }

    /// A selection out of its parts, which are in the order of their names.
    #[must_use]
    pub fn restored<'a>(
        parts: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        language: Option<&[u8]>,
    ) -> Self {
        let part = |(name, value): (&[u8], Option<&[u8]>)| Part {
            name: name.into(),
            value: value.map(Into::into),
        };
        Self { parts: parts.into_iter().map(part).collect(), language: language.map(Into::into) }
    }

    /// The language of the response, where it varies by that.
    #[must_use]
    pub fn language(&self) -> Option<&[u8]> {
        self.language.as_deref()
    }

    /// Bytes of memory.
    #[must_use]
    pub fn weight_bytes(&self) -> usize {
        let part = |part: &Part| {
            size_of::<Part>() + part.name.len() + part.value.as_deref().map_or(0, <[u8]>::len)
        };
        self.parts.iter().map(part).sum::<usize>() + self.language.as_deref().map_or(0, <[u8]>::len)
    }

    /// Name and value of each part, for storage.
    pub fn parts(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.parts.iter().map(|part| (&*part.name, part.value.as_deref()))
    }
}

/// What tells requests apart that say different things in these fields, which are in lower case
/// and in order.
#[must_use]
pub fn fingerprint<'a>(names: impl Iterator<Item = &'a [u8]>, request: &Headers) -> Vec<u8> {
    let mut text = Vec::new();
    for name in names {
        write_part(name, normalised(name, request).as_deref(), &mut text);
    }
    text
}

fn write_part(name: &[u8], value: Option<&[u8]>, text: &mut Vec<u8>) {
    text.extend_from_slice(name);
    match value {
        Some(value) => {
            text.push(b'=');
            text.extend_from_slice(value);
        }
        None => text.push(b'-'),
    }
    text.push(b'\n');
}

const ACCEPT_LANGUAGE: &[u8] = b"accept-language";

/// What a request says in a field, so that the same meaning is the same text (§4.1): lines are
/// joined, space between members is dropped, and members with a preference are put in its order.
fn normalised(name: &[u8], request: &Headers) -> Option<Vec<u8>> {
    let mut lines = request.values_named(name).peekable();
    lines.peek()?;
    let members: Vec<&[u8]> = lines.flat_map(members::split).collect();
    if name == ACCEPT_LANGUAGE || name == b"accept-encoding" || name == b"accept-charset" {
        return Some(by_preference(&members));
    }
    Some(members.join(&b","[..]))
}

/// Members in lower case, the most wanted ones first, equal ones by name.
fn by_preference(members: &[&[u8]]) -> Vec<u8> {
    let mut ranked: Vec<(u16, Vec<u8>)> = members.iter().map(|member| ranked(member)).collect();
    ranked.sort_unstable_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    ranked.dedup();
    let mut text = Vec::new();
    for (quality, name) in ranked {
        if !text.is_empty() {
            text.push(b',');
        }
        text.extend_from_slice(&name);
        if quality < 1000 {
            text.extend_from_slice(format!(";q={quality}").as_bytes());
        }
    }
    text
}

fn ranked(member: &[u8]) -> (u16, Vec<u8>) {
    let mut pieces = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let quality = pieces.find_map(|piece| match piece {
        [b'q' | b'Q', b'=', value @ ..] => Some(thousandths(value)),
        _ => None,
    });
    (quality.unwrap_or(1000), name)
}

/// A quality value (RFC 9110 §12.4.2) in thousandths; what is none counts as the least.
fn thousandths(value: &[u8]) -> u16 {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let quality = text.parse::<f32>().ok().filter(|quality| (0.0..=1.0).contains(quality));
    // At most 1,000.
    quality.map_or(0, |quality| (quality * 1000.0).round() as u16)
}

/// The one language that a normalised value wants most.
fn preferred(value: Option<&[u8]>) -> Option<&[u8]> {
    let mut members = value?.split(|byte| *byte == b',');
    let first = members.next().filter(|first| !first.contains(&b';') && *first != b"*")?;
    // Another one that is wanted as much leaves the choice to the origin.
    members.next().is_none_or(|second| second.contains(&b';')).then_some(first)
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

    fn selects(vary: &str, stored: &[(&str, &str)], request: &[(&str, &str)]) -> bool {
        Selection::of(&headers(&[("Vary", vary)]), &headers(stored)).matches(&headers(request))
    }

    #[test]
    fn the_same_request_selects() {
        assert!(selects("Foo, BAR", &[("foo", "1"), ("x", "1")], &[("FOO", "1"), ("x", "2")]));
        assert!(!selects("Foo", &[("foo", "1")], &[("foo", "2")]));
        assert!(!selects("Foo", &[("foo", "1")], &[]));
        assert!(!selects("Foo", &[], &[("foo", "")]), "empty is not absent");
        assert!(selects("Foo", &[], &[]));
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        assert!(selects("Foo", &[("Foo", "1, 2")], &[("Foo", "1"), ("Foo", " 2")]));
        assert!(!selects("Foo", &[("Foo", "\"1, 2\"")], &[("Foo", "\"1,2\"")]));
        assert!(selects("Foo", &[("Foo", "1,2")], &[("Foo", " 1, 2 ")]));
        let languages = [("Accept-Language", "en, de")];
        assert!(selects("accept-language", &languages, &[("Accept-Language", "De ,  eN")]));
        assert!(!selects("accept-language", &languages, &[("Accept-Language", "de, en;q=0.5")]));
    }

    #[test]
    fn the_wanted_language_selects() {
        let response = headers(&[("Vary", "Accept-Language"), ("Content-Language", "de")]);
        let stored = Selection::of(&response, &headers(&[("Accept-Language", "en, de")]));
        let wants = |value: &str| stored.matches(&headers(&[("Accept-Language", value)]));
        assert!(wants("fr;q=0.5, de;q=1.0"));
        assert!(!wants("fr, de"));
        assert!(!wants("fr, de;q=0.9"));
        assert!(!wants("*"));
    }
}
