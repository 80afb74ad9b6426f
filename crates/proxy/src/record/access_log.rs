//! The access log: one line for every exchange, made by its worker and written by a thread.
//!
//! A worker appends lines to a buffer of its own and hands whole buffers to the writer over a
//! bounded queue. It never waits: while the queue is full and the buffer too, lines are dropped
//! and counted. What a client sent can never begin a new line or leave its field.

mod compile;
mod dates;
mod escape;
mod format;
mod sink;
mod value;
mod worker;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub use self::format::{Format, LogFormat, Segment};
pub use self::sink::Target;
use self::sink::{Batch, Sink};
pub use self::value::{Field, LogRecord};
pub use self::worker::WorkerLog;
use super::metrics::cells::LogCounts;

/// Buffers on their way to the writer; with 64 KiB each, a log that stands still pins 4 MiB.
const QUEUE_BUFFERS_MAX: usize = 64;

/// One log with its writer thread.
pub struct AccessLog {
    format: Arc<Format>,
    queue: SyncSender<Message>,
    orders: Arc<Orders>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
    counts: Arc<LogCounts>,
}

/// What goes through the queue.
pub(crate) enum Message {
    /// Lines to write.
    Lines(Batch),
    /// A reason to look at [`Orders`].
    Wake,
}

/// Orders to the writer. They are flags, because the queue may be full when they are given.
#[derive(Default)]
struct Orders {
    reopen: AtomicBool,
    stop: AtomicBool,
}

impl AccessLog {
    /// Opens the target and starts the writer. A file is created where there is none, and
    /// appended to. Fails when the target cannot be opened or no thread can be started.
    pub fn start(format: Format, target: Target, counts: Arc<LogCounts>) -> io::Result<Self> {
        Self::start_on(format, Sink::open(target, Arc::clone(&counts))?, counts)
    }

    fn start_on(format: Format, sink: Sink, counts: Arc<LogCounts>) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE_BUFFERS_MAX);
        let (ending, ended) = sync_channel(1);
        let orders = Arc::new(Orders::default());
        let given = Arc::clone(&orders);
        let thread = std::thread::Builder::new().name("access-log".into()).spawn(move || {
            write_all(sink, &messages, &given);
            drop(ending);
        })?;
        Ok(Self { format: Arc::new(format), queue, orders, ended, thread, counts })
    }

    /// The writing side for one worker.
    #[must_use]
    pub fn worker(&self) -> WorkerLog {
        let format = Arc::clone(&self.format);
        WorkerLog::new(format, self.queue.clone(), Arc::clone(&self.counts))
    }

    /// Opens the file again under its name, after a rotation has moved the old one away. Lines
    /// already handed over may still go to the old file. Where the name cannot be opened, the
    /// old file stays in use and the error is counted. Standard streams stay as they are.
    pub fn reopen(&self) {
        self.order(&self.orders.reopen);
    }

    /// Writes what is queued and ends the thread; the workers must have flushed or dropped their
    /// sides before. Returns whether that was done within `wait`: a pipe that nobody reads must
    /// not keep the process from ending.
    pub fn stop(self, wait: Duration) -> bool {
        self.order(&self.orders.stop);
        match self.ended.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) => false,
            Ok(()) | Err(RecvTimeoutError::Disconnected) => self.thread.join().is_ok(),
        }
    }

    fn order(&self, flag: &AtomicBool) {
        flag.store(true, Ordering::Release);
        // A full queue needs no waking: the writer looks at its orders before every buffer.
        _ = self.queue.try_send(Message::Wake);
    }
}

/// The writer thread: ends when every sender is gone, or on order once the queue is empty.
fn write_all(mut sink: Sink, messages: &Receiver<Message>, orders: &Orders) {
    while !orders.stop.load(Ordering::Acquire) {
        let Ok(message) = messages.recv() else { return };
        obey(&mut sink, message, orders);
    }
    while let Ok(message) = messages.try_recv() {
        obey(&mut sink, message, orders);
    }
}

fn obey(sink: &mut Sink, message: Message, orders: &Orders) {
    if orders.reopen.swap(false, Ordering::AcqRel) {
        sink.reopen();
    }
    if let Message::Lines(batch) = message {
        sink.write(batch, &orders.stop);
    }
}

#[cfg(test)]
mod tests;
