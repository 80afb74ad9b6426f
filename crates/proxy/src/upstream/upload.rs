//! A request body that is still being sent while the answer already comes back.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::fault::{Fault, Side};
use crate::transfer::Transfer;
use crate::transport::Transport;

/// A running upload; dropped, it is aborted.
#[derive(Debug)]
pub struct UploadTask {
    task: JoinHandle<()>,
    progress: Rc<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    done: Cell<bool>,
    fault: Cell<Option<Fault>>,
}

impl UploadTask {
    /// Lets the rest of a transfer run beside the response. Both wait on the same connection, so
    /// what moves up moves the deadline of the answer on.
    #[must_use]
    pub fn spawn(mut transfer: Transfer, upstream: Rc<Transport>, idle: Duration) -> Self {
        let progress = Rc::new(Progress::default());
        let noted = Rc::clone(&progress);
        transfer.share_timer();
        let task = tokio::task::spawn_local(async move {
            let outcome = poll_fn(|cx| {
                let before = transfer.body().bytes();
                let polled = transfer.poll(cx);
                if polled.is_ready() || transfer.body().bytes() > before {
                    upstream.timer().set(idle);
                }
                polled
            })
            .await;
            match outcome {
                Ok(()) => noted.done.set(true),
                // The client is gone or stuck: nothing more is wanted of the origin either.
                Err(fault) if fault.side == Side::Client => {
                    noted.fault.set(Some(fault));
                    upstream.timer().expire();
                }
                // The origin has heard enough; its response decides the exchange.
                Err(_) => {}
            }
        });
        Self { task, progress }
    }

    /// Whether the whole body was sent.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.progress.done.get()
    }

    /// The client's fault that ended it, if one did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.progress.fault.get()
    }
}

impl Drop for UploadTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}
