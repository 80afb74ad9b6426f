//! A request body that is still being sent while the answer already comes back.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::JoinHandle;

use crate::transfer::Transfer;

/// A running upload; dropped, it is aborted.
#[derive(Debug)]
pub struct UploadTask {
    task: JoinHandle<()>,
    done: Rc<Cell<bool>>,
}

impl UploadTask {
    /// Lets the rest of a transfer run beside the response.
    #[must_use]
    pub fn spawn(mut transfer: Transfer) -> Self {
        let done = Rc::new(Cell::new(false));
        let finished = Rc::clone(&done);
        let task = tokio::task::spawn_local(async move {
            // A failed upload is not told to anyone: the response decides the exchange, and the
            // connections of both sides are closed after it.
            if std::future::poll_fn(|cx| transfer.poll(cx)).await.is_ok() {
                finished.set(true);
            }
        });
        Self { task, done }
    }

    /// Whether the whole body was sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done.get()
    }
}

impl Drop for UploadTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}
