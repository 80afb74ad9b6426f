//! Durations, sizes and rates as people write them.

use std::time::Duration;

/// Longest duration that makes sense anywhere: ten years, which browsers may be told to remember.
const DURATION_MAX: Duration = Duration::from_secs(3660 * 24 * 3600);

/// `250ms`, `5s`, `1h30m`: one or more numbers, each with its unit. Zero is refused, since
/// a time that is over before it starts is never meant. `Err` is a hint, perhaps empty.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or("")?;
        let unit_length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err("a duration needs a unit: ms, s, m, h or d"),
            _ => return Err("the units are ms, s, m, h and d"),
        };
        let part = number.checked_mul(millis).ok_or("the longest is \"3660d\"")?;
        total = total.saturating_add(Duration::from_millis(part));
        rest = after;
    }
    match total {
        Duration::ZERO if text.is_empty() => Err(""),
        Duration::ZERO => Err("it must be longer than zero"),
        long if long > DURATION_MAX => Err("the longest is \"3660d\""),
        fine => Ok(fine),
    }
}

/// `512B`, `16KiB`, `2GiB` in bytes; at least one byte. `Err` is a hint, perhaps empty.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    let (number, unit) = leading_number(text).ok_or("")?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        "" => return Err("a size needs a unit: B, KiB, MiB, GiB or TiB"),
        _ => return Err("the units are B, KiB, MiB, GiB and TiB; 1KiB is 1024B"),
    };
    match number.checked_mul(1 << shift) {
        Some(0) => Err("it must be at least \"1B\""),
        Some(bytes) => Ok(bytes),
        None => Err("it is too large"),
    }
}

/// `20%`: a share from 0 to 100 percent.
pub(crate) fn percent(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.parse().ok()?;
    (number <= 100).then_some(number)
}

/// `100/s`, `1KiB/s` in bytes a second. `Err` is a hint, perhaps empty.
pub(crate) fn byte_rate(text: &str) -> Result<u64, &'static str> {
    let amount = text.strip_suffix("/s").ok_or("it must end in /s")?;
    match amount.parse() {
        Ok(bytes) => Ok(bytes),
        Err(_) => size(amount),
    }
}

/// `100/s`, `600/m` as a number in a second, at least one. `Err` is a hint, perhaps empty.
pub(crate) fn rate(text: &str) -> Result<u32, &'static str> {
    let (number, unit) = leading_number(text).ok_or("")?;
    let per_s = match unit {
        "/s" => number,
        "/m" => number / 60,
        _ => return Err("it must end in /s or /m"),
    };
    match u32::try_from(per_s) {
        Ok(0) => Err("it must be at least \"1/s\" or \"60/m\""),
        Ok(per_s) => Ok(per_s),
        Err(_) => Err("it is too large"),
    }
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86400)));
        for bad in ["", "5", "s", "5 s", "-5s", "5x", "0s", "3661d", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(duration("18446744073709551615d").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(size("512B"), Ok(512));
        assert_eq!(size("2GiB"), Ok(2 << 30));
        for bad in ["", "5", "KiB", "5KB", "5kib", "0B", "99999999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(byte_rate("100/s"), Ok(100));
        assert_eq!(byte_rate("1KiB/s"), Ok(1024));
        assert!(byte_rate("100").is_err() && byte_rate("x/s").is_err());
        assert_eq!((rate("100/s"), rate("600/m")), (Ok(100), Ok(10)));
        for bad in ["", "5", "/s", "0/s", "59/m", "5/h", "99999999999/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
