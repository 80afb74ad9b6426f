//! Rust text with its comments and literals blanked out, so that words can be looked for in
//! what is code only. No parser: it knows where comments, strings and characters end.

/// The code of a Rust file: same lines, same columns, spaces where there was prose.
pub(super) fn only(text: &str) -> String {
    let mut blanked = Blank { rest: text, out: String::with_capacity(text.len()) };
    while let Some(first) = blanked.rest.chars().next() {
        let prose = prose_length(blanked.rest, blanked.out.chars().next_back());
        match prose {
            Some(length) => blanked.skip(length),
            None => blanked.keep(first.len_utf8()),
        }
    }
    blanked.out
}

struct Blank<'a> {
    rest: &'a str,
    out: String,
}

impl Blank<'_> {
    fn keep(&mut self, length: usize) {
        self.out.push_str(&self.rest[..length]);
        self.rest = &self.rest[length..];
    }

    fn skip(&mut self, length: usize) {
        let blank = |found| if found == '\n' { '\n' } else { ' ' };
        self.out.extend(self.rest[..length].chars().map(blank));
        self.rest = &self.rest[length..];
    }
}

/// The length of the comment or literal that `text` begins with, if it does.
fn prose_length(text: &str, before: Option<char>) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment_length(text));
    }
    if text.starts_with('"') {
        return Some(string_length(text));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && (text.starts_with('r') || text.starts_with("br")) {
        return raw_string_length(text);
    }
    if text.starts_with('\'') { char_length(text) } else { None }
}

fn block_comment_length(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string_length(text: &str) -> Option<usize> {
    let after = text.trim_start_matches('b').strip_prefix('r')?;
    let quoted = after.trim_start_matches('#');
    let hashes = "#".repeat(after.len() - quoted.len());
    let inner = quoted.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(text.len() - inner.len() + length)
}

/// A character literal, as opposed to a lifetime.
fn char_length(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let mut chars = inner.char_indices();
    match chars.next()? {
        (_, '\\') => {
            let (escaped, _) = chars.next()?;
            let end = inner[escaped + 1..].find('\'')?;
            Some(1 + escaped + 1 + end + 1)
        }
        (_, first) if inner[first.len_utf8()..].starts_with('\'') => Some(first.len_utf8() + 2),
        _ => None,
    }
}

/// Every identifier of blanked code with its line, from one.
pub(super) fn identifiers(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().flat_map(|(number, line)| {
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.filter(|word| !word.is_empty()).map(move |word| (number + 1, word))
    })
}

/// Whether the word stands in the line on its own. A word that ends in punctuation ends there.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let open = word.ends_with(in_word);
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !(before.ends_with(in_word) || open && after.starts_with(in_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let text = "let a = \"x // y\"; // z\nlet b = 'q'; /* c /* d */ e */ f(&'static g)";
        let wanted = "let a =         ;     \nlet b =    ;                   f(&'static g)";
        assert_eq!(only(text), wanted);
    }

    #[test]
    fn escapes_and_raw_strings_end_where_they_end() {
        assert_eq!(only(r#"a("\"b", '\'', '\\') c"#), r#"a(     ,     ,     ) c"#);
        assert_eq!(only("r#\"a\"b\"# + br\"x\" + far"), "         +       + far");
    }

    #[test]
    fn a_word_is_no_part_of_another() {
        assert!(has_word("a(now, then)", "now") && has_word("Instant::now()", "now()"));
        assert!(!has_word("know nowhere now_ms", "now"));
    }

    #[test]
    fn identifiers_come_with_their_lines() {
        let found: Vec<_> = identifiers("a::b_c\n 4d").collect();
        assert_eq!(found, [(1, "a"), (1, "b_c"), (2, "4d")]);
    }
}
