//! Queries as forms write them (`application/x-www-form-urlencoded`, WHATWG URL §5).

/// The pairs of a query, names and values decoded to bytes. Empty pieces between `&` are none.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let pieces = query.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| {
        let mark = memchr::memchr(b'=', piece).unwrap_or(piece.len());
        let value = piece.get(mark + 1..).unwrap_or_default();
        (decode(piece.get(..mark).unwrap_or_default()), decode(value))
    })
}

/// Decodes a name or a value: `+` is a space, a broken escape stands for itself.
#[must_use]
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', rest.get(1..).unwrap_or_default()),
            },
            [b'+', after @ ..] => (b' ', after),
            [byte, after @ ..] => (*byte, after),
            [] => return out,
        };
        out.push(byte);
        rest = after;
    }
}

/// Writes a text so that [`decode`] reads it again, one spelling for each text.
pub fn encode(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*') {
            out.push(byte);
        } else {
            let hex = |digit: u8| b"0123456789ABCDEF".get(usize::from(digit)).copied();
            out.push(b'%');
            out.extend([byte >> 4, byte & 15].into_iter().filter_map(hex));
        }
    }
}

const fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        b'A'..=b'F' => Some(hex - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let read: Vec<_> = pairs(b"a=b+c&&%61=%7e&x&=y&z=%zz%4").collect();
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(
            read,
            [pair("a", "b c"), pair("a", "~"), pair("x", ""), pair("", "y"), pair("z", "%zz%4")]
        );
        assert_eq!(pairs(b"").count(), 0);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text: String = (0..=255_u8).map(char::from).collect();
        let mut written = Vec::new();
        encode(&text, &mut written);
        assert_eq!(decode(&written), text.as_bytes());
    }
}
