//! Where a path pattern hangs in the tree of paths, and how specific it is.

use regex::bytes::Regex;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, Look};

use super::path::{Slashes, canonical, has_escaped_separator};
use super::paths::Anchor;
use super::{PathFault, PathPattern};

/// A path pattern, understood.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) anchor: Anchor,
    /// The canonical path, or the directory without its last slash.
    pub(super) key: Vec<u8>,
    pub(super) regex: Option<Regex>,
    /// For a regular expression: how many bytes it begins with literally, and how long its
    /// shortest match is.
    pub(super) literal_bytes: usize,
    pub(super) match_bytes_min: usize,
    pub(super) names_escapes: bool,
}

/// Why a pattern is refused.
#[derive(Debug)]
pub(super) enum PatternFault {
    Path(PathFault),
    Regex(Box<regex::Error>),
}

impl Pattern {
    pub(super) fn read(pattern: &PathPattern, slashes: Slashes) -> Result<Self, PatternFault> {
        match pattern {
            PathPattern::Exact(path) => Self::literal(Anchor::Exact, path, slashes),
            PathPattern::Prefix(path) => Self::literal(Anchor::Below, path, slashes),
            PathPattern::Regex(text) => Self::expression(text),
        }
        .map(|read| Self { names_escapes: names_escapes(pattern), ..read })
    }

    fn literal(anchor: Anchor, text: &str, slashes: Slashes) -> Result<Self, PatternFault> {
        let mut scratch = Vec::new();
        let text = if anchor == Anchor::Below && text.is_empty() { "/" } else { text };
        let form = canonical(text.as_bytes(), slashes, &mut scratch).map_err(PatternFault::Path)?;
        let key = match anchor {
            Anchor::Exact => form.path,
            Anchor::Below => form.path.strip_suffix(b"/").unwrap_or(form.path),
        };
        Ok(Self::plain(anchor, key.to_vec()))
    }

    /// A regular expression hangs at the directory that its text is anchored to, so `^/u/[0-9]+$`
    /// is tried only in and below `/u`.
    fn expression(text: &str) -> Result<Self, PatternFault> {
        let regex = Regex::new(text).map_err(|fault| PatternFault::Regex(Box::new(fault)))?;
        let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(text).ok();
        let literal = hir.as_ref().map(anchored_literal).unwrap_or_default();
        let directory_bytes = memchr::memrchr(b'/', &literal).unwrap_or(0);
        let directory = literal.get(..directory_bytes).unwrap_or_default().to_vec();
        Ok(Self {
            regex: Some(regex),
            literal_bytes: literal.len(),
            match_bytes_min: hir.and_then(|hir| hir.properties().minimum_len()).unwrap_or(0),
            ..Self::plain(Anchor::Below, directory)
        })
    }

    fn plain(anchor: Anchor, key: Vec<u8>) -> Self {
        Self {
            anchor,
            key,
            regex: None,
            literal_bytes: 0,
            match_bytes_min: 0,
            names_escapes: false,
        }
    }
}

/// The bytes with which every match begins at the very start of the path; none if it may begin
/// elsewhere.
fn anchored_literal(hir: &Hir) -> Vec<u8> {
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return Vec::new();
    }
    let literals = Extractor::new().extract(hir);
    literals.longest_common_prefix().unwrap_or_default().to_vec()
}

fn names_escapes(pattern: &PathPattern) -> bool {
    let (PathPattern::Exact(text) | PathPattern::Prefix(text) | PathPattern::Regex(text)) = pattern;
    has_escaped_separator(text.to_ascii_uppercase().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(text: &str) -> String {
        let read = Pattern::read(&PathPattern::Regex(text.into()), Slashes::Merge).unwrap();
        String::from_utf8(read.key).unwrap()
    }

    #[test]
    fn expressions_hang_at_their_literal_directory() {
        for (text, expected) in [
            ("^/u/(?<id>[0-9]+)$", "/u"),
            ("^/api/v[0-9]/x", "/api"),
            ("^/a/b/c$", "/a/b"),
            ("^/(a|b)/c", ""),
            ("^/x/(a|b)/c", "/x"),
            ("^/x/y?", "/x"),
            ("^/x/*", ""),
            ("^/x/+", "/x"),
            ("^(/x/a|/x/b)$", "/x"),
            ("^/x/a|/y", ""),
            ("(?i)^/x/y/", ""),
            ("(?m)^/x/y/", ""),
            ("/x/y/", ""),
            (r"\.php$", ""),
            ("", ""),
        ] {
            assert_eq!(directory(text), expected, "{text}");
        }
    }

    #[test]
    fn literal_patterns_are_canonical() {
        for (pattern, key) in [
            (PathPattern::Prefix(String::new()), ""),
            (PathPattern::Prefix("/".into()), ""),
            (PathPattern::Prefix("/a/".into()), "/a"),
            (PathPattern::Prefix("/%61/caf\u{e9}".into()), "/a/caf%C3%A9"),
            (PathPattern::Exact("/a//b/".into()), "/a/b/"),
        ] {
            assert_eq!(Pattern::read(&pattern, Slashes::Merge).unwrap().key, key.as_bytes());
        }
    }
}
