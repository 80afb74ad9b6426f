//! What is in force at this moment.

use std::sync::{Arc, Mutex, PoisonError};

use proxy::record::Metrics;
use proxy::snapshot::Snapshot;

/// A snapshot with the metrics that have its labels.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) metrics: Metrics,
}

/// The one place where everything off the data path finds what is in force.
#[derive(Debug)]
pub(crate) struct Live(Mutex<Now>);

impl Live {
    pub(crate) fn new(now: Now) -> Self {
        Self(Mutex::new(now))
    }

    /// What is in force.
    pub(crate) fn now(&self) -> Now {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The snapshot in force.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.now().snapshot
    }

    /// Puts the next one in force for whoever asks from now on.
    pub(crate) fn set(&self, now: Now) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}
