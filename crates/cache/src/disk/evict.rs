//! Room for what comes: the oldest segment goes, and what was asked for since it was written is
//! written again at the head of the log. What may be written again is bounded twice, by the segment
//! and by the pass, so each pass ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::error::DiskError;
use super::footer::{Attached, Listed, Listing};
use super::format::{self, Header, Record};
use super::health::count;
use super::index::Entry;
use super::log::{Condition, Shared, lock};
use super::segment::{Segment, length};

/// What may still be written again.
struct Budget {
    /// Bytes that are copied, of the segment.
    copied: u64,
    /// Bytes of bodies beside the segments, which stay where they are, of the pass.
    kept: u64,
}

impl Shared {
    /// Makes room for this many bytes. The caller waits for one who is at it.
    pub(super) fn make_room(&self, bytes: u64) {
        let mut kept = self.plan.bytes_max / 4;
        while self.is_short_of(bytes) {
            let _guard = lock(&self.eviction);
            if !self.is_short_of(bytes) || !self.evict_oldest(&mut kept) {
                return;
            }
        }
    }

    pub(super) fn is_short_of(&self, bytes: u64) -> bool {
        let taken = self.bytes.load(Ordering::Relaxed);
        taken + self.filling_bytes.load(Ordering::Relaxed) + bytes > self.plan.bytes_max
    }

    /// Evicts the oldest segment, unless it is the one that is being written.
    fn evict_oldest(&self, kept: &mut u64) -> bool {
        let active = lock(&self.log).active.as_ref().map(|active| active.segment.number);
        let oldest = {
            let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
            segments.values().next().map(Arc::clone)
        };
        let Some(segment) = oldest.filter(|oldest| Some(oldest.number) != active) else {
            return false;
        };
        match segment.listing() {
            Ok(listing) => self.evict_listed(&segment, &listing, kept),
            Err(_) => {
                let taken = self.index.take_segment(segment.number);
                self.health.counters.evicted.fetch_add(taken, Ordering::Relaxed);
                count(&self.health.counters.corrupt);
            }
        }
        self.forget(&segment);
        true
    }

    fn evict_listed(&self, segment: &Segment, listing: &Listing, kept: &mut u64) {
        let bodies = listing.attached.iter().map(|body| (body.record, body));
        let bodies: HashMap<u32, &Attached> = bodies.collect();
        let mut budget = Budget { copied: self.plan.reinsert_bytes_max(), kept: *kept };
        for (number, listed) in (0..).zip(&listing.records) {
            let body = bodies.get(&number).copied();
            self.evict(segment, (listed, body), &mut budget);
        }
        *kept = budget.kept;
    }

    fn evict(
        &self,
        segment: &Segment,
        (listed, body): (&Listed, Option<&Attached>),
        budget: &mut Budget,
    ) {
        let entry = Entry::new(listed, segment.number);
        let Some(live) = self.index.find(entry.digest, false).filter(|found| found.is_at(entry))
        else {
            return;
        };
        let copied = u64::from(entry.units()) * format::UNIT_BYTES;
        let kept = body.map_or(0, |body| body.bytes);
        if live.hits() > 0 && copied <= budget.copied && kept <= budget.kept {
            budget.copied -= copied;
            budget.kept -= kept;
            match self.reinsert(segment, live) {
                Ok(true) => return count(&self.health.counters.reinserted),
                // Replaced meanwhile.
                Ok(false) => return,
                Err(_) => {}
            }
        }
        if self.index.take_same(entry).is_some() {
            count(&self.health.counters.evicted);
            if let Some(body) = body {
                self.release(segment, body.bytes);
                self.remove_body(body.number);
            }
        }
    }

    fn reinsert(&self, segment: &Segment, entry: Entry) -> Result<bool, DiskError> {
        let (header, bytes) = self.read_whole(segment, entry)?;
        let head = format::parse_head(&header, &bytes).ok_or(DiskError::Corrupt)?;
        let body = bytes.get(length(header.head_bytes())?..).unwrap_or_default();
        let mut record = Record::new(header.clone(), &head, body);
        self.append(&mut record, Condition::InPlaceOf(entry))
    }

    /// Reads a record and checks all of it.
    pub(super) fn read_whole(
        &self,
        segment: &Segment,
        entry: Entry,
    ) -> Result<(Header, Vec<u8>), DiskError> {
        let bytes = match segment.read_record(entry) {
            Err(DiskError::Io(cause)) => self.health.read(Err(cause))?,
            read => read?,
        };
        let header = Header::parse(&bytes).filter(|header| {
            header.segment == segment.number
                && format::is_whole(header, &bytes, &self.directory.seed)
        });
        Ok((header.ok_or(DiskError::Corrupt)?, bytes))
    }

    /// Removes a segment with all it still counts for.
    pub(super) fn forget(&self, segment: &Segment) {
        {
            // A record that was replaced just now looks its segment up under this lock.
            let _log = lock(&self.log);
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            segments.remove(&segment.number);
        }
        if self.directory.remove_segment(segment.number).is_err() {
            count(&self.health.counters.errors);
        }
        let bytes = segment.file_bytes.swap(0, Ordering::Relaxed) + segment.detach(u64::MAX);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
