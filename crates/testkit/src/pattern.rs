//! Endless bodies that are checked on the way and stored nowhere.

use std::io::{Read, Write};

/// Bytes before the pattern repeats: a prime, so that no buffer size hides a shift.
const PERIOD: usize = 1_000_003;

/// A stream of known bytes.
#[derive(Clone, Debug)]
pub struct Pattern {
    table: Vec<u8>,
    at: usize,
}

impl Default for Pattern {
    fn default() -> Self {
        let byte = |i: usize| u8::try_from((i * 31 + i / 251) % 256).expect("a byte");
        // Twice, so that any 64 KiB from any position are one slice.
        Self { table: (0..PERIOD * 2).map(|i| byte(i % PERIOD)).collect(), at: 0 }
    }
}

impl Pattern {
    /// The next `count` bytes, at most 64 KiB.
    pub fn next(&mut self, count: usize) -> &[u8] {
        let from = self.at;
        self.at = (self.at + count) % PERIOD;
        &self.table[from..from + count]
    }

    /// Writes `total` bytes.
    ///
    /// # Errors
    /// What the sink says.
    pub fn write(&mut self, sink: &mut impl Write, total: u64) -> std::io::Result<()> {
        let mut left = total;
        while left > 0 {
            let count = usize::try_from(left.min(64 * 1024)).expect("small");
            sink.write_all(self.next(count))?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Reads `total` bytes and compares each.
    ///
    /// # Errors
    /// What the source says; a byte that differs is an error that names its place.
    pub fn check(&mut self, source: &mut impl Read, total: u64) -> std::io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        let mut done = 0;
        while done < total {
            let want = usize::try_from((total - done).min(64 * 1024)).expect("small");
            let count = source.read(&mut buffer[..want])?;
            if count == 0 {
                return Err(std::io::Error::other(format!("ended after {done} of {total}")));
            }
            if self.next(count) != &buffer[..count] {
                return Err(std::io::Error::other(format!("differs between {done} and +{count}")));
            }
            done += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_checks_and_a_shift_is_found() {
        let mut bytes = Vec::new();
        Pattern::default().write(&mut bytes, 3_000_000).unwrap();
        Pattern::default().check(&mut bytes.as_slice(), 3_000_000).unwrap();
        bytes.remove(70_000);
        assert!(Pattern::default().check(&mut bytes.as_slice(), 2_999_999).is_err());
    }
}
