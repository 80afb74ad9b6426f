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
    /// One line end.
    Newline,
}

/// Splits a text into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    placed(text).map(|(_, token)| token).collect()
}

/// Tokens with the offset of each.
pub(crate) fn placed(text: &str) -> impl Iterator<Item = (usize, Token<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.get(at..)?;
            let (token, length) = next(rest, rest.chars().next()?);
            let start = at;
            at += length;
            if let Some(token) = token {
                return Some((start, token));
            }
        }
    })
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
        '/' if rest.starts_with("/*") => {
            let length = block_comment(rest);
            (Some(Token::BlockComment(&rest[..length])), length)
        }
        '/' if rest.starts_with("/-") => (Some(Token::Slashdash), 2),
        _ => {
            let length = word(rest);
            (Some(Token::Word(&rest[..length])), length)
        }
    }
}

/// The line ends of KDL.
pub(super) fn is_newline(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

/// Length of a comment that may hold others.
fn block_comment(rest: &str) -> usize {
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
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of a string or of a bare word.
fn word(rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if rest[hashes..].starts_with('"') {
        return if hashes == 0 { quoted(rest) } else { raw(rest, hashes) };
    }
    let ends =
        |c: char| c.is_whitespace() || is_newline(c) || r#"\/(){};="#.contains(c) || c == '"';
    let length = rest[hashes..].find(ends).map_or(rest.len(), |at| hashes + at);
    if length > 0 { length } else { rest.chars().next().map_or(1, char::len_utf8) }
}

fn quoted(rest: &str) -> usize {
    let quote = if rest.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let mut at = quote.len();
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with(quote) {
            return at + quote.len();
        }
        let mut chars = here.chars();
        let escape = chars.next() == Some('\\');
        let skipped = here.len() - chars.as_str().len();
        let escaped = if escape { chars.next().map_or(0, char::len_utf8) } else { 0 };
        at += skipped + escaped;
    }
    rest.len()
}

fn raw(rest: &str, hashes: usize) -> usize {
    let body = &rest[hashes..];
    let quote = if body.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let end = format!("{quote}{}", &rest[..hashes]);
    let opening = hashes + quote.len();
    rest[opening..].find(&end).map_or(rest.len(), |at| opening + at + end.len())
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
        assert_eq!(tokens(text), expected);
    }
}
