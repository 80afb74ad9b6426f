//! What balancing knows of each server, read when somebody asks.

use std::collections::HashSet;
use std::time::Instant;

use balance::{Cause, Cluster, ServerIndex, Standing, Vitals};

use super::Registry;
use super::exposition::FamilyWriter;

/// Calls `show` for each server with the names of its upstream and itself.
fn each(registry: &Registry, mut show: impl FnMut([&str; 2], (&Cluster, ServerIndex, &Vitals))) {
    let mut servers = registry.labels.servers.iter();
    // A server that is written twice is shown once.
    let mut shown = HashSet::new();
    for cluster in &registry.labels.clusters {
        let Some(cluster) = cluster else { continue };
        let count = u32::try_from(cluster.len()).unwrap_or(u32::MAX);
        for (index, (upstream, server)) in (0..count).map(ServerIndex).zip(&mut servers) {
            if let Some(vitals) = cluster.vitals(index)
                && shown.insert((upstream, server))
            {
                show([upstream, server], (cluster, index, vitals));
            }
        }
    }
}

pub(super) fn up(registry: &Registry, out: &mut FamilyWriter<'_>) {
    let now = Instant::now();
    each(registry, |names, (cluster, server, _)| {
        let is_up = matches!(cluster.standing(server, now), Standing::Up | Standing::Warming);
        out.sample(&names, u64::from(is_up));
    });
}

pub(super) fn weights(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |names, (cluster, server, _)| {
        out.sample(&names, cluster.weight(server).map_or(0, u64::from));
    });
}

pub(super) fn active(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |names, (_, _, vitals)| out.sample(&names, u64::from(vitals.active())));
}

pub(super) fn latencies(registry: &Registry, out: &mut FamilyWriter<'_>) {
    let now = Instant::now();
    each(registry, |names, (cluster, _, vitals)| {
        let us = vitals.latency().us(cluster.ms(now));
        if us > 0 {
            out.sample_us(&names, us);
        }
    });
}

pub(super) fn ejections(registry: &Registry, out: &mut FamilyWriter<'_>) {
    each(registry, |[upstream, server], (_, _, vitals)| {
        for cause in Cause::ALL {
            let labels = [upstream, server, cause.label()];
            out.sample_unless_zero(&labels, vitals.ejections_total(cause));
        }
    });
}

pub(super) fn waiting(registry: &Registry, out: &mut FamilyWriter<'_>) {
    for (name, cluster) in registry.labels.upstreams.iter().zip(&registry.labels.clusters) {
        if let Some(cluster) = cluster {
            out.sample(&[name], u64::from(cluster.waiting()));
        }
    }
}
