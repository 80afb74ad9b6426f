//! The corpus of malformed and ambiguous messages. It depends on nothing, so that other crates
//! can take it in with `#[path = "../../http1/tests/corpus/mod.rs"]`.
//!
//! A case is one line: a name, the outcome, exactly two spaces, the bytes. The outcome lists what
//! becomes of each message on the connection: `ok`, or last the code of a refusal, or `more` when
//! the input ends inside a message. Escapes are `\r \n \t \\ \xNN`, `\{COUNT*TEXT}` repeats, and
//! `\{host}`, `\{post}`, `\{chunked}` stand for the common beginnings in `START_...`.

#![allow(dead_code, unreachable_pub, reason = "each test crate takes what it needs")]
#![allow(clippy::panic, reason = "a case that cannot be read is a mistake in the corpus")]

/// What the names in braces stand for in requests.
const START_REQUEST: [(&str, &str); 3] = [
    ("host", "Host: h\\r\\n"),
    ("post", "POST / HTTP/1.1\\r\\nHost: h\\r\\n"),
    ("chunked", "POST / HTTP/1.1\\r\\nHost: h\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"),
];

/// What they stand for in responses.
const START_RESPONSE: [(&str, &str); 1] =
    [("chunked", "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")];

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique among the cases of its kind.
    pub name: &'static str,
    /// What becomes of each message.
    pub outcome: Vec<String>,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// The requests.
pub fn requests() -> Vec<Case> {
    cases(include_str!("requests.txt"), &START_REQUEST)
}

/// The responses.
pub fn responses() -> Vec<Case> {
    cases(include_str!("responses.txt"), &START_RESPONSE)
}

fn cases(text: &'static str, starts: &[(&str, &str)]) -> Vec<Case> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| case(line, starts).unwrap_or_else(|| panic!("not a case: {line}"))).collect()
}

fn case(line: &'static str, starts: &[(&str, &str)]) -> Option<Case> {
    let (name, rest) = line.split_once(' ')?;
    let (outcome, escaped) = rest.trim_start().split_once("  ")?;
    let outcome = String::from_utf8(expand(outcome, starts)?).ok()?;
    let outcome = outcome.split(',').map(str::to_owned).collect();
    Some(Case { name, outcome, bytes: expand(escaped, starts)? })
}

/// The bytes that an escaped text stands for.
fn expand(text: &str, starts: &[(&str, &str)]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at + 1..];
        let mut len = 1;
        match *escape.as_bytes().first()? {
            b'r' => bytes.push(b'\r'),
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'\\' => bytes.push(b'\\'),
            b'x' => {
                bytes.push(u8::from_str_radix(escape.get(1..3)?, 16).ok()?);
                len = 3;
            }
            b'{' => {
                let end = closing_brace(escape)?;
                bytes.extend_from_slice(&braced(&escape[1..end], starts)?);
                len = end + 1;
            }
            _ => return None,
        }
        rest = &escape[len..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Where the brace that opens this text is closed. Only `\{` opens another one inside.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0;
    for at in 0..bytes.len() {
        match bytes[at] {
            b'{' if at == 0 || bytes[at - 1] == b'\\' => depth += 1,
            b'}' if depth == 1 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn braced(text: &str, starts: &[(&str, &str)]) -> Option<Vec<u8>> {
    if let Some((_, start)) = starts.iter().find(|(name, _)| *name == text) {
        return expand(start, starts);
    }
    let (count, repeated) = text.split_once('*')?;
    Some(expand(repeated, starts)?.repeat(count.parse().ok()?))
}
