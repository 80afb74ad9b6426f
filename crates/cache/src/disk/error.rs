//! Why an operation on the disk store failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What went wrong. None of it is worth failing a request for: the store is a cache.
#[derive(Debug)]
pub enum DiskError {
    /// Another process, or another store of this one, works in the directory.
    InUse(PathBuf),
    /// Sizes that leave no room to work in.
    TooSmall,
    /// The system refused: no space, a failing disk, a file system that may only be read.
    Io(io::Error),
    /// What was read is not what was written.
    Corrupt,
    /// A key, head or body above its limit.
    TooLarge,
    /// The body has another length than was announced.
    Length,
    /// As many writers, or as many bytes of bodies under way, as there may be.
    Busy,
    /// The log of purges is full until it is replaced by a shorter one.
    PurgesFull,
    /// It would have to be waited for, which was not wanted.
    WouldWait,
    /// Too many operations failed in a row, so the store has turned itself off.
    Failed,
}

/// The disk would have to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WouldWait;

impl fmt::Display for DiskError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(directory) => {
                write!(out, "{} is in use by another store", directory.display())
            }
            Self::TooSmall => out.write_str("the store is too small to work in"),
            Self::Io(cause) => write!(out, "{cause}"),
            Self::Corrupt => out.write_str("the record is damaged"),
            Self::TooLarge => out.write_str("the object is too large"),
            Self::Length => out.write_str("the body has another length than announced"),
            Self::Busy => out.write_str("too much is being written already"),
            Self::PurgesFull => out.write_str("the log of purges is full"),
            Self::WouldWait => out.write_str("the disk would have to be waited for"),
            Self::Failed => out.write_str("the store has failed and is off"),
        }
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<io::Error> for DiskError {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}
