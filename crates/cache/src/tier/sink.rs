//! A body that is too long for memory, on its way to the disk. Calls block, but for `file`.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Tier;
use crate::disk::{DiskError, Found, Writer};
use crate::store::content::Content;

/// Takes the body of one response, whose place is known when it is whole. Dropped before it is an
/// object, it leaves nothing behind, and nobody begins to read the content any more.
#[derive(Debug)]
pub struct Sink {
    /// Taken when it becomes an object.
    writer: Option<Writer>,
    content: Arc<Content>,
}

impl Sink {
    /// Begins to write content to the disk below a store; `announced` is its length, if it is
    /// known.
    ///
    /// # Errors
    /// It is too long, too much is being written, or the disk failed.
    pub fn begin(
        tier: &Tier,
        content: &Arc<Content>,
        announced: Option<u64>,
    ) -> Result<Self, DiskError> {
        let writer = tier.disk.begin(&[], announced)?;
        Ok(Self { writer: Some(writer), content: Arc::clone(content) })
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

    /// Makes it the object of this place, with this head; gives the object, unless it was called
    /// off.
    pub(super) fn commit(
        mut self,
        tier: &Tier,
        (place, meta): (&[u8], &[u8]),
        called_off: &AtomicBool,
    ) -> Result<Option<Found>, DiskError> {
        let writer = self.writer.as_mut().ok_or(DiskError::Failed)?;
        writer.rename(place)?;
        let nonce = writer.nonce();
        let Some(writer) = self.writer.take() else { return Ok(None) };
        let found = match writer.commit_unless(meta, called_off)? {
            true => tier.disk.inspect(place).filter(|found| found.nonce() == nonce),
            false => None,
        };
        if found.is_none() {
            self.content.give_up();
        }
        Ok(found)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if self.writer.is_some() {
            self.content.give_up();
        }
    }
}
