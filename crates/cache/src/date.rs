//! Dates of HTTP (RFC 9110 §5.6.7), as seconds since the Unix epoch.

use std::time::{Duration, UNIX_EPOCH};

/// Seconds since the Unix epoch, and durations in the same unit.
pub type Seconds = u64;

/// Reads a date in any of its three forms, and in any case of letters (RFC 9111 §4.2). Dates
/// before the epoch count as the epoch.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Seconds> {
    let text = std::str::from_utf8(value).ok()?.trim_ascii();
    let date = httpdate::parse_http_date(text);
    let date = date.or_else(|_| httpdate::parse_http_date(&in_usual_case(text))).ok()?;
    Some(date.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// Words that begin with a capital letter, but for the zone.
fn in_usual_case(text: &str) -> String {
    let mut usual = text.to_ascii_lowercase();
    let mut is_inside = false;
    // All of it is ASCII, or no date.
    usual = usual
        .chars()
        .map(|letter| {
            let starts = !std::mem::replace(&mut is_inside, letter.is_ascii_alphabetic());
            if starts { letter.to_ascii_uppercase() } else { letter }
        })
        .collect();
    usual.strip_suffix("Gmt").map(|date| format!("{date}GMT")).unwrap_or(usual)
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
            "sun, 06 NOV 1994 08:49:37 gmt",
            "SUNDAY, 06-nov-94 08:49:37 Gmt",
            "sun nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        for bad in ["0", "Sun, 06 Nov 1994 08:49:37 UTC", "sun, 06 nov 1994 08:49:37 pst", "é"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
