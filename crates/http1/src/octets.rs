//! Classes of octets, looked up in one table: tokens, field values, request targets, host names.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const TARGET: u8 = 4;
const HOST: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = class(octet as u8);
        octet += 1;
    }
    table
}

const fn class(octet: u8) -> u8 {
    let word = octet.is_ascii_alphanumeric();
    let mut class = 0;
    if word || in_set(octet, b"!#$%&'*+-.^_`|~") {
        class |= TOKEN;
    }
    if octet == b'\t' || (octet >= b' ' && octet != 0x7f) {
        class |= VALUE;
    }
    if octet.is_ascii_graphic() && octet != b'#' {
        class |= TARGET;
    }
    if word || in_set(octet, b"-._~") {
        class |= HOST;
    }
    class
}

const fn in_set(octet: u8, set: &[u8]) -> bool {
    let mut index = 0;
    while index < set.len() {
        if set[index] == octet {
            return true;
        }
        index += 1;
    }
    false
}

/// `tchar` of RFC 9110 §5.6.2.
#[must_use]
pub fn is_token(octet: u8) -> bool {
    has(octet, TOKEN)
}

/// What may stand in a field value: VCHAR, SP, HTAB and obs-text (RFC 9110 §5.5).
pub(crate) fn is_value(octet: u8) -> bool {
    has(octet, VALUE)
}

/// What may stand in a request target. Visible ASCII except `#`: a fragment never travels, and
/// peers disagreed on where a path with one ends.
pub(crate) fn is_target(octet: u8) -> bool {
    has(octet, TARGET)
}

/// What may stand in the name of a host: `unreserved` of RFC 3986 §2.3.
pub(crate) fn is_host(octet: u8) -> bool {
    has(octet, HOST)
}

fn has(octet: u8, class: u8) -> bool {
    // The table covers every octet; the compiler drops the bounds check.
    CLASSES[usize::from(octet)] & class != 0
}

/// Whether these octets are a non-empty token.
pub(crate) fn is_token_text(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|octet| is_token(*octet))
}

/// The text without surrounding spaces and tabs (OWS of RFC 9110 §5.6.3).
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_grammars() {
        for octet in 0..=255u8 {
            let visible = (0x21..=0x7e).contains(&octet);
            assert_eq!(is_target(octet), visible && octet != b'#', "{octet:#x}");
            assert_eq!(is_value(octet), visible || octet >= 0x80 || b" \t".contains(&octet));
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&octet);
            assert_eq!(is_token(octet), visible && !delimiter, "{octet:#x}");
        }
        assert!(is_host(b'-') && !is_host(b',') && !is_host(b'%') && !is_host(b'@'));
    }

    #[test]
    fn trim_takes_spaces_and_tabs_only() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(trim(b"\x0ba"), b"\x0ba");
    }
}
