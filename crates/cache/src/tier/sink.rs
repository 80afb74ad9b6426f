//! A body that is too long for memory, on its way to the disk. Calls block, but for `file`.

use std::fs::File;
use std::sync::Arc;

use super::{CalledOff, Tier, record};
use crate::disk::{DiskError, Found, Writer};
use crate::store::stored::Stored;

/// Takes the body of one response. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Sink {
    tier: Arc<Tier>,
    key: Box<[u8]>,
    place: Vec<u8>,
    stored: Arc<Stored>,
    /// Taken by the commit.
    writer: Option<Writer>,
    called_off: CalledOff,
}

impl Sink {
    /// Begins to write a response to the disk below a store, if nothing has become invalid since
    /// `epoch`.
    ///
    /// # Errors
    /// Something has; it is too long, a part of what is there as a whole, too much is being
    /// written, or the disk failed.
    pub fn begin(
        tier: &Arc<Tier>,
        key: &[u8],
        stored: &Arc<Stored>,
        epoch: u64,
    ) -> Result<Self, DiskError> {
        let called_off = {
            let mut queue = tier.queue();
            if tier.epoch(key) != epoch {
                return Err(DiskError::Busy);
            }
            queue.add_sink(key)
        };
        let mut sink = Self {
            tier: Arc::clone(tier),
            key: key.into(),
            place: Vec::new(),
            stored: Arc::clone(stored),
            writer: None,
            called_off,
        };
        // A call-off from here on counts: what was valid before is what is written.
        sink.place = tier.place(key, stored, &sink.called_off)?.ok_or(DiskError::Busy)?;
        sink.writer = Some(tier.disk.begin(&sink.place, stored.declared_length)?);
        Ok(sink)
    }

    /// Adds to the body.
    ///
    /// # Errors
    /// The body is too long, too much is under way, or the disk failed. The sink is of no use
    /// then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.writer.as_mut().ok_or(DiskError::Failed)?.push(bytes)
    }

    /// The file that has the body so far. None while that is short.
    #[must_use]
    pub fn file(&self) -> Option<Arc<File>> {
        self.writer.as_ref()?.file()
    }

    /// Makes it the response that is found, and gives its content; nothing if it was called off.
    ///
    /// # Errors
    /// The body is shorter than was announced, or the disk failed.
    pub fn commit(mut self) -> Result<Option<Found>, DiskError> {
        let writer = self.writer.take().ok_or(DiskError::Failed)?;
        if !writer.commit_unless(&record::encode(&self.stored), &self.called_off)? {
            return Ok(None);
        }
        self.stored.on_disk.store(true, std::sync::atomic::Ordering::Relaxed);
        Ok(self.tier.disk.get(&self.place))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.tier.queue().remove_sink(&self.key, &self.called_off);
    }
}
