//! Dates as text in UTC, computed once a second and copied from then on.

/// The last second written, in both spellings. Not shared: each worker has its own.
#[derive(Clone, Debug)]
pub(super) struct Dates {
    unix_s: u64,
    iso: [u8; 19],
    clf: [u8; 26],
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

impl Default for Dates {
    fn default() -> Self {
        let iso = *b"1970-01-01T00:00:00";
        Self { unix_s: 0, iso, clf: *b"01/Jan/1970:00:00:00 +0000" }
    }
}

impl Dates {
    /// Appends `2026-11-23T17:40:34.123Z` (RFC 3339).
    pub(super) fn write_iso(&mut self, unix_ns: u64, out: &mut Vec<u8>) {
        self.turn_to(unix_ns / 1_000_000_000);
        let millis = unix_ns / 1_000_000 % 1_000;
        out.extend_from_slice(&self.iso);
        out.push(b'.');
        out.push(digit(millis / 100));
        out.extend_from_slice(&two(millis % 100));
        out.push(b'Z');
    }

    /// Appends `23/Nov/2026:17:40:34 +0000`, as the combined format has it.
    pub(super) fn write_clf(&mut self, unix_ns: u64, out: &mut Vec<u8>) {
        self.turn_to(unix_ns / 1_000_000_000);
        out.extend_from_slice(&self.clf);
    }

    fn turn_to(&mut self, unix_s: u64) {
        if unix_s == self.unix_s {
            return;
        }
        let (year, month, day) = civil(unix_s / 86_400);
        let (year_high, year_low) = (two(year / 100), two(year % 100));
        let (month_digits, day_digits) = (two(month), two(day));
        let (hours, minutes, seconds) =
            (two(unix_s / 3_600 % 24), two(unix_s / 60 % 60), two(unix_s % 60));
        let month_name = MONTHS.get(month as usize - 1).copied().unwrap_or(b"Jan");
        let iso = [
            (0, year_high),
            (2, year_low),
            (5, month_digits),
            (8, day_digits),
            (11, hours),
            (14, minutes),
            (17, seconds),
        ];
        for (at, digits) in iso {
            self.iso[at..at + 2].copy_from_slice(&digits);
        }
        self.clf[3..6].copy_from_slice(month_name);
        let clf = [
            (0, day_digits),
            (7, year_high),
            (9, year_low),
            (12, hours),
            (15, minutes),
            (18, seconds),
        ];
        for (at, digits) in clf {
            self.clf[at..at + 2].copy_from_slice(&digits);
        }
        self.unix_s = unix_s;
    }
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar. Counted from a
/// first of March, so that the leap day is the last of its year and 400 years are alike.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days_since_1970 + 719_468;
    let cycle = days / DAYS_OF_400_YEARS;
    let day_of_cycle = days % DAYS_OF_400_YEARS;
    let leaps = day_of_cycle / 1_460 + day_of_cycle / 146_096 - day_of_cycle / 36_524;
    let year_of_cycle = (day_of_cycle - leaps) / 365;
    let year_start = 365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100;
    let day_of_year = day_of_cycle - year_start;
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year % 10_000, month, day)
}

fn two(number: u64) -> [u8; 2] {
    [digit(number / 10 % 10), digit(number % 10)]
}

fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(unix_ns: u64) -> (String, String) {
        let (mut dates, mut iso, mut clf) = (Dates::default(), Vec::new(), Vec::new());
        dates.write_iso(unix_ns, &mut iso);
        dates.write_clf(unix_ns, &mut clf);
        (String::from_utf8(iso).unwrap(), String::from_utf8(clf).unwrap())
    }

    #[test]
    fn known_moments() {
        for (unix_ns, iso, clf) in [
            (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z", "29/Feb/2000:00:00:00 +0000"),
            (1_795_455_634_120_999_999, "2026-11-23T17:40:34.120Z", "23/Nov/2026:17:40:34 +0000"),
            (4_107_542_399_999_000_000, "2100-02-28T23:59:59.999Z", "28/Feb/2100:23:59:59 +0000"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z", "01/Mar/2100:00:00:00 +0000"),
        ] {
            assert_eq!(both(unix_ns), (iso.to_owned(), clf.to_owned()));
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let lengths = |year: u64| {
            let leap =
                year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
            [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..183_000 {
            assert_eq!(civil(days), (year, month, day));
            day += 1;
            if day > lengths(year)[month as usize - 1] {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn going_back_in_time_is_no_problem() {
        let (mut dates, mut out) = (Dates::default(), Vec::new());
        for second in [100, 99, 100] {
            dates.write_iso(second * 1_000_000_000, &mut out);
        }
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("00:01:40.000Z1970-01-01T00:01:39.000Z"), "{text}");
    }
}
