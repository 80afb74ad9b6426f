//! Reading and writing at a place in a file, and where tests put their faults.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::unix::fs::FileExt;

use rustix::io::ReadWriteFlags;

/// Whether the caller may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It may.
    Yes,
    /// It takes only what the system has in memory.
    No,
}

/// Fills the buffer from this place.
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    #[cfg(test)]
    fault::check(&fault::READ)?;
    file.read_exact_at(buffer, offset)
}

/// Fills the buffer from this place; fails with `WouldBlock` where it may not wait and had to, or
/// where the file system cannot tell.
pub(super) fn read_as(wait: Wait, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    if wait == Wait::Yes {
        return read_at(file, offset, buffer);
    }
    #[cfg(test)]
    fault::check(&fault::READ)?;
    let wanted = buffer.len();
    let mut slices = [IoSliceMut::new(buffer)];
    match rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
        Ok(count) if count == wanted => Ok(()),
        // The rest is not in memory, or the file is shorter: whoever waits finds out.
        _ => Err(ErrorKind::WouldBlock.into()),
    }
}

/// Reads this many bytes into a buffer of their own.
pub(super) fn read_vec_at(file: &File, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
    read_vec_as(Wait::Yes, file, offset, bytes)
}

/// As `read_vec_at`, with or without waiting.
pub(super) fn read_vec_as(
    wait: Wait,
    file: &File,
    offset: u64,
    bytes: usize,
) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    read_as(wait, file, offset, &mut buffer)?;
    Ok(buffer)
}

/// Writes all of it at this place.
pub(super) fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    #[cfg(test)]
    fault::check(&fault::WRITE)?;
    file.write_all_at(bytes, offset)
}

/// Faults of the disk as a test wants them, in its own thread only.
#[cfg(test)]
pub(super) mod fault {
    use std::cell::Cell;
    use std::io;
    use std::thread::LocalKey;

    type Fault = LocalKey<Cell<Option<i32>>>;

    thread_local! {
        pub(crate) static READ: Cell<Option<i32>> = const { Cell::new(None) };
        pub(crate) static WRITE: Cell<Option<i32>> = const { Cell::new(None) };
    }

    pub(crate) fn check(fault: &'static Fault) -> io::Result<()> {
        fault.get().map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)))
    }
}
