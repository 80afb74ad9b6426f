//! The canonical form of a request path: what the router matches, and when it is also sent on.
//!
//! Two paths that RFC 3986 §6.2.2 calls equivalent have one canonical form, so no spelling of a
//! path slips past a route. The form is made for matching; see [`Canonical::needs_rewrite`] for
//! the one case in which an origin may be given it too.

/// Why a path is refused; all of them are answered 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathFault {
    /// The path does not begin with `/`.
    NotAbsolute,
    /// A `%` is not followed by two hexadecimal digits.
    BadEscape,
    /// `%00`: programs written in C would see a shorter path.
    Nul,
    /// A control character, a space or a `#`: not part of any path (RFC 3986 §3.3).
    BadByte,
    /// `..` leads above the root.
    AboveRoot,
    /// A dot segment that only some origins would see: beside an encoded slash or backslash
    /// (`/x%2f..%2fadmin`), or with a parameter (`/..;/admin`).
    HiddenDots,
}

impl PathFault {
    /// Every fault.
    pub const ALL: &[Self] = &[
        Self::NotAbsolute,
        Self::BadEscape,
        Self::Nul,
        Self::BadByte,
        Self::AboveRoot,
        Self::HiddenDots,
    ];

    /// The stable reason code used in logs and metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAbsolute => "path_not_absolute",
            Self::BadEscape => "path_bad_escape",
            Self::Nul => "path_nul",
            Self::BadByte => "path_bad_byte",
            Self::AboveRoot => "path_above_root",
            Self::HiddenDots => "path_hidden_dots",
        }
    }
}

/// What becomes of `//` within a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slashes {
    /// Runs of slashes count as one, as most origins read them.
    #[default]
    Merge,
    /// An empty segment is a segment (RFC 3986 §3.3), for origins where it means something.
    Keep,
}

/// A path in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canonical<'a> {
    /// The canonical bytes: printable ASCII that begins with `/`.
    pub path: &'a [u8],
    restructured: bool,
}

impl Canonical<'_> {
    /// Whether origins may read the raw path otherwise than this one.
    ///
    /// Where dot segments were resolved or slashes merged, origins disagree on what the raw path
    /// names; with `path forward="canonical"` they get this form. Where only escapes were
    /// respelled, every origin reads both alike, and the raw path goes on untouched in any case,
    /// because signatures (S3, OAuth) are made over it.
    #[must_use]
    pub fn needs_rewrite(&self) -> bool {
        self.restructured
    }
}

/// Brings a raw path (no query) into canonical form:
///
/// - escapes of unreserved characters are decoded, the hex digits of the others are upper case;
/// - bytes that may not stand in a path unescaped (`\`, `"`, non-ASCII ...) are escaped;
/// - dot segments, however they are spelled, are resolved; slashes are merged by `slashes`;
/// - `%2F` and `%5C` stay as they are and never separate segments.
///
/// A path that is canonical already is borrowed and nothing is copied; else the form is built in
/// `scratch`, which keeps its memory between calls and is empty in all other cases. The form is
/// idempotent.
pub fn canonical<'a>(
    raw: &'a [u8],
    slashes: Slashes,
    scratch: &'a mut Vec<u8>,
) -> Result<Canonical<'a>, PathFault> {
    scratch.clear();
    if raw.first() != Some(&b'/') {
        return Err(PathFault::NotAbsolute);
    }
    if is_plain(raw) {
        return Ok(Canonical { path: raw, restructured: false });
    }
    match rebuild(raw, slashes, scratch) {
        Ok(restructured) => Ok(Canonical { path: scratch, restructured }),
        Err(fault) => {
            scratch.clear();
            Err(fault)
        }
    }
}

/// Whether an escaped slash or backslash stands in a canonical path, so that an origin may see
/// more segments than we do.
#[must_use]
pub fn has_escaped_separator(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).any(|at| escaped_separator(path.get(at..).unwrap_or_default()))
}

/// The path as an origin reads it that takes `%2F` and `%5C` for slashes and merges them.
pub(super) fn unfold_separators(path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut rest = path;
    while let Some(&byte) = rest.first() {
        let escaped = escaped_separator(rest);
        let byte = if escaped { b'/' } else { byte };
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
        rest = rest.get(if escaped { 3 } else { 1 }..).unwrap_or_default();
    }
}

fn escaped_separator(text: &[u8]) -> bool {
    text.starts_with(b"%2F") || text.starts_with(b"%5C")
}

/// True only for paths that [`rebuild`] would return unchanged; a false alarm (`/.well-known`)
/// merely costs the copy.
fn is_plain(raw: &[u8]) -> bool {
    let mut before = 0;
    for &byte in raw {
        let segment_start = before == b'/' && (byte == b'/' || byte == b'.');
        if segment_start || !is_literal(byte) {
            return false;
        }
        before = byte;
    }
    true
}

/// Writes the canonical form to `out`; tells whether the segments are others than before.
fn rebuild(raw: &[u8], slashes: Slashes, out: &mut Vec<u8>) -> Result<bool, PathFault> {
    let mut restructured = false;
    let mut segments = raw.get(1..).unwrap_or_default().split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let start = out.len();
        out.push(b'/');
        decode_segment(segment, out)?;
        let decoded = out.get(start + 1..).unwrap_or_default();
        let drops = match decoded {
            b"" => !is_last && slashes == Slashes::Merge,
            b"." | b".." => true,
            _ if hides_dots(decoded) => return Err(PathFault::HiddenDots),
            _ => false,
        };
        if drops {
            drop_segment(out, start, is_last)?;
            restructured = true;
        }
    }
    Ok(restructured)
}

/// Takes the empty, `.` or `..` segment back that begins at `start`, and for `..` its parent too
/// (RFC 3986 §5.2.4). A dot segment at the end names a directory and leaves its slash.
fn drop_segment(out: &mut Vec<u8>, start: usize, is_last: bool) -> Result<(), PathFault> {
    let climbs = out.get(start + 1..) == Some(b"..");
    out.truncate(start);
    if climbs {
        let parent = memchr::memrchr(b'/', out).ok_or(PathFault::AboveRoot)?;
        out.truncate(parent);
    }
    if is_last {
        out.push(b'/');
    }
    Ok(())
}

/// Whether a segment holds `.` or `..` once escaped separators separate or parameters are cut.
fn hides_dots(segment: &[u8]) -> bool {
    let mut rest = segment;
    loop {
        let end = (0..rest.len()).find(|at| escaped_separator(rest.get(*at..).unwrap_or_default()));
        let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let name = piece.split(|byte| *byte == b';').next().unwrap_or_default();
        if name == b"." || name == b".." {
            return true;
        }
        let Some(end) = end else { return false };
        rest = rest.get(end + 3..).unwrap_or_default();
    }
}

fn decode_segment(segment: &[u8], out: &mut Vec<u8>) -> Result<(), PathFault> {
    let mut bytes = segment.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => push_octet(read_escape(&mut bytes)?, out)?,
            _ if is_literal(byte) => out.push(byte),
            0..=b' ' | 0x7f | b'#' => return Err(PathFault::BadByte),
            _ => push_escape(byte, out),
        }
    }
    Ok(())
}

fn read_escape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, PathFault> {
    let mut digit = || bytes.next().and_then(hex_digit).ok_or(PathFault::BadEscape);
    Ok(digit()? << 4 | digit()?)
}

fn push_octet(octet: u8, out: &mut Vec<u8>) -> Result<(), PathFault> {
    match octet {
        0 => return Err(PathFault::Nul),
        _ if is_unreserved(octet) => out.push(octet),
        _ => push_escape(octet, out),
    }
    Ok(())
}

fn push_escape(octet: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
}

/// The value of a hexadecimal digit.
pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

/// `unreserved` of RFC 3986 §2.3: escaped or not, these mean the same.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A byte that stands for itself in a canonical path: `pchar` without escapes, or the slash
/// (RFC 3986 §3.3).
fn is_literal(byte: u8) -> bool {
    const LITERAL: [bool; 256] = {
        let mut table = [false; 256];
        let text = b"/-._~!$&'()*+,;=:@0123456789\
            ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut at = 0;
        while at < text.len() {
            table[text[at] as usize] = true;
            at += 1;
        }
        table
    };
    LITERAL[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> Result<String, PathFault> {
        with(raw, Slashes::Merge).map(|(path, _)| path)
    }

    fn with(raw: &str, slashes: Slashes) -> Result<(String, bool), PathFault> {
        let mut scratch = Vec::new();
        let form = canonical(raw.as_bytes(), slashes, &mut scratch)?;
        Ok((String::from_utf8(form.path.to_vec()).unwrap(), form.needs_rewrite()))
    }

    #[test]
    fn canonical_paths_are_borrowed() {
        let mut scratch = Vec::new();
        for raw in ["/", "/a", "/a/", "/a/b.c", "/a..b", "/@x:y;v=1,2", "/~u/$&'()*+!="] {
            let form = canonical(raw.as_bytes(), Slashes::Merge, &mut scratch).unwrap();
            assert_eq!(form.path.as_ptr(), raw.as_ptr(), "{raw}");
            assert!(!form.needs_rewrite());
        }
        assert_eq!(scratch.capacity(), 0);
    }

    #[test]
    fn scratch_holds_this_path_or_nothing() {
        let mut scratch = Vec::new();
        for (raw, left) in [("/%61", "/a"), ("/b", ""), ("/c/../d", "/d"), ("/e/%zz", "")] {
            let _ = canonical(raw.as_bytes(), Slashes::Merge, &mut scratch);
            assert_eq!(scratch, left.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn escapes_are_respelled_and_the_raw_path_goes_on() {
        for (raw, path) in [
            ("/%61dmin", "/admin"),
            ("/%7Euser/%2d%2E%5f", "/~user/-._"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/a%2fb", "/a%2Fb"),
            ("/a\\b", "/a%5Cb"),
            ("/a%5cb", "/a%5Cb"),
            ("/a%3ab%40", "/a%3Ab%40"),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/%20", "/%20"),
        ] {
            assert_eq!(with(raw, Slashes::Merge), Ok((path.into(), false)), "{raw}");
        }
    }

    #[test]
    fn dot_segments_are_resolved_and_rewritten() {
        for (raw, path) in [
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/x/%2e%2E/admin", "/admin"),
            ("/x/.%2e/admin", "/admin"),
            ("/x/%2e/admin", "/x/admin"),
            ("/a/b/../../c", "/c"),
            ("/a/./", "/a/"),
            ("/a/../", "/"),
        ] {
            assert_eq!(with(raw, Slashes::Merge), Ok((path.into(), true)), "{raw}");
            assert_eq!(with(raw, Slashes::Keep), Ok((path.into(), true)), "{raw}");
        }
    }

    #[test]
    fn slashes_are_merged_by_policy() {
        for (raw, merged, kept) in [
            ("//admin", "/admin", "//admin"),
            ("/a//b///c", "/a/b/c", "/a//b///c"),
            ("/a//", "/a/", "/a//"),
            ("//", "/", "//"),
            ("/a//../b", "/b", "/a/b"),
            ("/a/.//b", "/a/b", "/a//b"),
        ] {
            assert_eq!(with(raw, Slashes::Merge), Ok((merged.into(), true)), "{raw}");
            let (path, rewrites) = with(raw, Slashes::Keep).unwrap();
            assert_eq!((path.as_str(), rewrites), (kept, raw.contains('.')), "{raw}");
        }
    }

    #[test]
    fn what_has_no_single_reading_is_refused() {
        use PathFault::{AboveRoot, BadByte, BadEscape, HiddenDots, NotAbsolute, Nul};
        for (raw, fault) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("a/b", NotAbsolute),
            ("/%", BadEscape),
            ("/%4", BadEscape),
            ("/%zz", BadEscape),
            ("/%+1", BadEscape),
            ("/%%36", BadEscape),
            ("/%2/f", BadEscape),
            ("/a%00.png", Nul),
            ("/a b", BadByte),
            ("/a\tb", BadByte),
            ("/a#b", BadByte),
            ("/a\u{7f}", BadByte),
            ("/..", AboveRoot),
            ("/a/../..", AboveRoot),
            ("//..", AboveRoot),
            ("/%2e%2e/etc", AboveRoot),
            ("/x%2f..%2fadmin", HiddenDots),
            ("/admin%2f..", HiddenDots),
            ("/x%2F../admin", HiddenDots),
            ("/..%5cadmin", HiddenDots),
            ("/..\\admin", HiddenDots),
            ("/x/..;/admin", HiddenDots),
            ("/x/%2e%2e;v=1/admin", HiddenDots),
            ("/.;/admin", HiddenDots),
        ] {
            assert_eq!(of(raw), Err(fault), "{raw}");
        }
        assert_eq!(of("/@scope%2fname"), Ok("/@scope%2Fname".into()));
        assert_eq!(of("/a..%2fb"), Ok("/a..%2Fb".into()));
    }

    #[test]
    fn separators_unfold() {
        let mut out = Vec::new();
        unfold_separators(b"/%2Fa%2Fb%5C%5Cc%20%2F/%2", &mut out);
        assert_eq!(out, b"/a/b/c%20/%2");
        assert!(has_escaped_separator(b"/a%20%2Fb"));
        assert!(!has_escaped_separator(b"/a%20b"));
    }
}
