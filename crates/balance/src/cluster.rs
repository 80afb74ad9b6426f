//! The servers of one upstream as all workers, the probes and the operator share them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::budget::{Allowance, Budget};
use crate::eject::EjectRules;
use crate::hedge::{Hedge, HedgeRules};
use crate::order::Tables;
use crate::vitals::{Admin, Standing, Vitals};
use crate::{Policy, ServerIndex};

/// How servers are chosen and looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Who gets the next request.
    pub policy: Policy,
    /// Requests on one server at once, over all workers.
    pub active_max: u32,
    /// When servers are avoided because of what requests met with.
    pub eject: EjectRules,
    /// How long a server that is new or has recovered takes to get its full share.
    pub slow_start: Duration,
    /// Below this share of usable servers, in percent, all are used again.
    pub panic_percent: u32,
    /// For bounded hashing: how much more than the average a server may have, in percent.
    pub bound_percent: u32,
    /// Servers that are used of a very large cluster; 0 for all.
    pub subset: usize,
    /// What the choice of the subset follows from, different on each machine.
    pub subset_seed: u64,
    /// Requests that may be repeated.
    pub repeats: Allowance,
    /// Repeats that run at once, over all workers.
    pub repeating_max: u32,
    /// When a second server is asked because the first one is late, if ever.
    pub hedge: Option<HedgeRules>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            active_max: u32::MAX,
            eject: EjectRules::default(),
            slow_start: Duration::ZERO,
            panic_percent: 30,
            bound_percent: 25,
            subset: 0,
            subset_seed: 0,
            repeats: Allowance { percent: 20, per_s_min: 10 },
            repeating_max: u32::MAX,
            hedge: None,
        }
    }
}

/// A server as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlan {
    /// What tells it apart and stays the same.
    pub label: String,
    /// Its share, 0 to 65535.
    pub weight: u16,
    /// Its tier: those of a higher one get what lower ones cannot take.
    pub tier: u8,
    /// Used only when no other server is usable.
    pub is_backup: bool,
    /// It stands in our own zone.
    pub is_near: bool,
}

impl MemberPlan {
    /// A server of the first tier.
    #[must_use]
    pub fn new(label: &str, weight: u16) -> Self {
        Self { label: label.to_owned(), weight, tier: 0, is_backup: false, is_near: false }
    }
}

/// One server in its cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) plan: MemberPlan,
    pub(crate) vitals: Arc<Vitals>,
}

impl Member {
    /// The weight in force.
    pub(crate) fn weight(&self) -> u16 {
        self.vitals.weight().unwrap_or(self.plan.weight)
    }
}

/// What outlives a change of the servers.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Where times in milliseconds begin.
    epoch: Instant,
    /// Changes whenever a picker must look at the servers anew.
    version: AtomicU64,
    /// Changes with the weights, which hashing depends on.
    weights_version: AtomicU64,
    active: AtomicU32,
    waiting: AtomicU32,
    repeating: AtomicU32,
    budget: Budget,
    hedge: Hedge,
    pub(crate) analysed_ms: AtomicU64,
}

/// The servers of an upstream.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) members: Vec<Member>,
    pub(crate) rules: Rules,
    pub(crate) shared: Arc<Shared>,
    tables: Mutex<(u64, Tables)>,
}

impl Cluster {
    /// The cluster of these servers. What `before` knows of the same ones stays; the others are
    /// new, and warm up if there is a slow start.
    #[must_use]
    pub fn new(plans: Vec<MemberPlan>, rules: Rules, before: Option<&Self>, now: Instant) -> Self {
        let shared = before.map_or_else(|| Arc::new(Shared::new(now)), Self::shared);
        let now_ms = shared.ms(now);
        // The first of servers that are written twice, as in every look-up by label.
        let old = before.map_or(&[][..], |before| &before.members).iter().rev();
        let known: HashMap<_, _> =
            old.map(|member| (member.plan.label.as_str(), &member.vitals)).collect();
        let member = |plan: MemberPlan| {
            let vitals = known.get(plan.label.as_str()).map_or_else(
                || {
                    let vitals = Vitals::new(&plan.label);
                    let since_ms = if before.is_some() { now_ms } else { 0 };
                    vitals.up_since_ms.store(since_ms, Relaxed);
                    Arc::new(vitals)
                },
                |known| Arc::clone(known),
            );
            Member { plan, vitals }
        };
        let members = plans.into_iter().map(member).collect();
        shared.version.fetch_add(1, Relaxed);
        Self { members, rules, shared, tables: Mutex::new((u64::MAX, Tables::default())) }
    }

    /// Says that `next` has come in the place of this cluster: whoever still chooses here avoids
    /// the servers that it does not have.
    pub fn retire(&self, next: &Self) {
        let stay: HashSet<_> =
            next.members.iter().map(|member| member.plan.label.as_str()).collect();
        for member in &self.members {
            if !stay.contains(member.plan.label.as_str()) {
                member.vitals.set_failing(true);
            }
        }
        self.touch();
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Number of servers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no server.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What is known of a server.
    #[must_use]
    pub fn vitals(&self, server: ServerIndex) -> Option<&Arc<Vitals>> {
        self.members.get(server.0 as usize).map(|member| &member.vitals)
    }

    /// The weight of a server that is in force.
    #[must_use]
    pub fn weight(&self, server: ServerIndex) -> Option<u16> {
        self.members.get(server.0 as usize).map(Member::weight)
    }

    /// The server with this stable number.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<ServerIndex> {
        let at = self.members.iter().position(|member| member.vitals.id() == id)?;
        u32::try_from(at).ok().map(ServerIndex)
    }

    /// The server with this label.
    #[must_use]
    pub fn find_label(&self, label: &str) -> Option<ServerIndex> {
        let at = self.members.iter().position(|member| member.plan.label == label)?;
        u32::try_from(at).ok().map(ServerIndex)
    }

    /// Milliseconds since the cluster began, never 0.
    #[must_use]
    pub fn ms(&self, now: Instant) -> u64 {
        self.shared.ms(now)
    }

    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Relaxed)
    }

    pub(crate) fn touch(&self) {
        self.shared.version.fetch_add(1, Relaxed);
    }

    /// Takes note of what a probe says. Returns whether that is news.
    pub fn set_probe(&self, server: ServerIndex, is_well: bool, now: Instant) -> bool {
        let Some(vitals) = self.vitals(server) else { return false };
        if !vitals.set_failing(!is_well) {
            return false;
        }
        if is_well {
            // What requests met with before is out of date.
            vitals.readmit();
            vitals.errors_in_a_row.store(0, Relaxed);
            vitals.unreached_in_a_row.store(0, Relaxed);
            vitals.up_since_ms.store(self.ms(now), Relaxed);
        }
        self.touch();
        true
    }

    /// Takes note of what the operator wants of a server.
    pub fn set_admin(&self, server: ServerIndex, admin: Admin, now: Instant) {
        let Some(vitals) = self.vitals(server) else { return };
        let was_out = vitals.admin() != Admin::Ready;
        vitals.set_admin(admin);
        if was_out && admin == Admin::Ready {
            vitals.up_since_ms.store(self.ms(now), Relaxed);
        }
        self.touch();
    }

    /// Gives a server another weight than the configured one, from the next request on; `None`
    /// gives that back.
    pub fn set_weight(&self, server: ServerIndex, weight: Option<u16>) {
        if let Some(vitals) = self.vitals(server) {
            vitals.set_weight(weight);
            self.shared.weights_version.fetch_add(1, Relaxed);
            self.touch();
        }
    }

    /// Whether a server gets requests, and why not.
    #[must_use]
    pub fn standing(&self, server: ServerIndex, now: Instant) -> Standing {
        let Some(vitals) = self.vitals(server) else { return Standing::Down };
        let now_ms = self.ms(now);
        match vitals.admin() {
            Admin::Down => return Standing::Down,
            Admin::Drain => return Standing::Draining,
            Admin::Ready => {}
        }
        if vitals.is_failing() {
            return Standing::Failing;
        }
        if let Some(until_ms) = vitals.ejected_until_ms(now_ms) {
            let left = Duration::from_millis(until_ms.saturating_sub(now_ms));
            return Standing::Ejected(vitals.cause(), left);
        }
        if self.warmth(vitals, now_ms) < WARM { Standing::Warming } else { Standing::Up }
    }

    /// How much of its weight a server gets, in parts of [`WARM`].
    pub(crate) fn warmth(&self, vitals: &Vitals, now_ms: u64) -> u32 {
        let since_ms = vitals.up_since_ms.load(Relaxed);
        let whole_ms = u64::try_from(self.rules.slow_start.as_millis()).unwrap_or(u64::MAX);
        let passed_ms = now_ms.saturating_sub(since_ms);
        if since_ms == 0 || passed_ms >= whole_ms {
            return WARM;
        }
        let warmth = u64::from(WARM) * passed_ms / whole_ms.max(1);
        u32::try_from(warmth).unwrap_or(WARM).clamp(WARM_MIN, WARM)
    }

    /// A request goes to a server that a picker chose.
    pub fn begin(&self, server: ServerIndex) {
        if let Some(vitals) = self.vitals(server) {
            vitals.begin();
            self.shared.active.fetch_add(1, Relaxed);
        }
    }

    /// A request has left a server.
    pub fn end(&self, server: ServerIndex) {
        if let Some(vitals) = self.vitals(server) {
            vitals.end();
            self.shared.active.fetch_sub(1, Relaxed);
        }
    }

    /// Requests on all servers now, over all workers.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.shared.active.load(Relaxed)
    }

    /// Requests that wait for a server, over all workers.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.shared.waiting.load(Relaxed)
    }

    /// Lets a request wait if fewer than `max` do.
    #[must_use]
    pub fn begin_wait(&self, max: u32) -> bool {
        let took = self.shared.waiting.fetch_add(1, Relaxed) < max;
        if !took {
            self.end_wait();
        }
        took
    }

    /// A request waits no longer.
    pub fn end_wait(&self) {
        self.shared.waiting.fetch_sub(1, Relaxed);
    }

    /// A client has made a request: a part of a repeat is earned.
    pub fn deposit(&self) {
        self.shared.budget.deposit(self.rules.repeats);
        if let Some(rules) = &self.rules.hedge {
            self.shared.hedge.deposit(rules);
        }
    }

    /// After how long without an answer a second server may be asked; `None` for never.
    #[must_use]
    pub fn hedge_after(&self) -> Option<Duration> {
        self.rules.hedge.as_ref().and_then(|_| self.shared.hedge.after())
    }

    /// Takes a second server for a late request out of the budget, if there is one.
    #[must_use]
    pub fn begin_hedge(&self, now: Instant) -> bool {
        let rules = self.rules.hedge.as_ref();
        rules.is_some_and(|rules| self.shared.hedge.withdraw(rules, self.ms(now)))
    }

    /// Takes note of how long an answer took, or took at least.
    pub(crate) fn note_wait(&self, took: Duration) {
        if let Some(rules) = &self.rules.hedge {
            self.shared.hedge.note(rules, took);
        }
    }

    /// Takes a repeat out of the budget, if there is one, and counts it as running.
    #[must_use]
    pub fn begin_repeat(&self, now: Instant) -> bool {
        let took = self.shared.repeating.fetch_add(1, Relaxed) < self.rules.repeating_max
            && self.shared.budget.withdraw(self.rules.repeats, self.ms(now));
        if !took {
            self.end_repeat();
        }
        took
    }

    /// A repeat has ended.
    pub fn end_repeat(&self) {
        self.shared.repeating.fetch_sub(1, Relaxed);
    }

    /// Whether a server has room for another request.
    #[must_use]
    pub fn has_room(&self, server: ServerIndex) -> bool {
        self.vitals(server).is_some_and(|vitals| vitals.active() < self.rules.active_max)
    }

    /// Whether some server that could get requests has room for one.
    #[must_use]
    pub fn has_any_room(&self, now: Instant) -> bool {
        let now_ms = self.ms(now);
        self.members.iter().any(|member| {
            let vitals = &member.vitals;
            vitals.active() < self.rules.active_max
                && vitals.admin() == Admin::Ready
                && member.weight() > 0
                && !vitals.is_failing()
                && vitals.ejected_until_ms(now_ms).is_none()
        })
    }

    /// What hashing orders look keys up in: made once for all workers.
    pub(crate) fn tables(&self, make: impl FnOnce() -> Tables) -> Tables {
        let version = self.shared.weights_version.load(Relaxed);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.0 != version {
            *tables = (version, make());
        }
        tables.1.clone()
    }
}

/// The whole weight of a server.
pub(crate) const WARM: u32 = 64;

/// What a cold server gets of its weight, in parts of [`WARM`]: a tenth.
const WARM_MIN: u32 = 6;

impl Shared {
    fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            version: AtomicU64::new(0),
            weights_version: AtomicU64::new(0),
            active: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            repeating: AtomicU32::new(0),
            budget: Budget::default(),
            hedge: Hedge::default(),
            analysed_ms: AtomicU64::new(0),
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).saturating_add(1)
    }
}
