//! How a route uses the cache, compiled.

use std::sync::Arc;
use std::time::Duration;

use cache::key::{self, QueryRule};
use cache::steering;
use cache::storable::Policy;
use cache::store::{Store, StoreLimits};
use ipnet::IpNet;

use super::flight::Flights;
use crate::exchange::Exchange;
use crate::parts;
use crate::route::{Predicate, Query};

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
}

impl Shelf {
    /// The shelf that a configuration asks for; the one of before, if it is the same.
    #[must_use]
    pub fn compile(config: &config::CacheStore, before: &[Arc<Self>]) -> Arc<Self> {
        let limits = StoreLimits {
            memory_bytes_max: usize::try_from(config.memory_bytes_max).unwrap_or(usize::MAX),
            object_bytes_max: config.object_bytes_max,
        };
        let same = |shelf: &&Arc<Self>| shelf.name == config.name && shelf.store.limits() == limits;
        before.iter().find(same).cloned().unwrap_or_else(|| {
            Arc::new(Self {
                name: config.name.clone(),
                store: Store::new(limits),
                flights: Arc::default(),
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
    query: QueryRule,
    /// What tells the responses of this route from those of others for the same URI.
    route: Vec<u8>,
    headers: Vec<String>,
    cookies: Vec<String>,
    bypass: Box<[Box<[Predicate]>]>,
    pub(super) purge_from: Vec<IpNet>,
}

/// What ends the URI in a key.
pub(super) const URI_END: u8 = b'\n';

impl CachePlan {
    /// Compiles the cache of a route. `shelves` has all stores of the configuration.
    #[must_use]
    pub fn compile(route: &config::Route, shelves: &[Arc<Shelf>]) -> Option<Self> {
        let plan = route.cache.as_ref()?;
        let seconds = |time: Option<Duration>| {
            time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
        };
        let one = |conditions: &Vec<_>| conditions.iter().map(Predicate::from).collect();
        let told_apart = format!("{:?}", route.predicates).into_bytes();
        Some(Self {
            shelf: Arc::clone(shelves.iter().find(|shelf| shelf.name == plan.store)?),
            policy: Policy {
                ttl_s: seconds(plan.ttl),
                override_ttl_s: seconds(plan.override_ttl),
                error_ttl_s: seconds(plan.error_ttl),
                stale_while_revalidate_s: seconds(plan.stale_while_revalidate),
                stale_if_error_s: seconds(plan.stale_if_error),
            },
            tells: plan.status,
            shows_key: plan.shows_key,
            honors_requests: plan.client_directives,
            query: QueryRule {
                sort: plan.key.sort_query,
                allow: plan.key.query_allow.clone(),
                deny: plan.key.query_deny.clone(),
            },
            route: if route.predicates.is_empty() { Vec::new() } else { told_apart },
            headers: plan.key.headers.clone(),
            cookies: plan.key.cookies.clone(),
            bypass: plan.bypass.iter().map(one).collect(),
            purge_from: plan.purge_from.clone(),
        })
    }

    /// Whether a request goes past the cache.
    pub(super) fn bypasses(&self, exchange: &Exchange) -> bool {
        let client = exchange.client.address;
        let query = Query { head: &exchange.request, path: exchange.path(), client };
        self.bypass.iter().any(|all| all.iter().all(|condition| condition.holds(&query)))
    }

    /// The fields of a request that may have made it another one for the origin. A trusted proxy
    /// writes them itself, and what is part of the key is told apart.
    pub(super) fn steering<'a>(&'a self, exchange: &'a Exchange) -> impl Iterator<Item = &'a [u8]> {
        let is_key = |name: &[u8]| {
            self.headers.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()))
        };
        let is_trusted = exchange.client.trusted;
        let all = steering::steering(&exchange.request.headers);
        all.filter(move |name| !is_trusted && !is_key(name))
    }

    /// The URI of a request as it is known here.
    pub(super) fn write_uri(&self, exchange: &Exchange, out: &mut Vec<u8>) {
        let (scheme, authority) = (exchange.client.scheme, &exchange.request.authority);
        let target = exchange.target_received();
        if self.query.is_plain() {
            return key::write(scheme, authority, target, out);
        }
        let mut counted = Vec::with_capacity(target.len());
        self.query.apply(target, &mut counted);
        key::write(scheme, authority, &counted, out);
    }

    /// Writes what belongs to the key behind the URI, if anything does.
    pub(super) fn write_rest(&self, exchange: &Exchange, out: &mut Vec<u8>) {
        if self.route.is_empty() && self.headers.is_empty() && self.cookies.is_empty() {
            return;
        }
        out.push(URI_END);
        out.extend_from_slice(&self.route);
        for name in &self.headers {
            out.push(URI_END);
            for value in exchange.request.headers.values_named(name.as_bytes()) {
                out.extend_from_slice(value);
                out.push(b',');
            }
        }
        for name in &self.cookies {
            out.push(URI_END);
            let value = parts::cookie(&exchange.request.headers, name.as_bytes());
            out.extend_from_slice(value.unwrap_or_default());
        }
    }
}
