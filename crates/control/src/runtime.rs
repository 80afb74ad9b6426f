//! The control thread: one small runtime for everything that is not a request.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How long the end of the thread waits for others that read and write files for it.
const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// A task on the control thread that ends with its owner.
#[derive(Debug)]
pub(crate) struct Task(AbortHandle);

impl Task {
    /// Runs a task for as long as this lives.
    pub(crate) fn spawn<F>(handle: &Handle, task: F) -> Self
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Self(handle.spawn(task).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The control thread. Dropping it ends the thread and what runs there.
pub struct Control {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts the thread. Fails when the system gives no thread or no descriptors for it.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
            // Both an order to end and a lost sender mean the same.
            _ = runtime.block_on(ended);
            // What still waits for a disk is left to itself: it may never come back.
            runtime.shutdown_timeout(DISK_PATIENCE);
        })?;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }

    /// The runtime, for tasks of other modules.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_run_beside_the_caller_and_end_with_the_thread() {
        let control = Control::start().unwrap();
        let (done, was_done) = std::sync::mpsc::channel();
        let held = done.clone();
        control.handle().spawn(async move {
            held.send(std::thread::current().name().map(str::to_owned)).unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(was_done.recv().unwrap().as_deref(), Some("control"));
        drop(done);
        drop(control);
        assert!(was_done.recv().is_err(), "the pending task was dropped with its sender");
    }
}
