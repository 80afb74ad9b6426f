//! KDL text into tokens that still hold every character but white space. It never fails:
//! what it cannot make sense of is a word, and the parser has the say over validity.

/// One token with its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A name, number, keyword or string of any sort.
    Word(&'a str),
    /// One of `{`, `}`, `(`, `)`, `=`, `;`.
    Mark(char),
    /// `/-`
    Slashdash,
    /// A backslash that joins the next line to this one.
    Continue,
    /// `// ...` without its line end.
    LineComment(&'a str),
    /// `/* ... */`
    BlockComment(&'a str),
    /// A `/*` that is never closed, with the rest of the text.
    OpenComment(&'a str),
    /// One line end.
    Newline,
}

/// A token and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Splits a text into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Placed<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..) {
        let Some(first) = rest.chars().next() else { break };
        let (token, length) = next(rest, first);
        let end = start + length;
        tokens.extend(token.map(|token| Placed { token, start, end }));
        start = end;
    }
    tokens
}

fn next(rest: &str, first: char) -> (Option<Token<'_>>, usize) {
    match first {
        '\r' if rest.starts_with("\r\n") => (Some(Token::Newline), 2),
        c if is_newline(c) => (Some(Token::Newline), c.len_utf8()),
        c if c.is_whitespace() || c == '\u{feff}' => (None, c.len_utf8()),
        '{' | '}' | '(' | ')' | '=' | ';' => (Some(Token::Mark(first)), 1),
        '\\' => (Some(Token::Continue), 1),
        '/' if rest.starts_with("//") => {
            let length = rest.find(is_newline).unwrap_or(rest.len());
            (Some(Token::LineComment(&rest[..length])), length)
        }
        '/' if rest.starts_with("/*") => match block_comment(rest) {
            Some(length) => (Some(Token::BlockComment(&rest[..length])), length),
            None => (Some(Token::OpenComment(rest)), rest.len()),
        },
        '/' if rest.starts_with("/-") => (Some(Token::Slashdash), 2),
        _ => {
            let length = word(rest);
            (Some(Token::Word(&rest[..length])), length)
        }
    }
}

/// The line ends of KDL.
pub(crate) fn is_newline(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

/// Length of a comment that may hold others; none if it is never closed.
fn block_comment(rest: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// Length of a string or of a bare word. A string that is not closed ends with its line, or
/// with the text if it may have several lines.
fn word(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if rest[hashes..].starts_with('"') {
        return if hashes == 0 { quoted(rest) } else { raw(rest, hashes) };
    }
    let ends = |c: char| c.is_whitespace() || is_newline(c) || "\\/(){};=\"".contains(c);
    let length = rest[hashes..].find(ends).map_or(rest.len(), |at| hashes + at);
    if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) }
}

fn quoted(rest: &str) -> usize {
    let lines = rest.starts_with("\"\"\"");
    let quote = if lines { "\"\"\"" } else { "\"" };
    let mut at = quote.len();
    while let Some(here) = rest.get(at..) {
        if here.starts_with(quote) {
            return at + quote.len();
        }
        let mut chars = here.chars();
        match chars.next() {
            None => break,
            Some('\\') if here[1..].starts_with(char::is_whitespace) => {
                at = rest.len() - here[1..].trim_start().len();
            }
            Some('\\') => at += 1 + chars.next().map_or(0, char::len_utf8),
            Some(c) if is_newline(c) && !lines => return at,
            Some(c) => at += c.len_utf8(),
        }
    }
    rest.len()
}

fn raw(rest: &str, hashes: usize) -> usize {
    let body = &rest[hashes..];
    let lines = body.starts_with("\"\"\"");
    let quote = if lines { "\"\"\"" } else { "\"" };
    let closing = format!("{quote}{}", &rest[..hashes]);
    let opening = hashes + quote.len();
    let end = rest[opening..].find(&closing).map(|at| opening + at + closing.len());
    let line = rest[opening..].find(is_newline).map(|at| opening + at);
    match (end, line) {
        (Some(end), Some(line)) if !lines && line < end => line,
        (Some(end), _) => end,
        (None, Some(line)) if !lines => line,
        (None, _) => rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_token() {
        let text = "a b=\"x \\\" y\" #\"r\"#; { /- c \\ // d\n} /* e /* f */ */ (u8)1";
        let expected = [
            Token::Word("a"),
            Token::Word("b"),
            Token::Mark('='),
            Token::Word("\"x \\\" y\""),
            Token::Word("#\"r\"#"),
            Token::Mark(';'),
            Token::Mark('{'),
            Token::Slashdash,
            Token::Word("c"),
            Token::Continue,
            Token::LineComment("// d"),
            Token::Newline,
            Token::Mark('}'),
            Token::BlockComment("/* e /* f */ */"),
            Token::Mark('('),
            Token::Word("u8"),
            Token::Mark(')'),
            Token::Word("1"),
        ];
        let found: Vec<_> = tokens(text).into_iter().map(|placed| placed.token).collect();
        assert_eq!(found, expected);
    }
}
