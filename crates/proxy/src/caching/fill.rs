//! Content on its way into the store. It comes as fast as the origin sends it, whoever reads it,
//! and comes in whole though the client that asked for it has left.

mod spill;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cache::store::content::Content;
use cache::store::stored::Stored;
use tokio::time::timeout;

use super::insight::FillClock;
use super::plan::Shelf;
use crate::body::Body;
use spill::Spill;

/// How long a reader may hold up others of content that is not kept. Then it is cut off.
const STALL: Duration = Duration::from_secs(5);

/// Bytes in memory of all content that is on its way, in this process.
static ON_THE_WAY_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Content that is being filled. Dropped before its end, it is broken and leaves the store.
pub(super) struct Filling {
    shelf: Arc<Shelf>,
    key: Box<[u8]>,
    stored: Arc<Stored>,
    clock: FillClock,
    bytes: usize,
    way: Way,
}

/// Where content goes.
enum Way {
    /// Into memory.
    Memory,
    /// To the disk: it is too long for memory.
    Disk(Box<Spill>),
    /// By: it is not kept.
    Past,
    /// It has come.
    Done,
}

impl Filling {
    /// The content of what is in a store by a key.
    pub(super) fn new(
        (shelf, key): (&Arc<Shelf>, &[u8]),
        stored: Arc<Stored>,
        clock: FillClock,
    ) -> Self {
        let (shelf, key) = (Arc::clone(shelf), key.into());
        let mut filling = Self { shelf, key, stored, clock, bytes: 0, way: Way::Memory };
        if filling.stored.declared_length.is_some_and(|length| filling.is_too_long(length)) {
            filling.leave_memory("too-large");
        }
        filling
    }

    /// Fills it from a body: at once, where that is there already, else on a task of its own.
    pub(super) fn begin(mut self, mut body: Body) {
        if self.is_filled_at_once(&mut body) {
            return self.finish(body);
        }
        tokio::task::spawn_local(async move {
            if self.fill(&mut body).await {
                if matches!(self.way, Way::Disk(_)) {
                    self.end_spill().await;
                }
                self.finish(body);
            }
        });
    }

    /// Takes what is there without waiting; tells whether that was all.
    fn is_filled_at_once(&mut self, body: &mut Body) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        while matches!(self.way, Way::Memory) {
            if body.is_last() {
                self.take(body);
                let is_all = body.is_last() && body.with_data(<[u8]>::is_empty);
                return is_all && !matches!(self.way, Way::Disk(_));
            }
            match body.poll_data(&mut cx) {
                Poll::Ready(Ok(true)) => self.take(body),
                Poll::Ready(Ok(false)) => return true,
                // A fault is met again on the task.
                Poll::Ready(Err(_)) | Poll::Pending => return false,
            }
        }
        false
    }

    /// Takes all; tells whether it came to its end.
    async fn fill(&mut self, body: &mut Body) -> bool {
        let stored = Arc::clone(&self.stored);
        loop {
            if !self.has_room(&stored.content).await {
                return false;
            }
            match poll_fn(|cx| body.poll_data(cx)).await {
                Ok(true) => self.take(body),
                Ok(false) => return true,
                Err(_) => return false,
            }
            if matches!(&self.way, Way::Disk(spill) if spill.is_due()) {
                self.spill().await;
            }
        }
    }

    /// Waits until there is room for more; `false` when nobody is left to read it. Of several
    /// readers of content that is not kept, one that takes nothing holds up the others for a while
    /// only.
    async fn has_room(&self, content: &Content) -> bool {
        loop {
            match timeout(STALL, poll_fn(|cx| content.poll_room(cx))).await {
                Ok(has_readers) => return has_readers,
                Err(_elapsed) => self.clock.cut(content.cut_slowest()),
            }
        }
    }

    /// Takes the visible bytes.
    fn take(&mut self, body: &mut Body) {
        let bytes = body.with_data(Bytes::copy_from_slice);
        let count = bytes.len();
        body.consume(count);
        self.stored.content.push(bytes.clone());
        match &mut self.way {
            Way::Past | Way::Done => return,
            Way::Disk(spill) => spill.add(bytes),
            Way::Memory => {}
        }
        self.bytes += count;
        let on_the_way = ON_THE_WAY_BYTES.fetch_add(count, Ordering::Relaxed) + count;
        if !matches!(self.way, Way::Memory) {
            return;
        }
        if self.is_too_long(self.stored.content.length()) {
            self.leave_memory("too-large");
        } else if on_the_way > self.shelf.store.limits().memory_bytes_max / 2 {
            self.leave_memory("no-room");
        }
    }

    fn is_too_long(&self, length: u64) -> bool {
        length > self.shelf.store.limits().object_bytes_max
    }

    /// From here on it goes to the disk, or is only passed on.
    fn leave_memory(&mut self, reason: &'static str) {
        match Spill::begin(&self.shelf, &self.stored) {
            Some(spill) => self.way = Way::Disk(Box::new(spill)),
            None => self.pass(reason),
        }
    }

    /// From here on it is only passed on.
    fn pass(&mut self, reason: &'static str) {
        self.way = Way::Past;
        self.clock.stop(reason);
        self.stored.content.let_pass();
        self.leave_store();
    }

    /// These bytes are no longer in memory for their way's sake.
    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        ON_THE_WAY_BYTES.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn finish(mut self, body: Body) {
        self.stored.content.finish();
        if !matches!(std::mem::replace(&mut self.way, Way::Done), Way::Past) {
            self.shelf.store.settle(&self.key, &self.stored.content);
            self.clock.filled();
        }
        body.finish();
    }

    fn leave_store(&self) {
        let is_it = |other: &Stored| Arc::ptr_eq(&other.content, &self.stored.content);
        self.shelf.store.remove(&self.key, is_it);
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        ON_THE_WAY_BYTES.fetch_sub(self.bytes, Ordering::Relaxed);
        if !matches!(self.way, Way::Done) {
            self.clock.stop("incomplete");
            self.stored.content.fail();
            self.leave_store();
        }
    }
}
