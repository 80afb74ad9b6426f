//! What a match leaves for rewrites and placeholders: ranges into the canonical path.

use std::ops::Range;

/// The parts of the canonical path that the matched route names. One is kept per worker or
/// connection, so that a match allocates nothing but for regular expressions.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    rest_start: usize,
    rest_end: usize,
    groups: Vec<Option<Range<usize>>>,
    /// Room for the second reading of a path with escaped separators.
    pub(super) unfolded: Vec<u8>,
}

impl Captures {
    /// No captures, no memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { rest_start: 0, rest_end: 0, groups: Vec::new(), unfolded: Vec::new() }
    }

    /// `{path.rest}`: what follows the prefix and its slash, or the match of a regular
    /// expression; empty for an exact path.
    #[must_use]
    pub fn rest(&self) -> Range<usize> {
        self.rest_start..self.rest_end
    }

    /// Group `number` of the route's regular expression; 0 is the whole match. `None` where the
    /// group took no part or there is none.
    #[must_use]
    pub fn group(&self, number: usize) -> Option<Range<usize>> {
        self.groups.get(number).cloned().flatten()
    }

    /// Forgets what was captured and keeps the memory.
    pub fn clear(&mut self) {
        self.set_rest(0, 0);
        self.groups.clear();
    }

    pub(super) fn set_rest(&mut self, start: usize, path_bytes: usize) {
        self.rest_start = start.min(path_bytes);
        self.rest_end = path_bytes;
    }

    pub(super) fn push_group(&mut self, range: Option<Range<usize>>) {
        self.groups.push(range);
    }
}
