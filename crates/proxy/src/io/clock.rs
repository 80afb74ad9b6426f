//! The worker's clock: exact where a duration is measured, coarse for the `Date` field.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;

thread_local! {
    static COARSE: Cell<Option<Instant>> = const { Cell::new(None) };
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// The monotonic time now.
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// The time of the worker's last tick: good to 50 ms, and free.
#[must_use]
pub fn coarse() -> Instant {
    COARSE.get().unwrap_or_else(now)
}

/// Sets what [`coarse`] says; called once a tick.
pub fn tick() {
    COARSE.set(Some(now()));
}

/// Wall-clock time since the Unix epoch.
#[must_use]
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Lends the current time as an IMF-fixdate (RFC 9110 §5.6.7); formatted once a second.
pub fn with_date<R>(use_date: impl FnOnce(&[u8]) -> R) -> R {
    let now = unix();
    DATE.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() || text.is_empty() {
            *second = now.as_secs();
            text.clear();
            // Writing to memory cannot fail.
            let _ = write!(text, "{}", HttpDate::from(UNIX_EPOCH + now));
        }
        use_date(text.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_date_is_an_imf_fixdate() {
        super::with_date(|date| {
            let text = std::str::from_utf8(date).unwrap();
            assert_eq!(text.len(), 29, "{text}");
            assert!(httpdate::parse_http_date(text).is_ok(), "{text}");
        });
    }
}
