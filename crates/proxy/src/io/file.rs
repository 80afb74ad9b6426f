//! Sending bytes of a file as they lie, so that they are never copied to user space.

use std::io;
use std::task::{Context, Poll};

use cache::disk::Lying;
use rustix::io::Errno;

use super::Stream;

/// Sends from a file; returns how much went, 0 where the file is shorter than it should be. The
/// bytes should be in the system's memory: waiting for the disk would hold up the worker.
pub fn poll_send(stream: &Stream, cx: &mut Context<'_>, lying: &Lying) -> Poll<io::Result<usize>> {
    let bytes = usize::try_from(lying.bytes).unwrap_or(usize::MAX);
    stream.poll_write_with(cx, |socket| {
        let mut offset = lying.offset;
        rustix::fs::sendfile(socket, &lying.file, Some(&mut offset), bytes)
    })
}

/// Whether nothing can be sent from such a file: not every file system can do it.
pub fn is_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP))
}
