//! Things that one worker has so many of.

use std::cell::Cell;
use std::rc::Rc;

/// How many there are.
#[derive(Clone, Debug, Default)]
pub struct Tally(Rc<Cell<usize>>);

/// One of them; dropped, it is counted no more.
#[derive(Debug)]
pub struct Taken(Tally);

impl Tally {
    /// How many there are now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.get()
    }

    /// Counts one more, if there are fewer than `max`.
    #[must_use]
    pub fn take(&self, max: usize) -> Option<Taken> {
        let count = self.count();
        (count < max).then(|| {
            self.0.set(count + 1);
            Taken(self.clone())
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.0.set(self.0.count().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let tally = Tally::default();
        let (first, second) = (tally.take(2), tally.take(2));
        assert!(first.is_some() && second.is_some() && tally.take(2).is_none());
        drop(first);
        assert_eq!(tally.count(), 1);
        assert!(tally.take(2).is_some());
    }
}
