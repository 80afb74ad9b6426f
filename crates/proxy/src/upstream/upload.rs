//! A request body that is still being sent while the answer already comes back.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::JoinHandle;

use crate::fault::Side;
use crate::transfer::Transfer;
use crate::transport::Transport;

/// A running upload; dropped, it is aborted.
#[derive(Debug)]
pub struct UploadTask {
    task: JoinHandle<()>,
    done: Rc<Cell<bool>>,
}

impl UploadTask {
    /// Lets the rest of a transfer run beside the response.
    #[must_use]
    pub fn spawn(mut transfer: Transfer, upstream: Rc<Transport>) -> Self {
        let done = Rc::new(Cell::new(false));
        let finished = Rc::clone(&done);
        let task = tokio::task::spawn_local(async move {
            match std::future::poll_fn(|cx| transfer.poll(cx)).await {
                Ok(()) => finished.set(true),
                // The client is gone or stuck: nothing more is wanted of the origin either.
                Err(fault) if fault.side == Side::Client => upstream.timer().expire(),
                // The origin has heard enough; its response decides the exchange.
                Err(_) => {}
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
