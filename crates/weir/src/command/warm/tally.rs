//! What came of the requests, counted by what `Cache-Status` said.

use std::collections::BTreeMap;
use std::fmt::Write;

use cache::status::Told;

/// Failures that are told of one by one; the others are only counted.
const SHOWN_MAX: u64 = 10;

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was not there, and is now.
    Stored,
    /// It was there and fresh.
    Fresh,
    /// It was there and stale, and is fresh again or about to be.
    Renewed,
    /// It is not kept, for this reason.
    NotStored(String),
    /// No cache of Weir has said anything.
    Silent,
    /// The answer is an error.
    Status(u16),
    /// There was no answer, or no whole one.
    Broken(String),
}

impl Outcome {
    /// What an answer without an error means.
    pub(super) fn of(told: Option<Told>) -> Self {
        let Some(told) = told else { return Self::Silent };
        match told.forward {
            None if told.is_hit && told.ttl_s.is_some_and(|ttl| ttl < 0) => Self::Renewed,
            None if told.is_hit => Self::Fresh,
            _ if told.is_stored || told.is_collapsed => Self::Stored,
            _ if told.forward_status == Some(304) => Self::Renewed,
            forward => Self::NotStored(told.detail.or(forward).unwrap_or_default()),
        }
    }
}

/// All that came.
#[derive(Debug, Default)]
pub(super) struct Tally {
    stored: u64,
    fresh: u64,
    renewed: u64,
    silent: u64,
    not_stored: BTreeMap<String, u64>,
    /// By status, and by what was wrong where there was none.
    failed: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts. Says what went wrong, if something did and it is one of the first times.
    pub(super) fn note(&mut self, outcome: Outcome) -> Option<String> {
        let failed = match outcome {
            Outcome::Stored => return count(&mut self.stored),
            Outcome::Fresh => return count(&mut self.fresh),
            Outcome::Renewed => return count(&mut self.renewed),
            Outcome::Silent => return count(&mut self.silent),
            Outcome::NotStored(reason) => {
                return count(self.not_stored.entry(bounded(reason)).or_default());
            }
            Outcome::Status(status) => (format!("status {status}"), format!("status {status}")),
            Outcome::Broken(reason) => ("no whole answer".to_owned(), reason),
        };
        let is_among_first = self.failed() < SHOWN_MAX;
        *self.failed.entry(failed.0).or_default() += 1;
        is_among_first.then_some(failed.1)
    }

    /// Requests so far.
    pub(super) fn done(&self) -> usize {
        let not_stored: u64 = self.not_stored.values().sum();
        let all = self.stored + self.hits() + self.silent + not_stored + self.failed();
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// Requests that what was stored has answered.
    fn hits(&self) -> u64 {
        self.fresh + self.renewed
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// The numbers in one line.
    pub(super) fn line(&self) -> String {
        let (hits, stored, failed) = (self.hits(), self.stored, self.failed());
        format!("{hits} hits, {stored} stored, {failed} failed")
    }

    /// One line for each outcome that there was.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        let mut line = |count: u64, what: &str| {
            if count > 0 {
                // Writing to memory cannot fail.
                let _ = writeln!(text, "{count:>9}  {what}");
            }
        };
        line(self.stored, "stored");
        line(self.fresh, "already fresh");
        line(self.renewed, "renewed");
        for (reason, count) in &self.not_stored {
            line(*count, &format!("not stored: {reason}"));
        }
        line(self.silent, "without Cache-Status");
        for (reason, count) in &self.failed {
            line(*count, &format!("failed: {reason}"));
        }
        line(self.done() as u64, "in all");
        if text.is_empty() { "nothing to warm\n".to_owned() } else { text }
    }
}

fn count(number: &mut u64) -> Option<String> {
    *number += 1;
    None
}

/// Reasons come from an answer, and there must not be any number of them.
fn bounded(reason: String) -> String {
    let known = cache::storable::NotStored::ALL.iter().map(|reason| reason.label());
    let ways = cache::status::Forward::ALL.iter().map(|forward| forward.label());
    let more = ["too-large", "partial", "invalidated"];
    let is_known = known.chain(ways).chain(more).any(|known| known == reason);
    if is_known { reason } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Outcome {
        Outcome::of(Told::read(text.as_bytes()))
    }

    #[test]
    fn what_cache_status_means() {
        assert_eq!(outcome("weir; fwd=uri-miss; ttl=60; stored"), Outcome::Stored);
        assert_eq!(outcome("weir; fwd=uri-miss; collapsed"), Outcome::Stored);
        assert_eq!(outcome("weir; hit; ttl=5"), Outcome::Fresh);
        assert_eq!(outcome("weir; hit; ttl=-5"), Outcome::Renewed);
        assert_eq!(outcome("weir; fwd=stale; fwd-status=304; ttl=60"), Outcome::Renewed);
        let not = |reason: &str| Outcome::NotStored(reason.to_owned());
        assert_eq!(outcome("weir; fwd=uri-miss; detail=private"), not("private"));
        assert_eq!(outcome("weir; fwd=bypass"), not("bypass"));
        assert_eq!(outcome("cdn; hit"), Outcome::Silent);
    }

    #[test]
    fn the_summary_counts_each() {
        let mut tally = Tally::default();
        assert_eq!(tally.summary(), "nothing to warm\n");
        for _ in 0..2 {
            assert_eq!(tally.note(Outcome::Stored), None);
        }
        tally.note(outcome("weir; fwd=uri-miss; detail=private"));
        tally.note(outcome("weir; fwd=uri-miss; detail=of-my-own"));
        assert_eq!(tally.note(Outcome::Status(404)).as_deref(), Some("status 404"));
        assert_eq!(tally.note(Outcome::Broken("gone".to_owned())).as_deref(), Some("gone"));
        let expected = "        2  stored\n        1  not stored: other\n        \
                        1  not stored: private\n        1  failed: no whole answer\n        \
                        1  failed: status 404\n        6  in all\n";
        assert_eq!(tally.summary(), expected);
        assert_eq!((tally.done(), tally.failed()), (6, 2));
        for _ in 0..SHOWN_MAX {
            tally.note(Outcome::Status(500));
        }
        assert_eq!(tally.note(Outcome::Status(500)), None, "only the first are shown");
    }
}
