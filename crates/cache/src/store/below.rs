//! A store and the disk below it: what memory does not have comes back from there.

use std::sync::Arc;

use http1::Headers;

use super::Store;
use super::purge::Verdict;
use super::stored::Stored;
use crate::date::Seconds;
use crate::disk::{DiskError, Wait, WouldWait};
use crate::tier::{Tier, TierPlan};

impl Store {
    /// Puts a disk below the memory, with what an earlier process left there. Once only.
    ///
    /// # Errors
    /// Those of `Tier::open`. The store works in memory alone then.
    pub fn open_disk(&self, plan: TierPlan) -> Result<(), DiskError> {
        let tier = Tier::open(plan, &self.purges)?;
        if let Err(second) = self.tier.set(tier) {
            second.end();
        }
        Ok(())
    }

    /// The disk below it.
    #[must_use]
    pub fn tier(&self) -> Option<&Arc<Tier>> {
        self.tier.get()
    }

    /// The longest object that it takes.
    #[must_use]
    pub fn object_bytes_max(&self) -> u64 {
        let below = self.tier.get().filter(|tier| !tier.is_failed());
        let below = below.map_or(0, |tier| tier.object_bytes_max());
        self.limits.object_bytes_max.max(below)
    }

    /// Whether the disk seems to have something for a key.
    #[must_use]
    pub fn has_below(&self, key: &[u8]) -> bool {
        self.tier.get().is_some_and(|tier| tier.contains(key))
    }

    /// Takes what the disk has for a request back to memory, if that needs no waiting. It is
    /// given out even where memory has no room for it.
    ///
    /// # Errors
    /// The disk would have to be waited for.
    pub fn recall_now(
        &self,
        key: &[u8],
        request: &Headers,
        now: Seconds,
    ) -> Result<Option<Arc<Stored>>, WouldWait> {
        self.recall_as(Wait::No, key, request, now)
    }

    /// As `recall_now`, and waits for the disk.
    #[must_use]
    pub fn recall(&self, key: &[u8], request: &Headers, now: Seconds) -> Option<Arc<Stored>> {
        self.recall_as(Wait::Yes, key, request, now).ok().flatten()
    }

    fn recall_as(
        &self,
        wait: Wait,
        key: &[u8],
        request: &Headers,
        now: Seconds,
    ) -> Result<Option<Arc<Stored>>, WouldWait> {
        let Some(tier) = self.tier.get() else { return Ok(None) };
        let (epoch, last) = (tier.epoch(key), self.purges.last());
        let Some(stored) = tier.recall(key, request, wait)? else { return Ok(None) };
        let verdict = self.purges.verdict(key, &stored);
        if verdict == Verdict::Gone {
            return Ok(None);
        }
        // What became invalid while it was read does not come back, nor does what is older than
        // what has come meanwhile.
        let is_newer =
            |other: &Arc<Stored>| other.is_newer_than(&stored) && other.selection.matches(request);
        let is_wanted =
            |there: &[Arc<Stored>]| tier.epoch(key) == epoch && !there.iter().any(is_newer);
        if !self.put_if(key, request, Arc::clone(&stored), is_wanted) {
            return Ok(None);
        }
        let is_stale = verdict == Verdict::Stale;
        Ok(Some(if is_stale { self.make_stale(key, &stored, (now, last)) } else { stored }))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(tier) = self.tier.get() {
            tier.end();
        }
    }
}
