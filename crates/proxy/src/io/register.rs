//! Registering a descriptor with the driver: the one promise that the compiler cannot check.

#![allow(unsafe_code, reason = "the driver asks for a promise about descriptors, given below")]

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::unix::AsyncFd;

/// Registers a descriptor that the result owns alone.
///
/// # Errors
/// When the driver refuses it.
pub fn owned(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open and stays the same descriptor until it is dropped, and the
    // `AsyncFd` owns it: nothing here takes it out or replaces it while registered.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Registers a descriptor that several workers hold.
///
/// # Errors
/// When the driver refuses it.
pub fn shared(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: the `Arc` keeps the `OwnedFd` alive and unchanged for as long as the `AsyncFd`
    // holds it, and shared access cannot replace it.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_end_can_be_registered_both_ways() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _entered = runtime.enter();
        let (read, write) = rustix::pipe::pipe().unwrap();
        assert!(owned(read).is_ok());
        assert!(shared(Arc::new(write)).is_ok());
    }
}
