//! A store from its files: footers give the index back; a segment without one, as a crash leaves
//! it, is read record by record and cut where they are whole no more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::digest::{Seed, Short};
use super::directory::Directory;
use super::error::DiskError;
use super::footer::{self, Attached, Listing};
use super::format::{self, Header, Kind, SEGMENT_HEADER_BYTES, UNIT_BYTES};
use super::health::{Health, count};
use super::index::{Entry, Index};
use super::io;
use super::log::{Active, Log, Shared};
use super::plan::DiskPlan;
use super::segment::{self, Segment};

/// A segment as it was found.
struct Loaded {
    segment: Arc<Segment>,
    listing: Listing,
    /// What it lists is in its footer.
    sealed: bool,
    /// No record of it is missing.
    complete: bool,
}

/// Bodies that live records name, while the records are gone through.
type Bodies = HashMap<Short, (Attached, Arc<Segment>)>;

impl Shared {
    /// Opens the store that is in the directory.
    pub(super) fn load(plan: DiskPlan, directory: Directory) -> Result<Self, DiskError> {
        let mut nonce = [0; 8];
        rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty())
            .map_err(std::io::Error::from)?;
        let shared = Self {
            health: Health::new(plan.errors_max),
            plan,
            directory,
            index: Index::new(),
            segments: BTreeMap::new().into(),
            log: Mutex::new(Log { active: None, next_segment: 1, next_sequence: 1 }),
            eviction: Mutex::default(),
            bytes: 0.into(),
            filling_bytes: 0.into(),
            writers: 0.into(),
            next_body: 1.into(),
            next_nonce: u64::from_le_bytes(nonce).into(),
        };
        let loaded = shared.load_segments()?;
        let objects = loaded.iter().map(|one| one.listing.records.len()).sum();
        shared.index.reserve(objects);
        let mut bodies = Bodies::new();
        for one in &loaded {
            shared.apply(one, &mut bodies);
        }
        shared.settle_bodies(&bodies)?;
        shared.resume(loaded);
        shared.make_room(0);
        Ok(shared)
    }

    /// Reads what every segment lists. Where one is missing or may lack records, all before it
    /// goes: it could have something that was replaced or removed later.
    fn load_segments(&self) -> Result<Vec<Loaded>, DiskError> {
        let mut loaded: Vec<Loaded> = Vec::new();
        let numbers = self.directory.segments()?;
        let (first, last) = (numbers.first().copied(), numbers.last().copied());
        let mut expected = first.unwrap_or(1);
        for number in numbers {
            let one = self.load_segment(number)?;
            let is_complete = one.as_ref().is_some_and(|one| one.complete);
            if number != expected || !is_complete && Some(number) != last {
                for older in loaded.drain(..) {
                    self.directory.remove_segment(older.segment.number)?;
                }
            }
            if !is_complete {
                count(&self.health.counters.corrupt);
            }
            // The number of a file that never came to be a segment is free.
            expected = number.saturating_add(one.is_some().into());
            loaded.extend(one);
        }
        if let Ok(mut log) = self.log.lock() {
            log.next_segment = expected;
            let sequence = loaded.iter().map(|one| one.listing.sequence).max();
            log.next_sequence = sequence.unwrap_or(0) + 1;
        }
        Ok(loaded)
    }

    /// One segment; nothing, and no file any more, if it never came to be one.
    fn load_segment(&self, number: u32) -> Result<Option<Loaded>, DiskError> {
        let file = self.directory.open_segment(number)?;
        if !segment::has_header(&file, number)? {
            self.directory.remove_segment(number)?;
            return Ok(None);
        }
        let file_bytes = file.metadata()?.len();
        let (listing, sealed, complete) = match segment::read_footer(&file, number) {
            Ok(listing) => (listing, true, true),
            Err(DiskError::Io(cause)) => return Err(cause.into()),
            Err(_) => {
                let (listing, complete) = scan(&file, number, &self.directory.seed)?;
                file.set_len(listing.end)?;
                (listing, false, complete)
            }
        };
        let file_bytes = if sealed { file_bytes } else { listing.end };
        let segment = Arc::new(Segment::new(number, file, file_bytes));
        Ok(Some(Loaded { segment, listing, sealed, complete }))
    }

    /// Puts what a segment lists into the index, over what older ones had.
    fn apply(&self, loaded: &Loaded, bodies: &mut Bodies) {
        let Loaded { segment, listing, .. } = loaded;
        let mut attached = listing.attached.iter().peekable();
        for (number, listed) in (0_u32..).zip(&listing.records) {
            let entry = Entry::new(listed, segment.number);
            let replaced = match listed.kind() {
                Some(Kind::Removed) | None => self.index.take(entry.digest),
                Some(_) => self.index.put(entry),
            };
            if replaced.is_some_and(Entry::is_attached) {
                bodies.remove(&entry.digest);
            }
            if let Some(body) = attached.next_if(|body| body.record == number) {
                bodies.insert(entry.digest, (*body, Arc::clone(segment)));
            }
        }
        let highest = listing.attached.iter().map(|body| body.number).max().unwrap_or(0);
        self.next_body.fetch_max(highest.saturating_add(1), Ordering::Relaxed);
        let file_bytes = segment.file_bytes.load(Ordering::Relaxed);
        self.bytes.fetch_add(file_bytes, Ordering::Relaxed);
        self.adopt(Arc::clone(segment));
    }

    /// Counts the bodies that records name and removes the others. What was being evicted when
    /// the last run ended may have lost its body before its segment.
    fn settle_bodies(&self, bodies: &Bodies) -> Result<(), DiskError> {
        let present: HashSet<u64> = self.directory.bodies()?.into_iter().collect();
        let mut live = HashSet::new();
        for (digest, (body, segment)) in bodies {
            if !present.contains(&body.number) {
                self.index.take(*digest);
                continue;
            }
            live.insert(body.number);
            segment.attach(body.bytes);
            self.bytes.fetch_add(body.bytes, Ordering::Relaxed);
        }
        let highest = present.iter().max().map_or(0, |number| number.saturating_add(1));
        self.next_body.fetch_max(highest, Ordering::Relaxed);
        for number in present.difference(&live) {
            self.directory.remove_body(*number)?;
        }
        Ok(())
    }

    /// Goes on where the last run ended: in the last segment, if it has room.
    fn resume(&self, loaded: Vec<Loaded>) {
        let count = loaded.len();
        for (number, one) in (1..).zip(loaded) {
            let Loaded { segment, listing, sealed, .. } = one;
            let has_room = listing.end < self.plan.segment_bytes / 2;
            if number == count && has_room && self.reopen(&segment, &listing) {
                if let Ok(mut log) = self.log.lock() {
                    log.active = Some(Active { segment, listing });
                }
            } else if !sealed {
                if let Ok(mut kept) = segment.listing.lock() {
                    *kept = Some(listing);
                }
                self.seal(&segment);
            }
        }
    }

    /// Takes the footer off.
    fn reopen(&self, segment: &Segment, listing: &Listing) -> bool {
        if self.health.tried(segment.file.set_len(listing.end)).is_err() {
            return false;
        }
        let before = segment.file_bytes.swap(listing.end, Ordering::Relaxed);
        self.bytes.fetch_sub(before.saturating_sub(listing.end), Ordering::Relaxed);
        true
    }
}

/// Goes through the records of a file; whether all of it was records, or records and a footer.
fn scan(file: &File, number: u32, seed: &Seed) -> Result<(Listing, bool), DiskError> {
    let file_bytes = file.metadata()?.len();
    let mut listing = Listing { end: SEGMENT_HEADER_BYTES, ..Listing::default() };
    while listing.end < file_bytes {
        let left = file_bytes - listing.end;
        let first = segment::length(left.min(format::HEADER_BYTES as u64))?;
        let first = io::read_vec_at(file, listing.end, first)?;
        if first.starts_with(&footer::opening(number)) {
            return Ok((listing, true));
        }
        let header = Header::parse(&first).filter(|header| {
            header.record_bytes() <= left
                && header.segment == number
                && header.sequence > listing.sequence
        });
        let Some(header) = header else { return Ok((listing, false)) };
        let record = segment::length(header.record_bytes())?;
        let record = io::read_vec_at(file, listing.end, record)?;
        let units = u32::try_from(header.record_bytes() / UNIT_BYTES);
        let Some(units) = units.ok().filter(|_| format::is_whole(&header, &record, seed)) else {
            return Ok((listing, false));
        };
        listing.push(&header, units);
    }
    Ok((listing, true))
}
