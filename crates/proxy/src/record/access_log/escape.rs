//! Values made safe for their place in a line: no control byte, no quote, no line end gets out.

/// A longer value is cut, with `...` to show it. A head may hold more, but nobody reads it here.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends the inside of a JSON string. A byte that is not part of valid UTF-8 becomes the
/// character of the same number (as in Latin-1), so that nothing is lost and all lines are JSON.
pub(super) fn write_json(value: &[u8], out: &mut Vec<u8>) {
    let (value, cut) = shorten(value);
    let (head, tail) = value.split_at(plain_prefix(value));
    out.extend_from_slice(head);
    if tail.is_empty() {
        return out.extend_from_slice(cut);
    }
    for chunk in tail.utf8_chunks() {
        chunk.valid().chars().for_each(|char| write_json_char(char, out));
        chunk.invalid().iter().for_each(|byte| write_code(u16::from(*byte), out));
    }
    out.extend_from_slice(cut);
}

fn write_json_char(char: char, out: &mut Vec<u8>) {
    match char {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        // The separators end lines for some readers, C1 controls can steer a terminal.
        '\u{2028}' | '\u{2029}' => write_code(char as u16, out),
        control if control.is_control() => write_code(control as u16, out),
        other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

fn write_code(code: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(hex(code >> shift));
    }
}

/// Appends a value of a text format: every byte that is not printable ASCII, and the quote and
/// the backslash, as `\xHH`.
pub(super) fn write_text(value: &[u8], out: &mut Vec<u8>) {
    let (mut rest, cut) = shorten(value);
    loop {
        let (run, tail) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(run);
        let Some((byte, after)) = tail.split_first() else { break };
        out.extend_from_slice(&[b'\\', b'x', hex(u16::from(byte >> 4)), hex(u16::from(*byte))]);
        rest = after;
    }
    out.extend_from_slice(cut);
}

/// Cuts a value at its limit, but not inside a character.
fn shorten(value: &[u8]) -> (&[u8], &'static [u8]) {
    let Some(kept) = value.get(..VALUE_BYTES_MAX).filter(|kept| kept.len() < value.len()) else {
        return (value, b"");
    };
    let is_inside = |at: usize| value.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let end = (kept.len() - 3..=kept.len()).rev().find(|at| !is_inside(*at));
    (kept.get(..end.unwrap_or(kept.len())).unwrap_or(kept), b"...")
}

/// How many bytes at the beginning need no escape. Nearly always that is all of them, so whole
/// blocks are judged without a branch a byte, which the compiler turns into vector code.
fn plain_prefix(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<16>();
    let all_plain = |block: &&[u8; 16]| block.iter().fold(true, |all, byte| all & is_plain(*byte));
    let start = 16 * blocks.iter().take_while(all_plain).count();
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| is_plain(**byte)).count()
}

fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') <= b'~' - b' ') & (byte != b'"') & (byte != b'\\')
}

fn hex(nibble: u16) -> u8 {
    HEX[usize::from(nibble & 15)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(value: &[u8]) -> String {
        let mut out = Vec::new();
        write_json(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn text(value: &[u8]) -> String {
        let mut out = Vec::new();
        write_text(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn awkward_bytes() {
        assert_eq!(json(b"a\"b\\c\n\r\t\0\x1b\x7f"), r#"a\"b\\c\n\r\t\u0000\u001b\u007f"#);
        assert_eq!(json("grün \u{85}\u{2028}".as_bytes()), r"grün \u0085\u2028");
        assert_eq!(json(b"\xff\xc3("), r"\u00ff\u00c3(");
        assert_eq!(text(b"a\"b\\c\n\x7f\xc3\xbc "), r"a\x22b\x5cc\x0a\x7f\xc3\xbc ");
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = [b"x".repeat(VALUE_BYTES_MAX - 1), "üy".into()].concat();
        assert_eq!(json(&long).len(), VALUE_BYTES_MAX - 1 + 3);
        assert!(json(&long).ends_with("x..."));
        assert_eq!(json(&b"x".repeat(VALUE_BYTES_MAX)), "x".repeat(VALUE_BYTES_MAX));
        assert!(text(&[0x80; VALUE_BYTES_MAX + 1]).ends_with(r"\x80..."));
    }

    proptest! {
        #[test]
        fn json_gives_the_bytes_back(value: Vec<u8>) {
            let read: String = serde_json::from_str(&format!("\"{}\"", json(&value))).unwrap();
            let chunks = value.utf8_chunks();
            let expected: String = chunks
                .flat_map(|chunk| {
                    let rest = chunk.invalid().iter().map(|byte| char::from(*byte));
                    chunk.valid().chars().chain(rest).collect::<Vec<_>>()
                })
                .collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn json_has_no_raw_control(value: Vec<u8>) {
            prop_assert!(json(&value).chars().all(|char| !char.is_control()));
        }

        #[test]
        fn text_is_printable_and_gives_the_bytes_back(value: Vec<u8>) {
            let text = text(&value);
            prop_assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'));
            let mut parts = text.split("\\x");
            let mut read = parts.next().unwrap_or_default().as_bytes().to_vec();
            for part in parts {
                read.push(u8::from_str_radix(&part[..2], 16).unwrap());
                read.extend_from_slice(&part.as_bytes()[2..]);
            }
            prop_assert_eq!(read, value);
        }
    }
}
