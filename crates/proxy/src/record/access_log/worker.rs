//! A worker's side of the log: a buffer of lines, handed over whole.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::Message;
use super::dates::Dates;
use super::format::Format;
use super::sink::Batch;
use super::value::LogRecord;
use crate::record::metrics::cells::LogCounts;

/// From here on a buffer is handed over without waiting for the worker's tick.
pub(super) const FLUSH_BYTES: usize = 32 * 1024;
/// From here on lines are dropped, until the queue takes the buffer.
pub(super) const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Empty buffers kept for the next hand-over.
const SPARE_BUFFERS_MAX: usize = 4;
/// How often, 5 ms apart, a worker that ends tries to hand its last lines over.
const LAST_TRIES: usize = 40;

/// The log as one worker sees it. Dropping it hands the last lines over.
pub struct WorkerLog {
    format: Arc<Format>,
    dates: Dates,
    lines: Vec<u8>,
    count: u64,
    queue: SyncSender<Message>,
    home: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    counts: Arc<LogCounts>,
}

impl WorkerLog {
    pub(super) fn new(
        format: Arc<Format>,
        queue: SyncSender<Message>,
        counts: Arc<LogCounts>,
    ) -> Self {
        let (home, spare) = sync_channel(SPARE_BUFFERS_MAX);
        let (dates, lines) = (Dates::default(), Vec::new());
        Self { format, dates, lines, count: 0, queue, home, spare, counts }
    }

    /// Appends the line of an exchange, or counts it as dropped when there is no room. Never
    /// waits; does not allocate once its buffers are warm.
    pub fn record(&mut self, record: &LogRecord<'_>) {
        if self.lines.len() >= FLUSH_BYTES {
            self.flush();
        }
        if self.lines.len() >= BUFFER_BYTES_MAX {
            return self.counts.add_dropped(1);
        }
        if self.lines.capacity() == 0 {
            self.lines.reserve_exact(BUFFER_BYTES_MAX);
        }
        self.format.write(record, &mut self.dates, &mut self.lines);
        self.count += 1;
    }

    /// Hands the lines over, if there are any and the queue has room. To be called on a tick of
    /// a quarter second or so, and when the worker has nothing else to do.
    pub fn flush(&mut self) {
        _ = self.try_hand_over();
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.lines.capacity()
    }

    /// Whether nothing is left to hand over.
    pub(super) fn try_hand_over(&mut self) -> bool {
        if self.lines.is_empty() {
            return true;
        }
        let lines = std::mem::take(&mut self.lines);
        let batch = Batch { lines, count: self.count, home: self.home.clone() };
        match self.queue.try_send(Message::Lines(batch)) {
            Ok(()) => {
                self.lines = self.spare.try_recv().unwrap_or_default();
                self.count = 0;
                true
            }
            Err(TrySendError::Full(Message::Lines(batch))) => {
                self.lines = batch.lines;
                false
            }
            Err(_) => {
                self.counts.add_dropped(std::mem::take(&mut self.count));
                true
            }
        }
    }
}

impl Drop for WorkerLog {
    /// The worker serves nobody any more, so here it may wait a little for room.
    fn drop(&mut self) {
        for _ in 0..LAST_TRIES {
            if self.try_hand_over() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.counts.add_dropped(self.count);
    }
}
