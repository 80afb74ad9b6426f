//! The thread that writes, one thing after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use super::queue::Step;
use super::record::{self, Record, Variants};
use super::{Sink, Tier, place};
use crate::date::Seconds;
use crate::disk::DiskError;
use crate::key;
use crate::store::purge::{Mode, Purges, Scope};
use crate::store::stored::Stored;

impl Tier {
    /// Writes until it is told to end and nothing is left.
    pub(super) fn write_on(&self) {
        let mut queue = self.queue();
        loop {
            let notes = queue.take_notes();
            if !notes.is_empty() {
                drop(queue);
                // All that have come meanwhile are waited for once. Failures are counted there.
                let _ = self.log_purges(&notes);
                queue = self.queue();
                continue;
            }
            if let Some((key, step, called_off)) = queue.take_turn() {
                drop(queue);
                self.take_turn(&key, step, &called_off);
                queue = self.queue();
                queue.end_turn();
                continue;
            }
            self.idle.notify_all();
            if queue.is_closing {
                return;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn take_turn(&self, key: &[u8], step: Step, called_off: &AtomicBool) {
        // The disk counts its failures, and turns itself off after several.
        let outcome = match step {
            Step::Write(stored) => self.write_to(key, &stored, called_off, |place| {
                self.write_whole(place, &stored, called_off)
            }),
            Step::Commit(stored, sink) => self.write_to(key, &stored, called_off, |place| {
                self.commit_sink(place, &stored, *sink, called_off)
            }),
            Step::Head(stored) => self.write_to(key, &stored, called_off, |place| {
                self.write_head(place, &stored, called_off)
            }),
            Step::Soften(now) => self.write_stale(key, now),
            Step::Forget => {
                self.hide_for_good(key);
                Ok(())
            }
        };
        if outcome.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes what is there. Where that cannot be written, a note of a purge may be.
    fn hide_for_good(&self, key: &[u8]) {
        let Some(hidden) = self.disk.hide(key) else { return };
        if self.disk.remove_hidden(key, &hidden).is_err() {
            let scope = Scope::Uri(key::uri(key));
            if let Some(number) = self.purges.note(scope, Mode::Hard) {
                let _ = self.log_purges(&[Purges::entry(scope, Mode::Hard, number)]);
            }
        }
    }

    /// An older one must not be found in the place of one that could not be written.
    fn or_hide(&self, place: &[u8], outcome: Result<(), DiskError>) -> Result<(), DiskError> {
        if outcome.is_err() {
            self.hide_for_good(place);
        }
        outcome
    }

    /// Writes to the place of a response, if it has one.
    fn write_to(
        &self,
        key: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
        write: impl FnOnce(&[u8]) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        let Some(place) = self.place(key, stored, called_off)? else { return Ok(()) };
        self.or_hide(&place, write(&place))
    }

    fn write_whole(
        &self,
        place: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
    ) -> Result<(), DiskError> {
        let mut writer = self.disk.begin(place, Some(stored.content.length()))?;
        for piece in stored.content.pieces() {
            writer.push(piece)?;
        }
        let nonce = writer.nonce();
        if writer.commit_unless(&record::encode(stored), called_off)? {
            note_written(stored, nonce);
        }
        Ok(())
    }

    /// The content is found on disk from here on, also by who reads it now.
    fn commit_sink(
        &self,
        place: &[u8],
        stored: &Stored,
        sink: Sink,
        called_off: &AtomicBool,
    ) -> Result<(), DiskError> {
        let meta = record::encode(stored);
        if let Some(found) = sink.commit(self, (place, &meta), called_off)? {
            note_written(stored, found.nonce());
            stored.content.finish_on_disk(Arc::new(found));
        }
        Ok(())
    }

    fn write_head(
        &self,
        place: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
    ) -> Result<(), DiskError> {
        let nonce = stored.disk_nonce.load(Ordering::Relaxed);
        let meta = record::encode(stored);
        if nonce != 0 && self.disk.update_meta(place, &meta, nonce)? {
            note_written(stored, nonce);
        } else if stored.content.is_in_memory() {
            self.write_whole(place, stored, called_off)?;
        } else {
            // What is there, if anything is, has another body.
            self.hide_for_good(place);
        }
        Ok(())
    }

    /// Makes what is there stale. Of several that are told apart none is found any more, which
    /// is more than was asked for: where they are is not known.
    fn write_stale(&self, key: &[u8], now: Seconds) -> Result<(), DiskError> {
        let Some(found) = self.disk.inspect(key) else { return Ok(()) };
        match record::decode(found.meta()) {
            Some(Record::Response(response)) => {
                let stale = response.stale(now);
                let written = self.disk.update_meta(key, &stale, found.nonce()).map(drop);
                self.or_hide(key, written)
            }
            _ => {
                self.hide_for_good(key);
                Ok(())
            }
        }
    }

    /// The key of a response on disk; nothing where it is a part, and the whole is there, or
    /// where it was called off.
    fn place(
        &self,
        key: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
    ) -> Result<Option<Vec<u8>>, DiskError> {
        let place = if stored.selection.is_any() {
            key.to_vec()
        } else {
            let variants = self.variants(key, stored, called_off);
            if variants.is_err() {
                self.hide_for_good(key);
            }
            let Some(variants) = variants? else { return Ok(None) };
            place::with_fingerprint(key, &variants, &stored.selection.own_fingerprint())
        };
        if stored.part.is_some() && self.has_whole(&place) {
            return Ok(None);
        }
        Ok(Some(place))
    }

    fn has_whole(&self, place: &[u8]) -> bool {
        let found = self.disk.inspect(place);
        match found.and_then(|found| record::decode(found.meta())) {
            Some(Record::Response(response)) => !response.is_part(),
            Some(Record::Variants(_)) => true,
            None => false,
        }
    }

    /// What tells the responses of a key apart, which is written where it is not there yet.
    fn variants(
        &self,
        key: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
    ) -> Result<Option<Variants>, DiskError> {
        let names: Vec<Vec<u8>> = stored.selection.parts().map(|(name, _)| name.to_vec()).collect();
        let found = self.disk.inspect(key).and_then(|found| record::decode(found.meta()));
        if let Some(Record::Variants(variants)) = found
            && variants.names == names
        {
            return Ok(Some(variants));
        }
        let mut generation = [0; 8];
        rustix::rand::getrandom(&mut generation, rustix::rand::GetRandomFlags::empty())
            .map_err(std::io::Error::from)?;
        let variants = Variants { generation: u64::from_le_bytes(generation), names };
        let writer = self.disk.begin(key, Some(0))?;
        let written = writer.commit_unless(&variants.encode(), called_off)?;
        Ok(written.then_some(variants))
    }
}

fn note_written(stored: &Stored, nonce: u64) {
    stored.disk_nonce.store(nonce, Ordering::Relaxed);
    stored.is_written.store(true, Ordering::Relaxed);
}
