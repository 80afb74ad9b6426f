//! Moving large plain bodies through a kernel pipe, so that they are never copied to user space.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use rustix::pipe::{PipeFlags, SpliceFlags};

use super::Stream;

/// Wanted capacity of a pipe in bytes. The system may grant less; then less moves at a time.
const PIPE_BYTES: usize = 256 * 1024;

/// Empty pipes a worker keeps for reuse.
const POOLED_MAX: usize = 64;

thread_local! {
    static POOL: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A kernel pipe between two sockets.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    capacity: usize,
    held: usize,
}

impl Pipe {
    /// An empty pipe, from the pool if there is one.
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn take() -> io::Result<Self> {
        if let Some(pipe) = POOL.with_borrow_mut(Vec::pop) {
            return Ok(pipe);
        }
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Unprivileged users may not grow a pipe beyond the system's limit; the default will do.
        let capacity = rustix::pipe::fcntl_setpipe_size(&write, PIPE_BYTES)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&write))?;
        Ok(Self { read, write, capacity, held: 0 })
    }

    /// Gives an empty pipe back. One that still holds bytes is closed.
    pub fn put(self) {
        if self.held == 0 {
            POOL.with_borrow_mut(|pool| {
                if pool.len() < POOLED_MAX {
                    pool.push(self);
                }
            });
        }
    }

    /// Bytes in the pipe.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Moves up to `max` bytes from the socket into the empty pipe; 0 is the end of the stream.
    ///
    /// The pipe must be empty: a full one and an empty socket give the same error.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &Stream,
        max: u64,
    ) -> Poll<io::Result<usize>> {
        debug_assert_eq!(self.held, 0, "a pipe is drained before it is filled");
        let wanted = usize::try_from(max).unwrap_or(usize::MAX).min(self.capacity);
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let write = &self.write;
        from.poll_read_with(cx, |fd| rustix::pipe::splice(fd, None, write, None, wanted, flags))
            .map_ok(|count| {
                self.held += count;
                count
            })
    }

    /// Moves what the pipe holds to the socket.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>, to: &Stream) -> Poll<io::Result<usize>> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let (read, held) = (&self.read, self.held);
        to.poll_write_with(cx, |fd| rustix::pipe::splice(read, None, fd, None, held, flags)).map_ok(
            |count| {
                self.held -= count;
                count
            },
        )
    }
}
