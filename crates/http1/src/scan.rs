//! Finds the end of a head in a growing buffer, without reading a byte twice.
//!
//! Here is refused at once what no further byte could mend: a bare LF, a first line that cannot
//! be HTTP (a TLS greeting on a plain port), and whatever is over a limit. The rest is for `parse`.

use crate::method::METHOD_BYTES_MAX;
use crate::octets::is_token;
use crate::{HeadLimits, Refusal};

/// Empty lines that may stand before a request line (RFC 9112 §2.2 asks for at least one).
const EMPTY_LINES_MAX: u8 = 4;

/// How long a request line is without its target at most: method, two spaces, version, CR.
const LINE_OVERHEAD_MAX: usize = METHOD_BYTES_MAX + " ".len() * 2 + "HTTP/1.1\r".len();

/// How every status line begins.
const STATUS_LINE_START: &[u8] = b"HTTP/";

/// Remembers how far a head has been looked at. One scanner serves one head.
#[derive(Default, Debug, Clone, Copy)]
pub struct HeadScanner {
    response: bool,
    empty_lines: u8,
    in_fields: bool,
    line_start: usize,
    scanned: usize,
}

impl HeadScanner {
    /// A scanner for a request head; the same as the default.
    #[must_use]
    pub fn new_request() -> Self {
        Self::default()
    }

    /// A scanner for a response head: nothing may stand before the status line.
    #[must_use]
    pub fn new_response() -> Self {
        Self { response: true, ..Self::default() }
    }

    /// Looks for the end of the head in `buf`, which holds the bytes of the earlier calls and
    /// perhaps more. `Some(end)` is the index just past the empty line; `None` asks for more.
    ///
    /// # Errors
    /// The refusal does not depend on how the bytes were split into calls. After one the scanner
    /// is spent.
    pub fn find_end(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        let window = buf.get(..limits.head_bytes_max).unwrap_or(buf);
        let unseen = window.get(self.scanned..).unwrap_or_default();
        for offset in memchr::memchr_iter(b'\n', unseen) {
            let line_end = self.scanned + offset;
            let line = window.get(self.line_start..line_end).unwrap_or_default();
            if self.line(line, limits)? {
                return Ok(Some(line_end + 1));
            }
            self.line_start = line_end + 1;
        }
        self.scanned = window.len();
        if !self.in_fields {
            self.check_first_line(window.get(self.line_start..).unwrap_or_default(), limits)?;
        }
        if window.len() >= limits.head_bytes_max {
            return Err(Refusal::HeadTooLarge);
        }
        Ok(None)
    }

    /// Takes one complete line, without its LF; tells whether it ends the head.
    fn line(&mut self, line: &[u8], limits: &HeadLimits) -> Result<bool, Refusal> {
        if !self.in_fields {
            self.check_first_line(line, limits)?;
        }
        let [text @ .., b'\r'] = line else { return Err(Refusal::BareLf) };
        if self.in_fields {
            return Ok(text.is_empty());
        }
        if !text.is_empty() {
            self.in_fields = true;
        } else if self.response || self.empty_lines == EMPTY_LINES_MAX {
            return Err(self.bad_first_line());
        } else {
            self.empty_lines += 1;
        }
        Ok(false)
    }

    /// Refuses a first line, complete or not, that cannot become a good one.
    fn check_first_line(&self, line: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        if self.response {
            let shared = line.len().min(STATUS_LINE_START.len());
            let fits = line.get(..shared) == STATUS_LINE_START.get(..shared);
            return if fits { Ok(()) } else { Err(Refusal::BadStatusLine) };
        }
        match line {
            [] | [b'\r'] => Ok(()),
            [b'\r', ..] => Err(Refusal::BareCr),
            [first, ..] if !is_token(*first) => Err(Refusal::BadRequestLine),
            _ if line.len() > METHOD_BYTES_MAX => check_request_line(line, limits),
            _ => Ok(()),
        }
    }

    fn bad_first_line(&self) -> Refusal {
        if self.response { Refusal::BadStatusLine } else { Refusal::BadRequestLine }
    }
}

/// Checks the lengths of method and target in a request line that may still grow.
fn check_request_line(line: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
    let method_window = line.get(..=METHOD_BYTES_MAX).unwrap_or(line);
    let Some(space) = memchr::memchr(b' ', method_window) else {
        let is_method = method_window.iter().all(|octet| is_token(*octet));
        return Err(if is_method { Refusal::MethodTooLong } else { Refusal::BadRequestLine });
    };
    let after = line.get(space + 1..).unwrap_or_default();
    if after.len() <= limits.uri_bytes_max {
        return Ok(());
    }
    let uri_window = after.get(..=limits.uri_bytes_max).unwrap_or(after);
    if memchr::memchr(b' ', uri_window).is_none() {
        return Err(Refusal::UriTooLong);
    }
    let line_max = limits.uri_bytes_max + LINE_OVERHEAD_MAX;
    if line.len() > line_max { Err(Refusal::BadRequestLine) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits =
        HeadLimits { head_bytes_max: 200, headers_max: 10, uri_bytes_max: 64 };

    fn whole(scanner: HeadScanner, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        let mut scanner = scanner;
        scanner.find_end(bytes, &LIMITS)
    }

    /// Feeds one byte more at a time; the outcome and the number of bytes it took.
    fn trickled(scanner: HeadScanner, bytes: &[u8]) -> (Result<Option<usize>, Refusal>, usize) {
        let mut scanner = scanner;
        for end in 0..=bytes.len() {
            match scanner.find_end(&bytes[..end], &LIMITS) {
                Ok(None) => {}
                outcome => return (outcome, end),
            }
        }
        (Ok(None), bytes.len())
    }

    fn refused_at(bytes: &[u8]) -> (Refusal, usize) {
        let (outcome, at) = trickled(HeadScanner::new_request(), bytes);
        assert_eq!(whole(HeadScanner::new_request(), bytes), outcome);
        (outcome.unwrap_err(), at)
    }

    #[test]
    fn finds_the_end_once() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\r\n\r\n";
        assert_eq!(whole(HeadScanner::new_request(), bytes), Ok(Some(27)));
        assert_eq!(trickled(HeadScanner::new_request(), bytes), (Ok(Some(27)), 27));
        let bytes = b"HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(trickled(HeadScanner::new_response(), bytes), (Ok(Some(19)), 19));
    }

    #[test]
    fn a_few_empty_lines_may_come_before_a_request() {
        let bytes = b"\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        assert_eq!(trickled(HeadScanner::new_request(), bytes), (Ok(Some(22)), 22));
        assert_eq!(refused_at(&b"\r\n".repeat(5)), (Refusal::BadRequestLine, 10));
        assert_eq!(whole(HeadScanner::new_response(), b"\r\n"), Err(Refusal::BadStatusLine));
    }

    #[test]
    fn hopeless_first_bytes_are_refused_at_once() {
        assert_eq!(refused_at(b"\x16\x03\x01\x02\x00"), (Refusal::BadRequestLine, 1));
        assert_eq!(refused_at(b"\rGET"), (Refusal::BareCr, 2));
        assert_eq!(refused_at(b"\nGET"), (Refusal::BareLf, 1));
        assert_eq!(refused_at(b" GET"), (Refusal::BadRequestLine, 1));
        assert_eq!(whole(HeadScanner::new_response(), b"SSH"), Err(Refusal::BadStatusLine));
    }

    #[test]
    fn a_bare_lf_is_refused_when_seen() {
        assert_eq!(refused_at(b"GET / HTTP/1.1\nHost"), (Refusal::BareLf, 15));
        assert_eq!(refused_at(b"GET / HTTP/1.1\r\nA: b\n"), (Refusal::BareLf, 21));
        assert_eq!(refused_at(b"GET / HTTP/1.1\r\nA: b\r\n\n"), (Refusal::BareLf, 23));
    }

    #[test]
    fn limits_hold_before_the_head_is_complete() {
        let long = [b"GET /".as_slice(), &[b'a'; 80]].concat();
        assert_eq!(refused_at(&long), (Refusal::UriTooLong, 4 + 65));
        assert_eq!(refused_at(&[b'A'; 30]), (Refusal::MethodTooLong, 24));
        let padded = [b"GET / ".as_slice(), &[b' '; 200]].concat();
        assert_eq!(refused_at(&padded).0, Refusal::BadRequestLine);
        let fields = [b"GET / HTTP/1.1\r\n".as_slice(), &[b'a'; 300]].concat();
        assert_eq!(refused_at(&fields), (Refusal::HeadTooLarge, 200));
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let target = [b'a'; 64];
        let line = [b"GET ".as_slice(), &target, b" HTTP/1.1\r\nA: "].concat();
        let mut head = line;
        head.resize(196, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        assert_eq!(trickled(HeadScanner::new_request(), &head), (Ok(Some(200)), 200));
    }
}
