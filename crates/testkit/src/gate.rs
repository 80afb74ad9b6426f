//! A turnstile between threads: one side opens it, the other passes once for each opening.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::PATIENCE;

/// Counts openings; every pass takes one.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    inner: Arc<(Mutex<usize>, Condvar)>,
}

impl Gate {
    /// Lets one pass.
    pub fn open(&self) {
        *self.inner.0.lock().expect("gate") += 1;
        self.inner.1.notify_all();
    }

    /// Waits for an opening.
    ///
    /// # Panics
    /// When none came in time.
    pub fn pass(&self) {
        let until = Instant::now() + PATIENCE;
        let mut openings = self.inner.0.lock().expect("gate");
        while *openings == 0 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nobody opened the gate");
            openings = self.inner.1.wait_timeout(openings, left).expect("gate").0;
        }
        *openings -= 1;
    }
}
