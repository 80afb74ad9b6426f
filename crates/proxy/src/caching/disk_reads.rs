//! Reads of a disk that may hang: who waits for one may leave, but its thread cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// With so many reads that nobody waits for any more, the disk hangs: no more are begun, since
/// each would hold a thread or a place in the queue for one.
const LEFT_MAX: isize = 32;

/// The reads of one disk.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskReads {
    /// Those that have not ended, and that nobody waits for.
    left: Arc<AtomicIsize>,
}

/// A read that has begun, or waits for a thread.
#[derive(Debug)]
struct Read {
    left: Arc<AtomicIsize>,
    /// Either side is done with it.
    is_half_done: AtomicBool,
}

/// Who waits for a read.
struct Waiting(Arc<Read>);

/// Who reads.
struct Reading(Arc<Read>);

impl DiskReads {
    /// Whether the disk does not answer.
    pub(super) fn hang(&self) -> bool {
        self.left.load(Ordering::Relaxed) >= LEFT_MAX
    }

    /// Reads on a thread that may wait for the disk. The future may be dropped before that.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (left, is_half_done) = (Arc::clone(&self.left), AtomicBool::new(false));
        let both = Arc::new(Read { left, is_half_done });
        let reading = Reading(Arc::clone(&both));
        let _waiting = Waiting(both);
        let task = tokio::task::spawn_blocking(move || {
            let _reading = reading;
            read()
        });
        task.await.ok()
    }
}

impl Read {
    /// Tells whether the other side was done with it before.
    fn done(&self) -> bool {
        self.is_half_done.swap(true, Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.0.done() {
            self.0.left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It may be seen before the other side has counted it: less than none is none.
        if self.0.done() {
            self.0.left.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn reads_that_nobody_waits_for_any_more_count_until_they_end() {
        let reads = DiskReads::default();
        assert_eq!(reads.run(|| 7).await, Some(7));
        assert_eq!(reads.left.load(Ordering::Relaxed), 0);
        let (go, gone) = mpsc::channel::<()>();
        let gone = Arc::new(std::sync::Mutex::new(gone));
        let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
        for count in 0..LEFT_MAX {
            assert!(!reads.hang(), "{count}");
            let (gone, ended) = (Arc::clone(&gone), ended.clone());
            let mut read = Box::pin(reads.run(move || {
                let _ = gone.lock().unwrap().recv();
                drop(ended);
            }));
            let polled = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        assert!(reads.hang());
        drop((go, ended));
        assert_eq!(ends.recv().await, None::<()>);
        while reads.left.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(!reads.hang());
    }
}
