//! The far end of the log: a file or standard stream, written by the log's own thread.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::worker::BUFFER_BYTES_MAX;
use crate::record::metrics::cells::LogCounts;

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file that is appended to, made with mode 0640 where there is none.
    File(PathBuf),
}

/// Whole lines from one worker.
pub(crate) struct Batch {
    pub(super) lines: Vec<u8>,
    pub(super) count: u64,
    /// Where the empty buffer goes back to.
    pub(super) home: SyncSender<Vec<u8>>,
}

/// An open target.
pub(super) struct Sink {
    file: File,
    /// The name to open again; none for a stream.
    path: Option<PathBuf>,
    counts: Arc<LogCounts>,
    state: State,
}

/// How the last write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    /// It failed between two lines.
    Failed,
    /// It failed within a line, which must be ended before the next.
    Torn,
}

impl Sink {
    pub(super) fn open(target: Target, counts: Arc<LogCounts>) -> io::Result<Self> {
        // A standard stream is written without the standard library's buffer, which would cut
        // our whole lines into its own pieces.
        let (file, path) = match target {
            Target::Stdout => (io::stdout().as_fd().try_clone_to_owned()?.into(), None),
            Target::Stderr => (io::stderr().as_fd().try_clone_to_owned()?.into(), None),
            Target::File(path) => (append(&path)?, Some(path)),
        };
        Ok(Self { file, path, counts, state: State::Sound })
    }

    #[cfg(test)]
    pub(super) fn of(file: File, counts: Arc<LogCounts>) -> Self {
        Self { file, path: None, counts, state: State::Sound }
    }

    /// Opens the file under its name again; keeps the old one where that fails.
    pub(super) fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append(path) {
            Ok(file) => {
                self.file = file;
                self.state = State::Sound;
            }
            Err(error) => self.fail(self.state, "open it again", &error),
        }
    }

    /// Writes a batch whole. What cannot be written is dropped and counted; the next batch tries
    /// again, on a freshly opened file.
    pub(super) fn write(&mut self, batch: Batch, stop: &AtomicBool) {
        if self.state != State::Sound && self.path.is_some() {
            self.reopen();
        }
        let written = self.write_bytes(&batch.lines, stop);
        let lines = match written == batch.lines.len() {
            true => batch.count,
            false => line_ends(batch.lines.get(..written).unwrap_or_default()),
        };
        self.counts.add_written(lines);
        self.counts.add_dropped(batch.count.saturating_sub(lines));
        let mut buffer = batch.lines;
        buffer.clear();
        if buffer.capacity() <= 2 * BUFFER_BYTES_MAX {
            _ = batch.home.try_send(buffer);
        }
    }

    /// Returns how many bytes went out.
    fn write_bytes(&mut self, bytes: &[u8], stop: &AtomicBool) -> usize {
        if self.state == State::Torn && write_once(&mut self.file, b"\n", stop).is_err() {
            return 0;
        }
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match write_once(&mut self.file, rest, stop) {
                Ok(count) => written += count,
                Err(error) => {
                    let inside = written > 0 && bytes.get(written - 1) != Some(&b'\n');
                    self.fail(if inside { State::Torn } else { State::Failed }, "write", &error);
                    return written;
                }
            }
        }
        self.state = State::Sound;
        written
    }

    /// Counts an error, and says it once for each time that the log goes bad.
    fn fail(&mut self, state: State, verb: &str, error: &io::Error) {
        self.counts.add_error();
        if self.state == State::Sound {
            let name = self.path.as_deref().map_or_else(|| "stream".into(), Path::to_string_lossy);
            // Nobody is left to tell when this fails too.
            _ = writeln!(io::stderr(), "weir: access log {name}: cannot {verb}: {error}");
        }
        self.state = state;
    }
}

/// Writes some bytes. A stream that another process made non-blocking is waited for, as a
/// blocking one would be; an order to stop ends the wait.
fn write_once(file: &mut File, bytes: &[u8], stop: &AtomicBool) -> io::Result<usize> {
    loop {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if stop.load(Ordering::Acquire) {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

fn line_ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
