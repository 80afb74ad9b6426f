//! The servers of every upstream while Weir runs: those that are written, found and added.
//!
//! Whatever changes them ends in [`Roster::apply`], on the control thread: the next snapshot, with
//! other servers and everything else as it is, goes to the workers, the health checks and the
//! resolver.

mod lists;
mod words;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use balance::ServerIndex;
use config::Server;
use control::{Outcome, ProbePlan, Prober, Source, Watch, Watched};
use proxy::engine::Adopter;
use proxy::snapshot::{ServerTarget, Snapshot, UpstreamPlan};
use tokio::sync::Notify;

use crate::live::{Live, Now};
pub(crate) use lists::Lists;
use words::Words;

/// Changes that come closer together than this become one snapshot.
const PAUSE: Duration = Duration::from_millis(100);

/// Keeps the servers of every upstream.
pub(crate) struct Roster {
    live: Arc<Live>,
    parts: Mutex<Parts>,
    changed: Notify,
}

/// Everything that a change goes to.
struct Parts {
    lists: Lists,
    words: Words,
    /// Upstreams whose servers have changed since the last snapshot.
    dirty: BTreeSet<usize>,
    followers: Option<(Prober, Watch)>,
    adopter: Option<Adopter>,
}

impl Roster {
    pub(crate) fn new(lists: Lists, live: Arc<Live>) -> Self {
        let parts = Parts {
            lists,
            words: Words::default(),
            dirty: BTreeSet::new(),
            followers: None,
            adopter: None,
        };
        Self { live, parts: Mutex::new(parts), changed: Notify::new() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, health checks and names follow the servers.
    pub(crate) fn follow_with(&self, mut prober: Prober, mut names: Watch) {
        let snapshot = self.live.snapshot();
        prober.follow(ProbePlan::all(&snapshot));
        names.follow(watched(&snapshot));
        self.parts().followers = Some((prober, names));
    }

    /// From now on, workers take the snapshots, the one in force first.
    pub(crate) fn adopt_with(&self, adopter: Adopter) {
        let mut parts = self.parts();
        let Now { snapshot, metrics } = self.live.now();
        adopter.adopt(&snapshot, &metrics);
        parts.adopter = Some(adopter);
    }

    /// Applies changes for as long as the process runs.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.changed.notified().await;
            self.apply();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether every source that nothing was known of has said something, and that is applied.
    pub(crate) fn is_settled(&self) -> bool {
        let parts = self.parts();
        parts.dirty.is_empty() && parts.lists.is_settled()
    }

    /// A source of servers has news.
    pub(crate) fn note_source(&self, source: &Source, news: Result<&[Server], &str>) {
        let now = self.live.now();
        let Some(upstream) = now.snapshot.upstreams.get(source.upstream) else { return };
        now.metrics.discovery(&upstream.name, source.kind(), news.is_ok());
        if let Err(reason) = news {
            let (name, label) = (&upstream.name, source.label());
            eprintln!("weir: upstream {name:?}: cannot find servers by {label}: {reason}");
        }
        let mut parts = self.parts();
        if parts.lists.found((source.upstream, source.number), news.ok()) {
            parts.dirty.insert(source.upstream);
            self.changed.notify_one();
        }
    }

    /// A DNS name has news.
    pub(crate) fn note_name(&self, watched: &Watched, outcome: &Outcome<'_>) {
        let Now { snapshot, metrics } = self.live.now();
        let is_it = |host: &str, port| host == watched.host && port == watched.port;
        for name in snapshot.names().filter(|name| is_it(&name.host, name.port)) {
            match outcome {
                Outcome::Changed(addresses) => name.resolved(addresses.to_vec()),
                Outcome::Failed(_) => name.unresolved(),
            }
        }
        if let Outcome::Failed(reason) = outcome {
            eprintln!("weir: cannot resolve {}: {reason}", watched.host);
        }
        let mut parts = self.parts();
        for (index, upstream) in snapshot.upstreams.iter().enumerate() {
            if upstream.names.iter().any(|name| is_it(&name.host, name.port)) {
                let changed = matches!(outcome, Outcome::Changed(_));
                metrics.discovery(&upstream.name, "dns", changed);
                if changed {
                    parts.dirty.insert(index);
                }
            }
        }
        if !parts.dirty.is_empty() {
            self.changed.notify_one();
        }
    }

    /// The operator adds a server to an upstream.
    pub(crate) fn add(&self, upstream: usize, server: Server) -> Result<(), String> {
        let mut parts = self.parts();
        let max = self.live.snapshot().upstreams.get(upstream).map_or(0, |plan| plan.servers_max);
        parts.lists.add(upstream, server, max)?;
        parts.dirty.insert(upstream);
        drop(parts);
        self.apply();
        Ok(())
    }

    /// The operator takes a server away that was added. `false` where it was not.
    pub(crate) fn remove(&self, upstream: usize, label: &str) -> bool {
        let mut parts = self.parts();
        let removed = parts.lists.remove(upstream, label);
        if removed {
            parts.dirty.insert(upstream);
            drop(parts);
            self.apply();
        }
        removed
    }

    /// The operator says what becomes of a server. That is remembered for as long as the process
    /// runs, also while the server is away.
    pub(crate) fn say(&self, plan: &UpstreamPlan, index: ServerIndex, label: &str) {
        self.parts().words.hear(plan, index, label);
    }

    /// Puts the servers that there are now in force. To be called on the control thread, so that
    /// nobody there meets numbers of two snapshots.
    fn apply(&self) {
        let mut parts = self.parts();
        let dirty = std::mem::take(&mut parts.dirty);
        if dirty.is_empty() {
            return;
        }
        let before = self.live.now();
        let changes = dirty.iter().map(|index| (*index, parts.lists.servers(*index))).collect();
        let snapshot = Arc::new(before.snapshot.with_servers(changes));
        let shape = snapshot.shape(before.metrics.workers());
        let now = Now { metrics: before.metrics.with_servers(shape), snapshot };
        for index in dirty {
            let plans = (before.snapshot.upstreams.get(index), now.snapshot.upstreams.get(index));
            if let (Some(old), Some(new)) = plans {
                parts.words.repeat(new);
                old.cluster.retire(&new.cluster);
                tell(old, new);
            }
        }
        self.live.set(now.clone());
        if let Some((prober, names)) = &mut parts.followers {
            prober.follow(ProbePlan::all(&now.snapshot));
            names.follow(watched(&now.snapshot));
        }
        if let Some(adopter) = &parts.adopter {
            adopter.adopt(&now.snapshot, &now.metrics);
        }
    }
}

fn watched(snapshot: &Snapshot) -> Vec<Watched> {
    let names = snapshot.names();
    names.map(|name| Watched { host: name.host.clone(), port: name.port }).collect()
}

/// Says which servers an upstream has lost and won.
fn tell(old: &UpstreamPlan, new: &UpstreamPlan) {
    let labels = |plan: &UpstreamPlan| -> BTreeSet<Arc<str>> {
        // A name without an address is no server to speak of.
        let targets = plan.servers.iter().map(|server| &server.target);
        let known = targets.filter(|target| !matches!(target, ServerTarget::Name(_)));
        known.map(|target| Arc::clone(target.label())).collect()
    };
    let (was, is) = (labels(old), labels(new));
    let (name, count) = (&new.name, new.servers.len());
    let list = |servers: Vec<&Arc<str>>| {
        let shown: Vec<_> = servers.iter().take(SHOWN_MAX).map(|label| &***label).collect();
        let more = servers.len().saturating_sub(SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", shown.join(", "))
    };
    let (gone, come) =
        (was.difference(&is).collect::<Vec<_>>(), is.difference(&was).collect::<Vec<_>>());
    if !gone.is_empty() {
        eprintln!("weir: upstream {name:?}: {count} servers; gone: {}", list(gone));
    }
    if !come.is_empty() {
        eprintln!("weir: upstream {name:?}: {count} servers; new: {}", list(come));
    }
    if new.left_out > old.left_out {
        let (left_out, max) = (new.left_out, new.servers_max);
        eprintln!(
            "weir: upstream {name:?}: {left_out} servers are left out, as `servers-max` is {max}"
        );
    }
}

/// Servers that a log line names at the most.
const SHOWN_MAX: usize = 8;
