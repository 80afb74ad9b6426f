//! Which servers are used now, and by how much: tiers, zones, panic, slow start, subset.

use std::time::Instant;

use crate::cluster::{Cluster, Member, WARM};
use crate::hash;
use crate::order::Share;
use crate::vitals::Admin;

/// A tier or zone with this part of its servers usable, in percent, takes all that is meant for
/// it: a few lost servers make nobody spill.
const ENOUGH_PERCENT: u64 = 140;

/// The whole of what is shared out.
pub(crate) const WHOLE: u64 = 1 << 32;

/// How long a view of a warming server stays right.
const WARMING_STEPS: u64 = 64;

/// The shortest time for which a view stays right, in milliseconds.
const VIEW_MS_MIN: u64 = 50;

/// Servers that are chosen among, and how many of the requests are theirs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// What goes to this pool or one before it, of [`WHOLE`].
    pub(crate) until: u64,
    pub(crate) shares: Vec<Share>,
}

/// The servers in use at a time.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) pools: Vec<Pool>,
    /// When it must be made anew, though nothing happens; `u64::MAX` for never.
    pub(crate) next_change_ms: u64,
    /// So few servers are usable that all are used.
    pub(crate) panics: bool,
}

impl View {
    /// Looks at all servers. Lets those back whose time is over.
    pub(crate) fn of(cluster: &Cluster, now: Instant) -> Self {
        let now_ms = cluster.ms(now);
        settle(cluster, now_ms);
        let next_change_ms = next_change_ms(cluster, now_ms);
        let front: Vec<Tier> = tiers(cluster, now_ms, false);
        let is_dead = |tiers: &[Tier]| tiers.iter().all(|tier| tier.usable.is_empty());
        let back = if is_dead(&front) { tiers(cluster, now_ms, true) } else { Vec::new() };
        let chosen = if is_dead(&back) { front } else { back };
        let (pools, panics) = pools(cluster, chosen, now_ms);
        Self { pools, next_change_ms, panics }
    }
}

fn settle(cluster: &Cluster, now_ms: u64) {
    use std::sync::atomic::Ordering::Relaxed;
    for member in &cluster.members {
        let vitals = &member.vitals;
        let is_over = vitals.was_ejected() && vitals.ejected_until_ms(now_ms).is_none();
        if is_over && vitals.readmit() {
            vitals.up_since_ms.store(now_ms, Relaxed);
        }
    }
}

fn next_change_ms(cluster: &Cluster, now_ms: u64) -> u64 {
    let slow_ms = u64::try_from(cluster.rules.slow_start.as_millis()).unwrap_or(u64::MAX);
    let step_ms = now_ms.saturating_add((slow_ms / WARMING_STEPS).max(VIEW_MS_MIN));
    let next = |member: &Member| {
        let vitals = &member.vitals;
        let warms = cluster.warmth(vitals, now_ms) < WARM;
        vitals.ejected_until_ms(now_ms).or_else(|| warms.then_some(step_ms))
    };
    cluster.members.iter().filter_map(next).min().unwrap_or(u64::MAX)
}

/// The servers of a tier that may be used at all, and those of them that are well.
struct Tier {
    number: u8,
    all: Vec<u32>,
    usable: Vec<u32>,
}

fn tiers(cluster: &Cluster, now_ms: u64, backups: bool) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for (server, member) in (0..).zip(&cluster.members) {
        let vitals = &member.vitals;
        let is_out = vitals.admin() != Admin::Ready || member.weight() == 0;
        if is_out || member.plan.is_backup != backups {
            continue;
        }
        let number = member.plan.tier;
        let at = tiers.iter().position(|tier| tier.number == number).unwrap_or_else(|| {
            tiers.push(Tier { number, all: Vec::new(), usable: Vec::new() });
            tiers.len() - 1
        });
        let Some(tier) = tiers.get_mut(at) else { continue };
        tier.all.push(server);
        if !vitals.is_failing() && vitals.ejected_until_ms(now_ms).is_none() {
            tier.usable.push(server);
        }
    }
    tiers.sort_unstable_by_key(|tier| tier.number);
    tiers
}

/// How much of what is asked of it a group can take, of [`WHOLE`].
fn capacity(usable: usize, all: usize) -> u64 {
    let percent = (usable as u64 * ENOUGH_PERCENT / (all as u64).max(1)).min(100);
    WHOLE * percent / 100
}

fn pools(cluster: &Cluster, tiers: Vec<Tier>, now_ms: u64) -> (Vec<Pool>, bool) {
    let loads: Vec<u64> =
        tiers.iter().map(|tier| capacity(tier.usable.len(), tier.all.len())).collect();
    let total = loads.iter().sum::<u64>();
    let mut panics = false;
    let mut parts: Vec<(u64, Vec<u32>)> = Vec::new();
    let mut left = WHOLE;
    for (tier, load) in tiers.into_iter().zip(loads) {
        // Where all together cannot take it, each takes its part of the whole.
        let load = if total >= WHOLE { load } else { portion(load, total) };
        let percent = (tier.usable.len() * 100 / tier.all.len().max(1)) as u32;
        let is_panic = total < WHOLE && percent < cluster.rules.panic_percent || total == 0;
        let load = if total == 0 && parts.is_empty() { WHOLE } else { load.min(left) };
        left -= load;
        if load > 0 {
            panics |= is_panic;
            parts.push((load, if is_panic { tier.all } else { tier.usable }));
        }
    }
    if let Some((load, _)) = parts.first_mut() {
        *load += left;
    }
    let mut until = 0;
    let mut pools = Vec::new();
    for (load, servers) in parts {
        for (load, servers) in by_zone(cluster, load, subset(cluster, servers)) {
            until += load;
            let shares = servers.into_iter().map(|server| share(cluster, server, now_ms));
            pools.push(Pool { until, shares: shares.collect() });
        }
    }
    (pools, panics)
}

/// `load` of `total`, as a part of [`WHOLE`].
fn portion(load: u64, total: u64) -> u64 {
    let part = u128::from(load) * u128::from(WHOLE) / u128::from(total.max(1));
    u64::try_from(part).unwrap_or(WHOLE)
}

/// Those of our own zone take what they can, the others the rest.
fn by_zone(cluster: &Cluster, load: u64, servers: Vec<u32>) -> Vec<(u64, Vec<u32>)> {
    let is_near = |server: &u32| {
        cluster.members.get(*server as usize).is_some_and(|member| member.plan.is_near)
    };
    let (near, far): (Vec<u32>, Vec<u32>) = servers.into_iter().partition(is_near);
    if near.is_empty() || far.is_empty() {
        return vec![(load, if near.is_empty() { far } else { near })];
    }
    let all_near = cluster.members.iter().filter(|member| member.plan.is_near).count();
    let kept = capacity(near.len(), all_near);
    let near_load = u64::try_from(u128::from(load) * u128::from(kept) / u128::from(WHOLE));
    let near_load = near_load.unwrap_or(load).min(load);
    let parts = [(near_load, near), (load - near_load, far)];
    parts.into_iter().filter(|(load, _)| *load > 0).collect()
}

/// A few of very many, others on each machine, so that each needs few connections; when some
/// fail, others take their place.
fn subset(cluster: &Cluster, mut servers: Vec<u32>) -> Vec<u32> {
    let size = cluster.rules.subset;
    if size == 0 || servers.len() <= size {
        return servers;
    }
    let seed = cluster.rules.subset_seed;
    let rank = |server: &u32| {
        let member = cluster.members.get(*server as usize);
        member.map_or(u64::MAX, |member| hash::pair(seed, member.vitals.id()))
    };
    servers.select_nth_unstable_by_key(size, rank);
    servers.truncate(size);
    servers.sort_unstable();
    servers
}

fn share(cluster: &Cluster, server: u32, now_ms: u64) -> Share {
    let weight = cluster
        .members
        .get(server as usize)
        .map_or(1, |member| u32::from(member.weight()) * cluster.warmth(&member.vitals, now_ms));
    Share { server, weight: weight.max(1) }
}
