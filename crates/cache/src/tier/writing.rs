//! The thread that writes, one thing after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use super::queue::{Step, Todo};
use super::record::{self, Record, Variants};
use super::{Tier, place};
use crate::date::Seconds;
use crate::disk::DiskError;
use crate::store::stored::Stored;

impl Tier {
    /// Writes until it is told to end and nothing is left.
    pub(super) fn write_on(&self) {
        let mut queue = self.queue();
        loop {
            if let Some((key, called_off)) = queue.take_turn() {
                drop(queue);
                self.take_turn(&key, &called_off);
                queue = self.queue();
                queue.end_turn(&key);
                continue;
            }
            self.idle.notify_all();
            if queue.is_closing {
                return;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Does one thing for a key, so that no key holds up the others.
    fn take_turn(&self, key: &[u8], called_off: &AtomicBool) {
        let Some(todo) = self.queue().next(key) else { return };
        // The disk counts its failures, and turns itself off after several.
        let outcome = match &todo {
            Todo::Write(stored) => self.write_whole(key, stored, called_off),
            Todo::Head(stored) => self.write_head(key, stored, called_off),
            Todo::Soften(now) => self.write_stale(key, *now),
            Todo::Note(entry) => self.log_purge(entry),
            Todo::Remove => Ok(()),
        };
        if outcome.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            // An older one must not be found in the place of one that could not be written.
            self.hide_for_good(key);
        }
        let done = self.queue().done(key, &todo);
        if let Some(Step::Remove(hidden)) = done {
            let _ = self.disk.remove_hidden(key, &hidden);
        }
    }

    fn hide_for_good(&self, key: &[u8]) {
        if let Some(hidden) = self.disk.hide(key) {
            let _ = self.disk.remove_hidden(key, &hidden);
        }
    }

    fn write_whole(
        &self,
        key: &[u8],
        stored: &Arc<Stored>,
        called_off: &AtomicBool,
    ) -> Result<(), DiskError> {
        let Some(place) = self.place(key, stored, called_off)? else { return Ok(()) };
        let mut writer = self.disk.begin(&place, Some(stored.content.length()))?;
        for piece in stored.content.pieces() {
            writer.push(piece)?;
        }
        let written = writer.commit_unless(&record::encode(stored), called_off)?;
        stored.on_disk.store(written, Ordering::Relaxed);
        Ok(())
    }

    fn write_head(
        &self,
        key: &[u8],
        stored: &Arc<Stored>,
        called_off: &AtomicBool,
    ) -> Result<(), DiskError> {
        let Some(place) = self.place(key, stored, called_off)? else { return Ok(()) };
        let written = self.disk.update_meta(&place, &record::encode(stored))?;
        if written {
            stored.on_disk.store(true, Ordering::Relaxed);
            return Ok(());
        }
        if stored.content.is_in_memory() {
            return self.write_whole(key, stored, called_off);
        }
        Ok(())
    }

    /// Makes what is there stale. Of several that are told apart none is found any more, which
    /// is more than was asked for: where they are is not known.
    fn write_stale(&self, key: &[u8], now: Seconds) -> Result<(), DiskError> {
        let Some(found) = self.disk.get(key) else { return Ok(()) };
        match record::decode(found.meta()) {
            Some(Record::Response(response)) => {
                let stale = response.stale(now);
                self.disk.update_meta(key, &stale).map(drop)
            }
            _ => {
                self.hide_for_good(key);
                Ok(())
            }
        }
    }

    /// The key of a response on disk; nothing where it is a part, and the whole is there, or
    /// where it was called off.
    pub(super) fn place(
        &self,
        key: &[u8],
        stored: &Stored,
        called_off: &AtomicBool,
    ) -> Result<Option<Vec<u8>>, DiskError> {
        let place = if stored.selection.is_any() {
            key.to_vec()
        } else {
            let Some(variants) = self.variants(key, stored, called_off)? else { return Ok(None) };
            place::with_fingerprint(key, &variants, &stored.selection.own_fingerprint())
        };
        if stored.part.is_some() && self.has_whole(&place) {
            return Ok(None);
        }
        Ok(Some(place))
    }

    fn has_whole(&self, place: &[u8]) -> bool {
        let found = self.disk.get(place);
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
        let found = self.disk.get(key).and_then(|found| record::decode(found.meta()));
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
