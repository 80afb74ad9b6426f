//! Reads the corpus files of crate `http1`: one case a line, name, outcome, bytes.
//!
//! In the bytes `\r \n \t \\ \xHH` are escapes, `\{name}` is a common beginning and `\{3*text}`
//! a repetition, which may be nested.

use std::path::Path;

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What becomes of each message in turn.
    pub outcomes: Vec<String>,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// The cases of a file; `beginnings` are the texts of `\{name}`.
pub fn read(file: &str, beginnings: &[(&str, &str)]) -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/http1/tests/corpus");
    let text = std::fs::read_to_string(dir.join(file)).expect("the corpus of http1");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| case(line, beginnings)).collect()
}

fn case(line: &str, beginnings: &[(&str, &str)]) -> Case {
    let (name, rest) = line.split_once(' ').expect("a name");
    let rest = rest.trim_start();
    let (outcome, bytes) = rest.split_once("  ").expect("an outcome");
    let outcome = String::from_utf8(expand(outcome, beginnings)).expect("words");
    let outcomes = outcome.split(',').map(str::to_owned).collect();
    Case { name: name.to_owned(), outcomes, bytes: expand(bytes, beginnings) }
}

fn expand(text: &str, beginnings: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(&rest[at + 1..], beginnings, &mut out);
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// Expands what follows a backslash and returns what is left.
fn escape<'a>(text: &'a str, beginnings: &[(&str, &str)], out: &mut Vec<u8>) -> &'a str {
    match text.as_bytes()[0] {
        b'{' => {
            let end = closing(text);
            braces(&text[1..end], beginnings, out);
            return &text[end + 1..];
        }
        b'x' => {
            out.push(u8::from_str_radix(&text[1..3], 16).expect("two digits"));
            return &text[3..];
        }
        b'r' => out.push(b'\r'),
        b'n' => out.push(b'\n'),
        b't' => out.push(b'\t'),
        other => out.push(other),
    }
    &text[1..]
}

fn braces(inner: &str, beginnings: &[(&str, &str)], out: &mut Vec<u8>) {
    if let Some((count, what)) = inner.split_once('*')
        && let Ok(count) = count.parse::<usize>()
    {
        let piece = expand(what, beginnings);
        out.extend_from_slice(&piece.repeat(count));
        return;
    }
    let known = beginnings.iter().find(|(name, _)| *name == inner);
    out.extend_from_slice(known.unwrap_or_else(|| panic!("\\{{{inner}}}")).1.as_bytes());
}

/// Where the brace that `text` begins with is closed.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if at == 0 || escaped => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
        if depth == 0 {
            return at;
        }
    }
    panic!("an open brace: {text}");
}

#[test]
fn the_notation_is_understood() {
    let known = [("host", "Host: h\r\n")];
    assert_eq!(expand(r"a\r\n\{host}\x00\\", &known), b"a\r\nHost: h\r\n\0\\");
    assert_eq!(expand(r"\{2*x\{3*y}\r}z", &known), b"xyyy\rxyyy\rz");
    assert_eq!(expand("{a}", &known), b"{a}");
}
