//! The text that a body must contain.

/// Bytes of a body that are looked at.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A search in a body that arrives in parts.
pub(super) struct Search<'a> {
    wanted: &'a [u8],
    seen: usize,
    /// The end of what was seen, too short to hold the text but perhaps its beginning.
    tail: Vec<u8>,
}

impl<'a> Search<'a> {
    pub(super) fn new(wanted: &'a str) -> Self {
        Self { wanted: wanted.as_bytes(), seen: 0, tail: Vec::new() }
    }

    /// Looks at the next part; whether the text has occurred, or `None` while it still may.
    pub(super) fn look(&mut self, part: &[u8]) -> Option<bool> {
        let room = BODY_BYTES_MAX.saturating_sub(self.seen);
        let part = part.get(..room).unwrap_or(part);
        self.seen += part.len();
        self.tail.extend_from_slice(part);
        if self.tail.windows(self.wanted.len().max(1)).any(|window| window == self.wanted) {
            return Some(true);
        }
        let kept = self.wanted.len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(kept));
        (self.seen >= BODY_BYTES_MAX).then_some(false)
    }

    /// Why a body without the text is no good answer.
    pub(super) fn missing(&self) -> String {
        let wanted = String::from_utf8_lossy(self.wanted);
        format!("the body does not contain {wanted:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_parts() {
        let mut search = Search::new("ready");
        assert_eq!(search.look(b"not re"), None);
        assert_eq!(search.look(b"a"), None);
        assert_eq!(search.look(b"dy at all"), Some(true));
        assert!(Search::new("x").look(b"") != Some(true));
    }

    #[test]
    fn what_is_behind_the_limit_does_not_count() {
        let mut search = Search::new("ok");
        assert_eq!(search.look(&vec![b'.'; BODY_BYTES_MAX - 2]), None);
        assert_eq!(search.look(b"ok"), Some(true));
        let mut search = Search::new("ok");
        assert_eq!(search.look(&vec![b'.'; BODY_BYTES_MAX - 1]), None);
        assert_eq!(search.look(b"ok"), Some(false));
    }
}
