//! How old a response is and how long it lives (RFC 9111 §4.2).

use http1::{Headers, Known};

use crate::date::{self, Seconds};
use crate::directives::ResponseDirectives;
use crate::members::{self, DELTA_MAX_S};

/// A guessed lifetime is at most this long.
pub const HEURISTIC_MAX_S: u32 = 24 * 60 * 60;

/// When the request of a response was sent and when its head had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the request was sent.
    pub request: Seconds,
    /// When the head of the response was there.
    pub response: Seconds,
}

/// The age of a response when it came, in seconds (§4.2.3); `None` for one whose `Age` cannot be
/// trusted.
///
/// Of a list the first member counts (§5.1). A field that comes twice, says the same twice or is
/// no number tells of a cache on the way that is not in order: the response is taken for old,
/// which costs a validation at the most.
#[must_use]
pub fn age_on_receipt(headers: &Headers, times: Times) -> Option<u32> {
    let date = date_of(headers, times);
    let apparent = times.response.saturating_sub(date);
    let delay = times.response.saturating_sub(times.request);
    let corrected = Seconds::from(age_value(headers)?).saturating_add(delay);
    Some(clamp(apparent.max(corrected)))
}

fn age_value(headers: &Headers) -> Option<u32> {
    let mut lines = headers.values(Known::Age);
    let Some(line) = lines.next() else { return Some(0) };
    if lines.next().is_some() {
        return None;
    }
    let mut values = line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let first = values.next().unwrap_or_default();
    if values.any(|other| other == first) {
        return None;
    }
    members::delta_s(first)
}

/// When a response says that it was made; when it came, if it does not say or not readably.
#[must_use]
pub fn date_of(headers: &Headers, times: Times) -> Seconds {
    headers.value(Known::Date).and_then(date::parse).unwrap_or(times.response)
}

/// The lifetime that a response gives itself, in seconds (§4.2.1). `targeted` directives speak
/// instead of `Expires` too.
#[must_use]
pub fn explicit_s(
    headers: &Headers,
    directives: &ResponseDirectives,
    targeted: bool,
    times: Times,
) -> Option<u32> {
    if let Some(lifetime) = directives.s_maxage_s.or(directives.max_age_s) {
        return Some(lifetime);
    }
    if targeted || !headers.contains(Known::Expires) {
        return None;
    }
    let mut all = headers.values(Known::Expires);
    // Several dates, or one that cannot be read, are in the past (§5.3).
    let expires = all.next().and_then(date::parse).filter(|_| all.next().is_none()).unwrap_or(0);
    Some(clamp(expires.saturating_sub(date_of(headers, times))))
}

/// The lifetime that is guessed from the time since the last change, in seconds (§4.2.2): a tenth
/// of it, at most [`HEURISTIC_MAX_S`].
#[must_use]
pub fn heuristic_s(headers: &Headers, times: Times) -> u32 {
    let modified = headers.value(Known::LastModified).and_then(date::parse);
    let since = modified.map_or(0, |at| date_of(headers, times).saturating_sub(at));
    clamp(since / 10).min(HEURISTIC_MAX_S)
}

fn clamp(seconds: Seconds) -> u32 {
    u32::try_from(seconds).unwrap_or(DELTA_MAX_S).min(DELTA_MAX_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Seconds = 784_111_777;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        headers
    }

    fn times() -> Times {
        Times { request: NOW - 2, response: NOW }
    }

    fn age(fields: &[(&str, &str)]) -> Option<u32> {
        age_on_receipt(&headers(fields), times())
    }

    #[test]
    fn age_is_the_larger_of_apparent_and_corrected() {
        assert_eq!(age(&[]), Some(2), "the time on the way counts");
        assert_eq!(age(&[("Age", "30")]), Some(32));
        assert_eq!(age(&[("Date", &date::format(NOW - 100)), ("Age", "30")]), Some(100));
        assert_eq!(age(&[("Date", &date::format(NOW + 100)), ("Age", "30")]), Some(32));
        assert_eq!(age(&[("Date", "foo")]), Some(2));
    }

    #[test]
    fn an_odd_age_is_not_trusted() {
        for bad in ["abc", "-7200", "7200.0", "0, 0", "7200;a=1", ""] {
            assert_eq!(age(&[("Age", bad)]), None, "{bad}");
        }
        assert_eq!(age(&[("Age", "0"), ("Age", "7200")]), None);
        assert_eq!(age(&[("Age", "0,7200")]), Some(2), "the first member counts");
        assert_eq!(age(&[("Age", "99999999999999")]), Some(DELTA_MAX_S));
    }

    #[test]
    fn lifetimes_in_order_of_precedence() {
        let explicit = |fields: &[(&str, &str)]| {
            let headers = headers(fields);
            explicit_s(&headers, &ResponseDirectives::read(&headers), false, times())
        };
        let later = date::format(NOW + 60);
        assert_eq!(explicit(&[("Expires", &later)]), Some(60));
        assert_eq!(explicit(&[("Expires", &later), ("Cache-Control", "max-age=5")]), Some(5));
        assert_eq!(explicit(&[("Cache-Control", "max-age=5, s-maxage=7")]), Some(7));
        assert_eq!(explicit(&[("Expires", "0")]), Some(0));
        assert_eq!(explicit(&[("Expires", &later), ("Expires", &later)]), Some(0));
        assert_eq!(explicit(&[]), None);
    }

    #[test]
    fn a_guess_is_a_tenth_and_bounded() {
        let at = |ago: Seconds| {
            heuristic_s(&headers(&[("Last-Modified", &date::format(NOW - ago))]), times())
        };
        assert_eq!(at(1000), 100);
        assert_eq!(at(10_000_000), HEURISTIC_MAX_S);
        assert_eq!(heuristic_s(&headers(&[]), times()), 0);
    }
}
