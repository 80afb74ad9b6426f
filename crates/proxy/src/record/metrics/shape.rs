//! The label sets: what a configuration names, by index, and the fixed lists of reason codes.

use std::sync::Arc;

use balance::Cluster;
use hashbrown::HashMap;

use crate::caching::Shelf;

/// The route index of an exchange that matched no route or was refused before routing.
pub const NO_ROUTE: u32 = u32::MAX;

/// The label value under which [`NO_ROUTE`] is shown.
pub const NO_ROUTE_LABEL: &str = "none";

/// Everything that decides how many cells there are.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Worker threads.
    pub workers: usize,
    /// The label of each route, by route index. Equal labels share one set of cells.
    pub routes: Vec<String>,
    /// The upstreams, by upstream index.
    pub upstreams: Vec<UpstreamNames>,
    /// The stores of the cache, read when the metrics are.
    pub shelves: Vec<Arc<Shelf>>,
    /// The fixed lists of codes.
    pub words: Words,
}

/// An upstream and its servers as the configuration names them.
#[derive(Clone, Debug, Default)]
pub struct UpstreamNames {
    /// The upstream's name.
    pub name: String,
    /// The servers by server index: addresses, and names that have none yet.
    pub servers: Vec<String>,
    /// What balancing knows of them, read when the metrics are.
    pub cluster: Option<Arc<Cluster>>,
    /// Servers that were found and are too many.
    pub left_out: usize,
}

/// The code lists that label refusals, faults, limits and timeouts. A code that is not in its
/// list counts as `other`, so that a list can be short but never a label set unbounded.
#[derive(Clone, Debug)]
pub struct Words {
    /// Reason codes of refused messages.
    pub refusals: Vec<&'static str>,
    /// Kinds of fault (RFC 9209 §2.3).
    pub faults: Vec<&'static str>,
    /// Limits by their name in the configuration.
    pub limits: Vec<&'static str>,
    /// Timeouts by their name in the configuration.
    pub timeouts: Vec<&'static str>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            refusals: Vec::new(),
            faults: Vec::new(),
            limits: LIMITS.to_vec(),
            timeouts: TIMEOUTS.to_vec(),
        }
    }
}

/// The limits of the configuration language, and the one that the system sets.
pub const LIMITS: [&str; 20] = [
    "header-bytes-max",
    "headers-max",
    "uri-bytes-max",
    "body-bytes-max",
    "connections-max",
    "connections-per-client-max",
    "memory-max",
    "tls-handshakes-per-client",
    "tls-hello-bytes-max",
    "udp-flows-max",
    "abuse-budget",
    "queue",
    "circuit-breaker",
    "retry-budget",
    "hedge-budget",
    "cache-refreshes",
    "cache-stalled-readers",
    "cache-post-body",
    "no-vary-search-bytes-max",
    "descriptors",
];

/// The timeouts of the configuration language.
pub const TIMEOUTS: [&str; 13] = [
    "request-header",
    "tls-handshake",
    "client-idle",
    "body-idle",
    "connect",
    "first-byte",
    "total",
    "queue-timeout",
    "idle",
    "shutdown",
    "tunnel-idle",
    "tcp-idle",
    "udp-idle",
];

/// A server by the index of its upstream and its own index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerAt {
    /// Index into [`Shape::upstreams`].
    pub upstream: u32,
    /// Index into [`UpstreamNames::servers`].
    pub server: u32,
}

/// The labels of a shape, laid flat. The last route is [`NO_ROUTE`].
pub(super) struct Labels {
    pub(super) routes: Vec<String>,
    pub(super) upstreams: Vec<String>,
    /// Upstream name and server name, all servers of all upstreams in order.
    pub(super) servers: Vec<(String, String)>,
    pub(super) clusters: Vec<Option<Arc<Cluster>>>,
    pub(super) left_out: Vec<usize>,
    pub(super) shelves: Vec<Arc<Shelf>>,
    /// Where the servers of each upstream begin; one more entry than there are upstreams.
    starts: Vec<usize>,
}

impl Labels {
    pub(super) fn new(mut routes: Vec<String>, upstreams: Vec<UpstreamNames>) -> Self {
        routes.push(NO_ROUTE_LABEL.to_owned());
        let mut labels = Self {
            routes,
            upstreams: Vec::new(),
            servers: Vec::new(),
            clusters: Vec::new(),
            left_out: Vec::new(),
            shelves: Vec::new(),
            starts: vec![0],
        };
        for upstream in upstreams {
            let named = upstream.servers.into_iter().map(|server| (upstream.name.clone(), server));
            labels.servers.extend(named);
            labels.starts.push(labels.servers.len());
            labels.upstreams.push(upstream.name);
            labels.clusters.push(upstream.cluster);
            labels.left_out.push(upstream.left_out);
        }
        labels
    }

    pub(super) fn server_index(&self, at: ServerAt) -> Option<usize> {
        let start = *self.starts.get(at.upstream as usize)?;
        let end = *self.starts.get(at.upstream as usize + 1)?;
        let index = start + at.server as usize;
        (index < end).then_some(index)
    }
}

/// The first index of every distinct label, in order.
pub(super) fn distinct<K: std::hash::Hash + Eq>(labels: &[K]) -> Vec<usize> {
    let firsts = firsts(labels);
    let first = |(at, label)| firsts.get(label) == Some(&at);
    labels.iter().enumerate().filter(|pair| first(*pair)).map(|(at, _)| at).collect()
}

/// Where each label first occurs.
pub(super) fn firsts<K: std::hash::Hash + Eq>(
    labels: &[K],
) -> HashMap<&K, usize, foldhash::fast::RandomState> {
    let mut firsts = HashMap::default();
    for (at, label) in labels.iter().enumerate() {
        firsts.entry(label).or_insert(at);
    }
    firsts
}
