//! How a route uses the cache, compiled.

use std::sync::Arc;
use std::time::Duration;

use cache::search_rules::SearchRules;
use cache::storable::Policy;
use cache::store::{Store, StoreLimits};
use ipnet::IpNet;

use super::flight::Flights;
use super::key::KeyPlan;
use crate::exchange::Exchange;
use crate::route::{Predicate, Query};
use crate::tls::Facts;

/// A store, and what is on its way into it. All workers share it, and it outlives a reload that
/// leaves it as it is.
#[derive(Debug)]
pub struct Shelf {
    /// Its name; empty for the one without.
    pub name: String,
    /// What is kept.
    pub store: Store,
    /// What is being fetched.
    pub(super) flights: Arc<Flights>,
    /// Which URLs have one response, by what responses say.
    pub(super) search: SearchRules,
}

impl Shelf {
    /// The shelf that a configuration asks for; the one of before, if it is the same.
    #[must_use]
    pub fn compile(config: &config::CacheStore, before: &[Arc<Self>]) -> Arc<Self> {
        let limits = StoreLimits {
            memory_bytes_max: usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX),
            object_bytes_max: config.object_bytes_max,
        };
        let search_bytes_max =
            usize::try_from(config.no_vary_search_bytes_max).unwrap_or(usize::MAX);
        let same = |shelf: &&Arc<Self>| {
            shelf.name == config.name
                && shelf.store.limits() == limits
                && shelf.search.bytes_max() == search_bytes_max
        };
        before.iter().find(same).cloned().unwrap_or_else(|| {
            Arc::new(Self {
                name: config.name.clone(),
                store: Store::new(limits),
                flights: Arc::default(),
                search: SearchRules::new(search_bytes_max),
            })
        })
    }
}

/// How a route uses the cache.
#[derive(Debug)]
pub struct CachePlan {
    pub(super) shelf: Arc<Shelf>,
    pub(super) policy: Policy,
    /// `Cache-Status` is sent.
    pub(super) tells: bool,
    /// It tells the key.
    pub(super) shows_key: bool,
    /// Directives of requests count.
    pub(super) honors_requests: bool,
    pub(super) key: KeyPlan,
    /// Bytes of a POST's body by which its response is known.
    pub(super) post_body_bytes_max: Option<u64>,
    bypass: Box<[Box<[Predicate]>]>,
    pub(super) purge_from: Vec<IpNet>,
}

impl CachePlan {
    /// Compiles the cache of a route. `shelves` has all stores of the configuration.
    #[must_use]
    pub fn compile(route: &config::Route, shelves: &[Arc<Shelf>]) -> Option<Self> {
        let plan = route.cache.as_ref()?;
        let seconds = |time: Option<Duration>| {
            time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
        };
        let one = |conditions: &Vec<_>| conditions.iter().map(Predicate::from).collect();
        Some(Self {
            shelf: Arc::clone(shelves.iter().find(|shelf| shelf.name == plan.store)?),
            policy: Policy {
                ttl_s: seconds(plan.ttl),
                override_ttl_s: seconds(plan.override_ttl),
                error_ttl_s: seconds(plan.error_ttl),
                stale_while_revalidate_s: seconds(plan.stale_while_revalidate),
                stale_if_error_s: seconds(plan.stale_if_error),
                ..Policy::default()
            },
            tells: plan.status,
            shows_key: plan.shows_key,
            honors_requests: plan.client_directives,
            key: KeyPlan::compile(route, &plan.key),
            post_body_bytes_max: plan.post_body_bytes_max,
            bypass: plan.bypass.iter().map(one).collect(),
            purge_from: plan.purge_from.clone(),
        })
    }

    /// What is wanted of the response to one request.
    pub(super) fn policy_for(&self, exchange: &Exchange, is_post_keyed: bool) -> Policy {
        let shows = |facts: &Facts| facts.identity.is_some() && facts.client_cert.is_some();
        let shows_identity = exchange.tls.as_deref().is_some_and(shows);
        Policy { is_post_keyed, shows_identity, ..self.policy }
    }

    /// Whether a request goes past the cache.
    pub(super) fn bypasses(&self, exchange: &Exchange) -> bool {
        let client = exchange.client.address;
        let query = Query { head: &exchange.request, path: exchange.path(), client };
        self.bypass.iter().any(|all| all.iter().all(|condition| condition.holds(&query)))
    }
}
