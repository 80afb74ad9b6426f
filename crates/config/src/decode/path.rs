//! The path of a route: exact, prefix or regular expression.

use regex::RegexBuilder;

use super::{Context, Text};
use crate::model::PathPattern;
use crate::report::Diagnostic;

/// Compiled size of one regular expression, in bytes; beyond it the expression is refused.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A path with the names of its groups by index, which only a regular expression has.
pub(super) struct Pattern {
    pub(super) path: PathPattern,
    pub(super) captures: Vec<Option<String>>,
}

/// `/api/*`, `/x`, `=/x` or `~^/u/`.
pub(super) fn pattern(text: Text<'_>, context: &mut Context) -> Option<Pattern> {
    if let Some(source) = text.text.strip_prefix('~') {
        return expression(text, source, context);
    }
    let path = match text.text.strip_prefix('=') {
        Some(path) => plain(text, path, 1, context).map(PathPattern::Exact)?,
        None => match text.text.strip_suffix("/*") {
            Some("") => PathPattern::Prefix(String::new()),
            Some(path) => {
                let path = no_star(text, path, context)?;
                plain(text, path, 0, context).map(PathPattern::Prefix)?
            }
            None => {
                let path = no_star(text, text.text, context)?;
                plain(text, path, 0, context).map(PathPattern::Exact)?
            }
        },
    };
    Some(Pattern { path, captures: Vec::new() })
}

fn no_star<'a>(text: Text<'_>, path: &'a str, context: &mut Context) -> Option<&'a str> {
    let Some(at) = path.find('*') else { return Some(path) };
    let span = context.inside(text, at, 1);
    context.error(
        Diagnostic::error(span, "`*` stands only at the end, after a slash")
            .help(
                "write \"/api/*\" for all below /api, or a regular expression that starts with `~`",
            )
            .help("a path with a literal `*` is written with `=`"),
    );
    None
}

/// A path to ask for, perhaps with a query.
pub(super) fn target(text: Text<'_>, context: &mut Context) -> Option<String> {
    let (path, query) = text.text.split_once('?').unwrap_or((text.text, ""));
    plain(text, path, 0, context)?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '#';
    if let Some((at, c)) = query.char_indices().find(|(_, c)| bad(*c)) {
        let span = context.inside(text, path.len() + 1 + at, c.len_utf8());
        let message = "a query has no spaces, control characters or fragment";
        context.error(Diagnostic::error(span, message));
        return None;
    }
    Some(encoded(text.text))
}

/// A path as it can arrive: it starts with a slash and has nothing that is taken out before
/// routes are matched.
fn plain(text: Text<'_>, path: &str, offset: usize, context: &mut Context) -> Option<String> {
    let error = match problem(path) {
        None => return Some(encoded(path)),
        Some((message, at, length)) => {
            Diagnostic::error(context.inside(text, offset + at, length), message)
        }
    };
    let regex = path.starts_with('^').then(|| "a regular expression starts with `~`".to_owned());
    context.error(error.help_if(regex));
    None
}

/// What is wrong with a path, where, and how long that is.
fn problem(path: &str) -> Option<(&'static str, usize, usize)> {
    if !path.starts_with('/') {
        return Some(("a path starts with `/`", 0, 1));
    }
    if let Some(at) = path.find(['?', '#']) {
        return Some(("a path has no query and no fragment", at, 1));
    }
    if let Some((at, c)) = path.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        return Some(("a path has no spaces or control characters", at, c.len_utf8()));
    }
    if let Some(at) = bad_escape(path) {
        return Some(("a `%` is followed by two hexadecimal digits, and not by 00", at, 1));
    }
    let mut at = 0;
    for segment in path.split('/') {
        if segment == "." || segment == ".." {
            return Some((
                "this never matches: dot segments are resolved before routes are matched",
                at,
                segment.len(),
            ));
        }
        at += segment.len() + 1;
    }
    None
}

fn bad_escape(path: &str) -> Option<usize> {
    let good = |at: usize| {
        let digits = path.get(at + 1..at + 3);
        digits.is_some_and(|d| d.bytes().all(|b| b.is_ascii_hexdigit()) && d != "00")
    };
    path.match_indices('%').map(|(at, _)| at).find(|at| !good(*at))
}

/// The path as it arrives: characters beyond ASCII are percent-encoded.
fn encoded(path: &str) -> String {
    let mut result = String::new();
    for byte in path.bytes() {
        if byte.is_ascii() {
            result.push(char::from(byte));
        } else {
            result.push_str(&format!("%{byte:02X}"));
        }
    }
    result
}

fn expression(text: Text<'_>, source: &str, context: &mut Context) -> Option<Pattern> {
    if let Err(error) = regex_syntax::parse(source) {
        let (message, start, length) = syntax(&error);
        let span = context.inside(text, 1 + start, length);
        context
            .error(Diagnostic::error(span, "this regular expression is not valid").label(message));
        return None;
    }
    match RegexBuilder::new(source).size_limit(REGEX_BYTES_MAX).build() {
        Ok(regex) => {
            let captures = regex.capture_names().map(|name| name.map(str::to_owned)).collect();
            Some(Pattern { path: PathPattern::Regex(source.to_owned()), captures })
        }
        Err(error) => {
            let message = match error {
                regex::Error::CompiledTooBig(_) => "this regular expression is too large",
                _ => "this regular expression cannot be used",
            };
            context.error(Diagnostic::error(text.span, message));
            None
        }
    }
}

/// What is wrong with an expression, the offset in it and the length.
fn syntax(error: &regex_syntax::Error) -> (String, usize, usize) {
    let (message, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span()),
        other => return (other.to_string(), 0, 1),
    };
    let length = span.end.offset.saturating_sub(span.start.offset);
    (message, span.start.offset, length)
}
