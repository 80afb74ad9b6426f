//! Lists of directives: `name`, `name=token` and `name="quoted"`, between commas
//! (RFC 9111 §5.2, RFC 9110 §5.6).

/// One directive of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its name as it is written; compared without case.
    pub name: &'a [u8],
    /// What follows its `=`, without quotes.
    pub argument: Option<&'a [u8]>,
}

impl Member<'_> {
    /// Whether it has this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Its argument as a number of seconds (RFC 9111 §1.2.2): what is too large for 31 bits is
    /// 2^31, what is no number is nothing.
    #[must_use]
    pub fn delta_s(&self) -> Option<u32> {
        delta_s(self.argument?)
    }
}

/// The largest number of seconds that is told apart (RFC 9111 §1.2.2).
pub const DELTA_MAX_S: u32 = 1 << 31;

/// Reads a number of seconds.
#[must_use]
pub fn delta_s(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |sum: u32, byte: &u8| {
        sum.saturating_mul(10).saturating_add(u32::from(byte - b'0')).min(DELTA_MAX_S)
    };
    Some(text.iter().fold(0, digit))
}

/// The directives of one field value. One that is not well formed is left out.
pub fn members(value: &[u8]) -> impl Iterator<Item = Member<'_>> {
    split(value).filter_map(member)
}

/// The parts of a value between commas that are not in quotes, trimmed; empty ones are left out.
pub fn split(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = part_end(rest);
            let part = rest.get(..end).unwrap_or_default().trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !part.is_empty() {
                return Some(part);
            }
        }
        None
    })
}

/// Where the first comma outside of quotes stands.
fn part_end(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// Space around `=` is not allowed: what has it is no directive.
fn member(part: &[u8]) -> Option<Member<'_>> {
    let end = memchr::memchr(b'=', part).unwrap_or(part.len());
    let name = part.get(..end)?;
    if name.is_empty() || !name.iter().all(|byte| http1::method::is_token(*byte)) {
        return None;
    }
    let Some(argument) = part.get(end + 1..) else { return Some(Member { name, argument: None }) };
    let argument = match argument {
        [b'"', quoted @ .., b'"'] => quoted,
        token if token.iter().all(|byte| http1::method::is_token(*byte)) => token,
        _ => return None,
    };
    Some(Member { name, argument: Some(argument) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        members(value.as_bytes()).map(|m| (text(m.name), m.argument.map(text))).collect()
    }

    #[test]
    fn arguments_are_tokens_or_quoted() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(r#"a, B=1 ,, c="x, y=\", z" , d"#),
            [
                ("a".to_owned(), None),
                ("B".to_owned(), some("1")),
                ("c".to_owned(), some(r#"x, y=\", z"#)),
                ("d".to_owned(), None)
            ]
        );
        for bad in ["max-age =1", "max-age= 1", "=1", "a b", "x=\"open"] {
            assert_eq!(read(bad), [], "{bad}");
        }
    }

    #[test]
    fn seconds_are_digits_and_clamped() {
        assert_eq!(delta_s(b"003600"), Some(3600));
        assert_eq!(delta_s(b"99999999999"), Some(DELTA_MAX_S));
        for bad in ["", "-1", "1.0", "1a", "'1'", "+1"] {
            assert_eq!(delta_s(bad.as_bytes()), None, "{bad}");
        }
    }
}
