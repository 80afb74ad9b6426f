//! Strings of KDL: quoted, raw, and each of them over several lines.

use super::lexer::is_newline;

/// What is wrong with a string: where in it, how long that is, and in which words.
#[derive(Debug, PartialEq)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) message: String,
    pub(super) help: &'static str,
}

const LINES: &str = "a text of several lines is written between `\"\"\"` and `\"\"\"`";
const ESCAPES: &str = "a backslash is written `\\\\`; `#\"...\"#` has no escapes at all";

/// The value of a string token, which starts with a quote or with `#` and a quote.
pub(super) fn parse(token: &str) -> Result<String, Flaw> {
    let hashes = token.len() - token.trim_start_matches('#').len();
    let quoted = &token[hashes..];
    let lines = quoted.starts_with("\"\"\"");
    let quote = if lines { "\"\"\"" } else { "\"" };
    let opening = hashes + quote.len();
    let closing = format!("{quote}{}", &token[..hashes]);
    let Some(body) = token[opening..].strip_suffix(&closing).filter(|b| hashes > 0 || closed(b))
    else {
        return Err(never_closed(token, lines));
    };
    match (lines, hashes) {
        (false, 0) => unescape(body, opening),
        (false, _) => Ok(body.to_owned()),
        (true, 0) => {
            let joined = join_escaped_space(body);
            let text = dedent(&joined, token.len())?;
            unescape(&text, 0).map_err(|flaw| Flaw { at: 0, length: token.len(), ..flaw })
        }
        (true, _) => dedent(body, token.len()),
    }
}

/// Whether the quote after the body is one, and not escaped.
fn closed(body: &str) -> bool {
    (body.len() - body.trim_end_matches('\\').len()).is_multiple_of(2)
}

fn never_closed(token: &str, lines: bool) -> Flaw {
    let length = token.find(is_newline).unwrap_or(token.len());
    let flaw = |message: &str, help| Flaw { at: 0, length, message: message.to_owned(), help };
    if lines {
        flaw("this string is never closed", "")
    } else {
        flaw("this string is not closed on its line", LINES)
    }
}

/// Resolves escapes; `offset` is where the text stands in its token.
fn unescape(text: &str, offset: usize) -> Result<String, Flaw> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (value, length) = match escape[1..].chars().next() {
            Some(c) if c.is_whitespace() => (None, escape.len() - escape[1..].trim_start().len()),
            Some('u') => unicode(escape).map(|(c, length)| (Some(c), length)).ok_or_else(|| {
                let at = offset + text.len() - escape.len();
                let message = "this is no character".to_owned();
                Flaw { at, length: 2, message, help: "a character is written `\\u{1F600}`" }
            })?,
            next => match next.and_then(simple) {
                Some(c) => (Some(c), 2),
                None => {
                    let at = offset + text.len() - escape.len();
                    let length = 1 + next.map_or(0, char::len_utf8);
                    let message = format!("unknown escape `{}`", &escape[..length]);
                    return Err(Flaw { at, length, message, help: ESCAPES });
                }
            },
        };
        result.extend(value);
        rest = &escape[length..];
    }
    Ok(result + rest)
}

fn simple(c: char) -> Option<char> {
    Some(match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        's' => ' ',
        '\\' | '"' => c,
        _ => return None,
    })
}

/// The character of `\u{...}` and the length of that.
fn unicode(escape: &str) -> Option<(char, usize)> {
    let inside = escape.strip_prefix("\\u{")?;
    let (digits, _) = inside.split_once('}')?;
    let plain = matches!(digits.len(), 1..=6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
    Some((char::from_u32(code)?, digits.len() + 4))
}

/// Takes out each backslash with the white space after it, as if it had not been there.
fn join_escaped_space(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let next = after.chars().next().map_or(0, char::len_utf8);
        if after.starts_with(char::is_whitespace) {
            rest = after.trim_start();
        } else {
            result.push_str(&rest[at..at + 1 + next]);
            rest = &after[next..];
        }
    }
    result + rest
}

/// The lines between the quotes without the indentation of the last, which holds nothing else.
fn dedent(body: &str, length: usize) -> Result<String, Flaw> {
    let flaw = |message: &str| Flaw { at: 0, length, message: message.to_owned(), help: "" };
    let body = body.replace("\r\n", "\n");
    let lines: Vec<&str> = body.split(is_newline).collect();
    let [first, lines @ .., indent] = lines.as_slice() else {
        return Err(flaw("the text starts in the line after `\"\"\"`"));
    };
    if !first.is_empty() {
        return Err(flaw("the text starts in the line after `\"\"\"`"));
    }
    if !indent.chars().all(char::is_whitespace) {
        return Err(flaw("the closing `\"\"\"` stands in a line of its own"));
    }
    let mut result = Vec::with_capacity(lines.len());
    for line in lines {
        match line.strip_prefix(indent) {
            _ if line.chars().all(char::is_whitespace) => result.push(""),
            Some(line) => result.push(line),
            None => {
                return Err(flaw("each line is indented at least as much as the closing `\"\"\"`"));
            }
        }
    }
    Ok(result.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let cases = [
            (r#""a\n\t\"\\ \u{e9}\s""#, "a\n\t\"\\ é "),
            ("\"a \\\n   b\"", "a b"),
            (r##"#"a\n"b"#"##, "a\\n\"b"),
            ("\"\"\"\n    a\n      b\n\n    c\\n\n    \"\"\"", "a\n  b\n\nc\n"),
            ("#\"\"\"\r\n  a\\\r\n  \"\"\"#", "a\\"),
            ("\"\"\"\n\"\"\"", ""),
            ("\"\"", ""),
        ];
        for (token, value) in cases {
            assert_eq!(parse(token).as_deref(), Ok(value), "{token}");
        }
    }

    #[test]
    fn flaws() {
        let bad = [
            "\"a",
            "\"a\\\"",
            r#""\q""#,
            r#""\u{d800}""#,
            r#""\u{}""#,
            r#""\u41""#,
            "#\"a\"",
            "\"",
            "\"\"\"a\n\"\"\"",
            "\"\"\"\na\"\"\"",
            "\"\"\"\n a\n  \"\"\"",
            "\"\"\"\n",
            "\"\"\"\"\"\"",
        ];
        for token in bad {
            assert!(parse(token).is_err(), "{token}");
        }
    }
}
