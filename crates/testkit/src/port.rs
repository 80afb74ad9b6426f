//! Free ports, and what the kernel's socket table says about used ones.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::diag;

/// Ports given out lie below the range the kernel draws source ports from, so that nobody's
/// outgoing connection takes one between this look and the use.
const LOWEST: u16 = 10_000;
const COUNT: u16 = 22_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address nobody listens on now; never given out twice by this process.
#[must_use]
pub fn free_addr() -> SocketAddr {
    let start = u16::try_from(u64::from(std::process::id()) * 131 % u64::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + u16::try_from((u32::from(start) + u32::from(step)) % 22_000).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
    panic!("no free port between {LOWEST} and {}", LOWEST + COUNT);
}

/// Whether somebody listens on this TCP port.
#[must_use]
pub fn is_listening(port: u16) -> bool {
    diag::listening_ports().contains(&port)
}

/// Waits until somebody listens there; false when nobody did in time.
#[must_use]
pub fn wait_listening(port: u16, patience: Duration, alive: impl Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    while Instant::now() < until && alive() {
        if is_listening(port) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    is_listening(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_seen_as_soon_as_it_is_bound() {
        let addr = free_addr();
        assert!(!is_listening(addr.port()));
        let _listener = TcpListener::bind(addr).unwrap();
        assert!(is_listening(addr.port()));
    }

    #[test]
    fn addresses_are_not_given_twice() {
        assert_ne!(free_addr(), free_addr());
    }
}
