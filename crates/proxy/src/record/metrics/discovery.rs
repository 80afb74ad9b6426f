//! What discovery says of upstreams. Counted by the control thread.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::exposition::FamilyWriter;
use super::{Metrics, Registry};

/// News by the name of the upstream, the kind of the source and the result. The configuration
/// bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct Discoveries(Mutex<BTreeMap<(String, &'static str, &'static str), u64>>);

impl Metrics {
    /// Counts news of a source of servers, or of a DNS name: other servers, or a failure.
    pub fn discovery(&self, upstream: &str, source: &'static str, succeeded: bool) {
        let result = if succeeded { "changed" } else { "failed" };
        let counts = &self.registry.shared.discoveries.0;
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((upstream.to_owned(), source, result)).or_default() += 1;
    }
}

pub(super) fn results(registry: &Registry, out: &mut FamilyWriter<'_>) {
    let counts = registry.shared.discoveries.0.lock().unwrap_or_else(PoisonError::into_inner);
    for ((upstream, source, result), count) in &*counts {
        out.sample(&[upstream, source, result], *count);
    }
}

/// Servers in use.
pub(super) fn servers(registry: &Registry, out: &mut FamilyWriter<'_>) {
    for (name, cluster) in registry.labels.upstreams.iter().zip(&registry.labels.clusters) {
        if let Some(cluster) = cluster {
            out.sample(&[name], cluster.len() as u64);
        }
    }
}

/// Servers that were found and are too many.
pub(super) fn left_out(registry: &Registry, out: &mut FamilyWriter<'_>) {
    for (name, left_out) in registry.labels.upstreams.iter().zip(&registry.labels.left_out) {
        out.sample_unless_zero(&[name], *left_out as u64);
    }
}
