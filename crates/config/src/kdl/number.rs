//! Numbers of KDL: decimal with fraction and exponent, hexadecimal, octal and binary.

use crate::tree::Value;

/// Whether a bare word can only be meant as a number.
pub(super) fn looks_like(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let digits = unsigned.strip_prefix('.').unwrap_or(unsigned);
    digits.starts_with(|c: char| c.is_ascii_digit())
}

/// The value of a number; none if the word is not one, or too large.
pub(super) fn parse(word: &str) -> Option<Value> {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", word.strip_prefix('+').unwrap_or(word)),
    };
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            let digits = plain(digits, radix)?;
            return i128::from_str_radix(&format!("{sign}{digits}"), radix)
                .ok()
                .map(Value::Integer);
        }
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = plain(whole, 10)?;
    if fraction.is_none() && exponent.is_none() {
        return format!("{sign}{whole}").parse().ok().map(Value::Integer);
    }
    let fraction = plain(fraction.unwrap_or("0"), 10)?;
    let exponent = exponent.unwrap_or("0");
    let (exponent_sign, exponent) = match exponent.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let exponent = plain(exponent, 10)?;
    let number = format!("{sign}{whole}.{fraction}e{exponent_sign}{exponent}");
    number.parse().ok().map(Value::Float)
}

/// Digits without the underscores between them; none if it is anything else.
fn plain(digits: &str, radix: u32) -> Option<String> {
    let first = digits.chars().next()?.is_digit(radix);
    let rest = digits.chars().all(|c| c.is_digit(radix) || c == '_');
    (first && rest).then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let integer = |word, value| assert_eq!(parse(word), Some(Value::Integer(value)), "{word}");
        integer("0", 0);
        integer("-1_000", -1000);
        integer("+0x1F", 31);
        integer("-0b10", -2);
        integer("0o17", 15);
        assert_eq!(parse("1.5e-3"), Some(Value::Float(0.0015)));
        assert_eq!(parse("1e3"), Some(Value::Float(1000.0)));
        let bad = ["1.", ".5", "1e", "0x", "0x_1", "1__a", "5s", "", "-", "+", "0b2", "1.5.5"];
        for word in bad {
            assert_eq!(parse(word), None, "{word}");
        }
        assert!(parse(&"9".repeat(40)).is_none());
    }
}
