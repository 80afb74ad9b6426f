//! The one place that records are written to: the head of the log. Its lock orders all changes of
//! the index as they are ordered in the files, so that a restart sees what was last seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::digest::Short;
use super::directory::Directory;
use super::error::DiskError;
use super::footer::Listing;
use super::format::{self, Kind, Record, SEGMENT_HEADER_BYTES, UNIT_BYTES};
use super::health::{Health, count};
use super::index::{Entry, Index, UNITS_MAX};
use super::io;
use super::plan::DiskPlan;
use super::segment::Segment;

/// What all handles of one store share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: DiskPlan,
    pub(super) directory: Directory,
    pub(super) index: Index,
    pub(super) segments: RwLock<BTreeMap<u32, Arc<Segment>>>,
    pub(super) log: Mutex<Log>,
    /// One thread makes room, the others wait for it.
    pub(super) eviction: Mutex<()>,
    pub(super) health: Health,
    /// Bytes of segments and of the bodies that their records name.
    pub(super) bytes: AtomicU64,
    /// Bytes of bodies that no record names yet.
    pub(super) filling_bytes: AtomicU64,
    pub(super) writers: AtomicUsize,
    pub(super) next_body: AtomicU64,
    pub(super) next_nonce: AtomicU64,
}

/// The end of the log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) active: Option<Active>,
    pub(super) next_segment: u32,
    pub(super) next_sequence: u64,
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    pub(super) listing: Listing,
}

impl Active {
    /// What the segment stands for: its records and the bodies beside it.
    fn bytes(&self) -> u64 {
        self.listing.end + self.listing.attached.iter().map(|body| body.bytes).sum::<u64>()
    }
}

/// Locks what no panic can leave half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An object that is found no more, and still takes its place.
#[derive(Debug)]
pub struct Hidden(Entry, Arc<Segment>);

/// On what condition a record is written, as it is when the log is locked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition<'a> {
    /// None.
    Always,
    /// This is the record that is found, and it keeps its body.
    InPlaceOf(Entry),
    /// Nobody has called it off.
    Unless(&'a AtomicBool),
}

impl Condition<'_> {
    fn holds(self, found: Option<Entry>) -> bool {
        match self {
            Self::Always => true,
            Self::InPlaceOf(wanted) => found.is_some_and(|found| found.is_at(wanted)),
            Self::Unless(called_off) => !called_off.load(Ordering::Acquire),
        }
    }
}

/// What a record took the place of, and the segment that has it.
type Replaced = Option<(Entry, Arc<Segment>)>;

impl Shared {
    /// Writes a record and makes it the one that is found, if the condition holds. Says whether
    /// it did.
    pub(super) fn append(
        &self,
        record: &mut Record,
        condition: Condition<'_>,
    ) -> Result<bool, DiskError> {
        self.health.check()?;
        let units = record.header.units();
        let fits = units * UNIT_BYTES + SEGMENT_HEADER_BYTES <= self.plan.segment_bytes;
        let Some(units) = u32::try_from(units).ok().filter(|_| fits && units <= UNITS_MAX) else {
            return Err(DiskError::TooLarge);
        };
        let (full, outcome) = {
            let mut log = lock(&self.log);
            let digest = record.header.digest.short();
            let found = self.index.find(digest, false);
            if !condition.holds(found) {
                return Ok(false);
            }
            (self.rotate(&mut log, units), self.write(&mut log, record, units))
        };
        if let Some(full) = full {
            self.seal(&full);
        }
        if let Some((old, segment)) = outcome? {
            self.discard(old, &segment, matches!(condition, Condition::InPlaceOf(_)));
        }
        Ok(true)
    }

    /// Ends the active segment if the record does not fit into it.
    fn rotate(&self, log: &mut Log, units: u32) -> Option<Arc<Segment>> {
        let more = u64::from(units) * UNIT_BYTES;
        let is_full = |active: &mut Active| {
            let bytes = active.bytes();
            !active.listing.records.is_empty() && bytes + more > self.plan.segment_bytes
        };
        log.active.take_if(is_full).map(close)
    }

    fn write(&self, log: &mut Log, record: &mut Record, units: u32) -> Result<Replaced, DiskError> {
        let sequence = log.next_sequence;
        let active = self.active(log)?;
        let (file, end) = (&active.segment.file, active.listing.end);
        let written = io::write_at(file, end, record.finish(active.segment.number, sequence));
        if written.is_err() {
            // What is left of the record must not follow a shorter one that takes its place.
            let _ = file.set_len(end);
        }
        self.health.written(written)?;
        let listed = active.listing.push(&record.header, units);
        let mut more = u64::from(units) * UNIT_BYTES;
        active.segment.file_bytes.fetch_add(more, Ordering::Relaxed);
        if record.header.kind == Kind::Attached {
            active.segment.attach(record.header.body_bytes);
            more += record.header.body_bytes;
        }
        self.bytes.fetch_add(more, Ordering::Relaxed);
        let entry = Entry::new(&listed, active.segment.number);
        log.next_sequence += 1;
        let replaced = match record.header.kind {
            Kind::Removed => self.index.take(entry.digest),
            _ => self.index.put(entry),
        };
        Ok(replaced.and_then(|old| Some((old, self.segment(old.segment)?))))
    }

    /// The segment that is being written, a new one if need be.
    fn active<'a>(&self, log: &'a mut Log) -> Result<&'a mut Active, DiskError> {
        let active = match log.active.take() {
            Some(active) => active,
            None => {
                let active = self.health.tried(self.create(log.next_segment))?;
                log.next_segment += 1;
                active
            }
        };
        Ok(log.active.insert(active))
    }

    fn create(&self, number: u32) -> std::io::Result<Active> {
        let file = self.directory.create_segment(number)?;
        let header = format::segment_header(number);
        if let Err(cause) = io::write_at(&file, 0, &header) {
            let _ = self.directory.remove_segment(number);
            return Err(cause);
        }
        let segment = Arc::new(Segment::new(number, file, SEGMENT_HEADER_BYTES));
        self.bytes.fetch_add(SEGMENT_HEADER_BYTES, Ordering::Relaxed);
        self.adopt(Arc::clone(&segment));
        Ok(Active { segment, listing: Listing::new() })
    }

    pub(super) fn adopt(&self, segment: Arc<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.insert(segment.number, segment);
    }

    pub(super) fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.get(&number).map(Arc::clone)
    }

    /// Ends the segment that is being written, so that it need not be scanned.
    pub(super) fn seal_active(&self) {
        let ended = lock(&self.log).active.take().map(close);
        if let Some(ended) = ended {
            self.seal(&ended);
        }
    }

    /// Writes the footer of a segment. What it lists is on the disk before. Without a footer the
    /// segment is scanned at the next start, so a failure is only counted.
    pub(super) fn seal(&self, segment: &Segment) {
        let Some((end, footer)) = self.footer(segment) else { return };
        let written = segment.file.sync_data();
        let written = written.and_then(|()| io::write_at(&segment.file, end, &footer));
        if written.is_err() {
            let _ = segment.file.set_len(end);
        }
        if self.health.written(written).is_err() {
            return;
        }
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        // Evicted meanwhile, it is counted no more.
        if segments.contains_key(&segment.number) {
            segment.file_bytes.fetch_add(footer.len() as u64, Ordering::Relaxed);
            self.bytes.fetch_add(footer.len() as u64, Ordering::Relaxed);
        }
        *lock(&segment.listing) = None;
    }

    /// The footer of a segment that has none yet and where it goes, once its bodies are on the
    /// disk.
    fn footer(&self, segment: &Segment) -> Option<(u64, Vec<u8>)> {
        let listing = lock(&segment.listing).clone()?;
        for body in &listing.attached {
            // One that is gone was replaced.
            if let Ok(file) = self.directory.open_body(body.number) {
                self.health.tried(file.sync_data()).ok()?;
            }
        }
        Some((listing.end, listing.encode(segment.number)))
    }

    /// Gives up the place of what was hidden.
    pub(super) fn discard_hidden(&self, Hidden(entry, segment): &Hidden) {
        self.discard(*entry, segment, false);
    }

    /// What a record that is found no more had beside it goes, or counts for another segment now.
    fn discard(&self, old: Entry, segment: &Segment, kept: bool) {
        if !old.is_attached() {
            return;
        }
        if let Ok(header) = segment.read_header(old) {
            self.release(segment, header.body_bytes);
            if !kept {
                self.remove_body(header.body_number);
            }
        }
    }

    pub(super) fn release(&self, segment: &Segment, body_bytes: u64) {
        self.bytes.fetch_sub(segment.detach(body_bytes), Ordering::Relaxed);
    }

    pub(super) fn remove_body(&self, number: u64) {
        if self.directory.remove_body(number).is_err() {
            count(&self.health.counters.errors);
        }
    }

    /// Lets the object of a digest be found no more. What is written later
    /// is found, what was begun before and has been called off is not.
    pub(super) fn hide(&self, digest: Short) -> Option<Hidden> {
        let _log = lock(&self.log);
        let entry = self.index.take(digest)?;
        Some(Hidden(entry, self.segment(entry.segment)?))
    }

    /// Makes what was written so far last through a loss of power.
    pub(super) fn sync(&self) -> Result<(), DiskError> {
        let active = lock(&self.log).active.as_ref().map(|active| Arc::clone(&active.segment));
        let Some(segment) = active else { return Ok(()) };
        self.health.tried(segment.file.sync_data())
    }

    /// Takes a damaged record out of the index; whether it was there.
    pub(super) fn drop_damaged(&self, entry: Entry) -> bool {
        let taken = self.index.take_same(entry);
        if taken.is_some() {
            count(&self.health.counters.corrupt);
            if let Some(segment) = self.segment(entry.segment) {
                self.discard(entry, &segment, false);
            }
        }
        taken.is_some()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.seal_active();
    }
}

/// Ends a segment: from here on it knows itself what it has.
fn close(active: Active) -> Arc<Segment> {
    *lock(&active.segment.listing) = Some(active.listing);
    active.segment
}
