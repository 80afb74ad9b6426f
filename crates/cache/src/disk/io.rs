//! Reading and writing at a place in a file, and where tests put their faults.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Fills the buffer from this place.
pub(super) fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    #[cfg(test)]
    fault::check(&fault::READ)?;
    file.read_exact_at(buffer, offset)
}

/// Reads this many bytes into a buffer of their own.
pub(super) fn read_vec_at(file: &File, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    read_at(file, offset, &mut buffer)?;
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
