//! A request body that is still being sent while the answer already comes back.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::body::Inflow;
use crate::codec::h2::Pump;
use crate::fault::{Fault, Side};
use crate::transfer::Transfer;
use crate::transport::Transport;

/// What is being sent, with what waits for the answer on the same way.
#[derive(Debug)]
pub enum Upload {
    /// Over HTTP/1.1.
    H1(Box<Transfer>, Rc<Transport>),
    /// Into a stream of HTTP/2.
    H2(Box<Pump>, Rc<Inflow>),
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self {
            Self::H1(transfer, _) => transfer.poll(cx),
            Self::H2(pump, _) => pump.poll(cx),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::H1(transfer, _) => transfer.body().bytes(),
            Self::H2(pump, _) => pump.body().bytes(),
        }
    }

    /// What moves up moves the deadline of the answer on.
    fn touch(&self, idle: Duration) {
        match self {
            Self::H1(_, transport) => transport.timer().set(idle),
            Self::H2(_, inflow) => inflow.timer().set(idle),
        }
    }

    /// Nobody wants the answer any more.
    fn expire(&self) {
        match self {
            Self::H1(_, transport) => transport.timer().expire(),
            Self::H2(_, inflow) => inflow.timer().expire(),
        }
    }
}

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
    /// Lets the rest of an upload run beside the response.
    #[must_use]
    pub fn spawn(mut upload: Upload, idle: Duration) -> Self {
        let progress = Rc::new(Progress::default());
        let noted = Rc::clone(&progress);
        if let Upload::H1(transfer, _) = &mut upload {
            transfer.share_timer();
        }
        let task = tokio::task::spawn_local(async move {
            let outcome = poll_fn(|cx| {
                let before = upload.bytes();
                let polled = upload.poll(cx);
                if polled.is_ready() || upload.bytes() > before {
                    upload.touch(idle);
                }
                polled
            })
            .await;
            match outcome {
                Ok(()) => noted.done.set(true),
                // The client is gone or stuck: nothing more is wanted of the origin either.
                Err(fault) if fault.side == Side::Client => {
                    noted.fault.set(Some(fault));
                    upload.expire();
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
