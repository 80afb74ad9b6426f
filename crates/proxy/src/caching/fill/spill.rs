//! Content that is too long for memory: it goes to the disk in turns, while readers follow.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cache::disk::DiskError;
use cache::store::stored::Stored;
use cache::tier::{Sink, Tier};
use tokio::time::timeout;

use super::{Filling, Way};
use crate::caching::plan::Shelf;

/// How long the disk may take for a turn. Then content is only passed on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is written at once.
const TURN_BYTES: usize = 256 * 1024;

/// Content on its way to the disk.
pub(super) struct Spill {
    tier: Arc<Tier>,
    /// Where it goes, once some of it is there.
    sink: Option<Sink>,
    /// What has come since the last turn.
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    written_bytes: u64,
}

impl Spill {
    /// Begins with what has come so far, if there is a disk that takes an object of this length.
    pub(super) fn begin(shelf: &Shelf, stored: &Stored) -> Option<Self> {
        let tier = shelf.store.tier().filter(|tier| !tier.is_failed())?;
        let length = stored.declared_length.unwrap_or_else(|| stored.content.length());
        if length > tier.object_bytes_max() {
            return None;
        }
        let waiting = stored.content.arrived();
        let waiting_bytes = waiting.iter().map(Bytes::len).sum();
        let tier = Arc::clone(tier);
        Some(Self { tier, sink: None, waiting, waiting_bytes, written_bytes: 0 })
    }

    pub(super) fn add(&mut self, bytes: Bytes) {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
    }

    /// Whether enough has come for a turn.
    pub(super) fn is_due(&self) -> bool {
        self.waiting_bytes >= TURN_BYTES
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        let Some(sink) = self.sink.take() else { return };
        // Its files are removed, which may wait for the disk.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(move || drop(sink));
        }
    }
}

/// Runs on a thread that may wait for the disk; nothing where that takes too long.
async fn in_time<T: Send + 'static>(write: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    timeout(PATIENCE, tokio::task::spawn_blocking(write)).await.ok()?.ok()
}

impl Filling {
    /// Writes what waits. Where that fails, content is only passed on from here on.
    pub(super) async fn spill(&mut self) {
        let Way::Disk(spill) = &mut self.way else { return };
        let waiting = std::mem::take(&mut spill.waiting);
        let bytes = std::mem::take(&mut spill.waiting_bytes);
        let tier = Arc::clone(&spill.tier);
        let (sink, announced) = (spill.sink.take(), self.stored.declared_length);
        let content = Arc::clone(&self.stored.content);
        let write = move || -> Result<Sink, DiskError> {
            let mut sink = match sink {
                Some(sink) => sink,
                None => Sink::begin(&tier, &content, announced)?,
            };
            waiting.iter().try_for_each(|piece| sink.push(piece))?;
            Ok(sink)
        };
        let written = in_time(write).await;
        self.release(bytes);
        let Way::Disk(spill) = &mut self.way else { return };
        let Some(Ok(sink)) = written else { return self.pass("disk") };
        spill.written_bytes += bytes as u64;
        // A body that is short so far has no file, and stays in memory.
        if let Some(file) = sink.file() {
            self.stored.content.spill(&file, spill.written_bytes);
        }
        spill.sink = Some(sink);
    }

    /// Writes the rest, and hands it over to become an object of the disk.
    pub(super) async fn end_spill(&mut self) {
        self.spill().await;
        let Way::Disk(spill) = &mut self.way else { return };
        let Some(sink) = spill.sink.take() else { return };
        // Readers need not wait for that: they have all of it in its file.
        self.stored.content.finish();
        self.shelf.store.settle_sink(&self.key, &self.stored.content, sink);
    }
}
