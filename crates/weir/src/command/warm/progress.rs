//! How far it is, on standard error: one line that is drawn anew on a terminal, else a line every
//! few seconds.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::tally::Tally;

/// Between two drawings on a terminal.
const DRAW: Duration = Duration::from_millis(100);

/// Between two lines elsewhere.
const LINE: Duration = Duration::from_secs(2);

/// Cells of the bar.
const BAR: usize = 24;

/// Takes the cursor to the beginning of the line and clears it.
const CLEAR: &str = "\r\x1b[K";

/// Off and on: what is too long for a terminal is cut and not continued on the next line, which
/// could not be cleared.
const WRAP: [&str; 2] = ["\x1b[?7l", "\x1b[?7h"];

/// The way from none to all.
pub(super) struct Progress {
    total: usize,
    started: Instant,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        Self { total, started: Instant::now() }
    }

    /// Tells again and again, until it is dropped.
    pub(super) async fn tell(&self, tally: &RefCell<Tally>) {
        let is_terminal = std::io::stderr().is_terminal();
        loop {
            let (done, counts) = {
                let tally = tally.borrow();
                (tally.done(), tally.line())
            };
            let text = self.text((done, &counts), self.started.elapsed());
            if is_terminal {
                let [off, on] = WRAP;
                write(&format!("{CLEAR}{off}{} {text}{on}", bar(done, self.total)));
            } else {
                write(&format!("{text}\n"));
            }
            tokio::time::sleep(if is_terminal { DRAW } else { LINE }).await;
        }
    }

    /// `120/600 (20%), 80 hits, 30 stored, 10 failed, 60/s, 8s left`
    fn text(&self, (done, counts): (usize, &str), elapsed: Duration) -> String {
        let percent = (done * 100).checked_div(self.total).unwrap_or(100);
        let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
        let left = self.total.saturating_sub(done);
        let left = if done == 0 { "?".to_owned() } else { time(left as f64 / rate) };
        format!("{done}/{} ({percent}%), {counts}, {rate:.0}/s, {left} left", self.total)
    }
}

/// `75` seconds as `1m15s`.
fn time(seconds: f64) -> String {
    // Beyond what anybody waits for; a cast cuts what does not fit.
    let seconds = seconds.ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

fn bar(done: usize, total: usize) -> String {
    let full = (done * BAR).checked_div(total).unwrap_or(BAR).min(BAR);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

/// A line of its own beside the progress.
pub(super) fn say(line: &str) {
    let clear = if std::io::stderr().is_terminal() { CLEAR } else { "" };
    write(&format!("{clear}weir: {line}\n"));
}

/// Takes the drawing away.
pub(super) fn clear() {
    if std::io::stderr().is_terminal() {
        write(CLEAR);
    }
}

/// Nobody has to look: a closed standard error is no failure.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_and_how_long_it_takes() {
        let progress = Progress::new(600);
        let text = progress.text((120, "counts"), Duration::from_secs(2));
        assert_eq!(text, "120/600 (20%), counts, 60/s, 8s left");
        let none = progress.text((0, "counts"), Duration::from_secs(2));
        assert_eq!(none, "0/600 (0%), counts, 0/s, ? left");
        let empty = Progress::new(0).text((0, "counts"), Duration::ZERO);
        assert!(empty.starts_with("0/0 (100%)"), "{empty}");
        assert_eq!([5.1, 75.0, 3_700.0].map(time), ["6s", "1m15s", "1h01m"]);
        assert_eq!(bar(1, 2), format!("[{}{}]", "#".repeat(12), "-".repeat(12)));
    }
}
