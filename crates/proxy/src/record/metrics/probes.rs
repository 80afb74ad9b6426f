//! What health checks say of servers. Counted by the control thread, which is the only writer.

use std::sync::Arc;

use super::cells::{Cell, Slot, carry};
use super::shape::Labels;
use super::{Metrics, ServerAt};

/// The cells of all servers of a generation.
pub(super) struct Probes {
    /// Carried over to the next generation, as all counts are.
    counts: Vec<Arc<Slot<Counts>>>,
}

#[derive(Debug, Default)]
struct Counts {
    passed: Cell,
    failed: Cell,
}

impl Probes {
    pub(super) fn new(labels: &Labels, before: Option<(&Labels, &Self)>) -> Self {
        let before = before.map(|(old, probes)| (old.servers.as_slice(), probes.counts.as_slice()));
        Self { counts: carry(&labels.servers, before) }
    }

    /// Probes that passed and that failed.
    pub(super) fn results(&self, at: usize) -> [(&'static str, u64); 2] {
        let counts = self.counts.get(at).and_then(|slot| slot.used());
        let [passed, failed] =
            counts.map_or([0; 2], |counts| [counts.passed.value(), counts.failed.value()]);
        [("passed", passed), ("failed", failed)]
    }
}

impl Metrics {
    /// Counts a probe of a server.
    pub fn probe(&self, at: ServerAt, passed: bool) {
        let index = self.registry.labels.server_index(at);
        if let Some(slot) = index.and_then(|index| self.registry.probes.counts.get(index)) {
            let counts = slot.cells();
            if passed { &counts.passed } else { &counts.failed }.add(1);
        }
    }
}
