//! Dates of HTTP (RFC 9110 §5.6.7), as seconds since the Unix epoch.

use std::time::{Duration, UNIX_EPOCH};

/// Seconds since the Unix epoch, and durations in the same unit.
pub type Seconds = u64;

/// Reads a date in any of its three forms. Dates before the epoch count as the epoch.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Seconds> {
    let text = std::str::from_utf8(value).ok()?;
    let date = httpdate::parse_http_date(text.trim_ascii()).ok()?;
    Some(date.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Writes a date in the preferred form.
#[must_use]
pub fn format(at: Seconds) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_forms_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(parse(b"0"), None);
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
