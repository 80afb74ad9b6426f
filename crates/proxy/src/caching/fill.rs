//! Content on its way into the store. It comes as fast as the origin sends it, whoever reads it,
//! and comes in whole though the client that asked for it has left.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cache::store::content::Content;
use cache::store::stored::Stored;
use tokio::time::timeout;

use super::plan::Shelf;
use crate::body::Body;

/// How long a reader may hold up others of content that is not kept. Then it is cut off.
const STALL: Duration = Duration::from_secs(5);

/// Bytes of all content that is on its way, in this process.
static ON_THE_WAY_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Content that is being filled. Dropped before its end, it is broken and leaves the store.
pub(super) struct Filling {
    shelf: Arc<Shelf>,
    key: Box<[u8]>,
    stored: Arc<Stored>,
    bytes: usize,
    is_passing: bool,
    is_done: bool,
}

impl Filling {
    /// The content of what is in the store by this key.
    pub(super) fn new(shelf: Arc<Shelf>, key: &[u8], stored: Arc<Stored>) -> Self {
        Self { shelf, key: key.into(), stored, bytes: 0, is_passing: false, is_done: false }
    }

    /// Fills it from a body: at once, where that is there already, else on a task of its own.
    pub(super) fn begin(mut self, mut body: Body) {
        if self.is_filled_at_once(&mut body) {
            return self.finish(body);
        }
        tokio::task::spawn_local(async move {
            if self.fill(&mut body).await {
                self.finish(body);
            }
        });
    }

    /// Takes what is there without waiting; tells whether that was all.
    fn is_filled_at_once(&mut self, body: &mut Body) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if body.is_last() {
                self.take(body);
                return body.is_last() && body.with_data(<[u8]>::is_empty);
            }
            match body.poll_data(&mut cx) {
                Poll::Ready(Ok(true)) => self.take(body),
                Poll::Ready(Ok(false)) => return true,
                // A fault is met again on the task.
                Poll::Ready(Err(_)) | Poll::Pending => return false,
            }
        }
    }

    /// Takes all; tells whether it came to its end.
    async fn fill(&mut self, body: &mut Body) -> bool {
        let stored = Arc::clone(&self.stored);
        loop {
            if !room(&stored.content).await {
                return false;
            }
            match poll_fn(|cx| body.poll_data(cx)).await {
                Ok(true) => self.take(body),
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Takes the visible bytes.
    fn take(&mut self, body: &mut Body) {
        let bytes = body.with_data(Bytes::copy_from_slice);
        let count = bytes.len();
        body.consume(count);
        self.stored.content.push(bytes);
        if self.is_passing {
            return;
        }
        self.bytes += count;
        let on_the_way = ON_THE_WAY_BYTES.fetch_add(count, Ordering::Relaxed) + count;
        let limits = self.shelf.store.limits();
        let is_too_long = self.stored.content.length() > limits.object_bytes_max;
        if is_too_long || on_the_way > limits.memory_bytes_max / 2 {
            // From here on it is only passed on.
            self.is_passing = true;
            self.stored.content.let_pass();
            self.leave_store();
        }
    }

    fn finish(mut self, body: Body) {
        self.is_done = true;
        self.stored.content.finish();
        if !self.is_passing {
            self.shelf.store.settle(&self.key);
        }
        body.finish();
    }

    fn leave_store(&self) {
        let is_it = |other: &Stored| Arc::ptr_eq(&other.content, &self.stored.content);
        self.shelf.store.remove(&self.key, is_it);
    }
}

/// Waits until there is room for more; `false` when nobody is left to read it. Of several readers
/// of content that is not kept, one that takes nothing holds up the others for a while only.
async fn room(content: &Content) -> bool {
    loop {
        match timeout(STALL, poll_fn(|cx| content.poll_room(cx))).await {
            Ok(has_readers) => return has_readers,
            Err(_elapsed) => drop(content.cut_slowest()),
        }
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        ON_THE_WAY_BYTES.fetch_sub(self.bytes, Ordering::Relaxed);
        if !self.is_done {
            self.stored.content.fail();
            self.leave_store();
        }
    }
}
