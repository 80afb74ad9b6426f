//! What the cache notes of its own doings, for operators: nothing is decided here.
//!
//! The outcome of a request is marked on its exchange and counted when that is recorded; the rest
//! is counted where it happens.

use std::rc::Rc;
use std::time::Instant;

use cache::status::Forward;
use cache::top::sketch::Seen;

use super::errand::Errand;
use super::{Asked, CachePlan};
use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::fault::Fault;
use crate::io::clock;
use crate::record::metrics::NO_ROUTE;
use crate::record::{CacheOutcome, Cached, Refreshed};
use crate::snapshot::SnapshotRef;
use crate::worker::Worker;

/// Marks what became of a request; the last mark counts.
pub(super) fn mark(exchange: &Exchange, cache: &CachePlan, outcome: CacheOutcome) {
    exchange.cached.set(Some(Cached { outcome, store: cache.shelf_index }));
}

/// A request goes on to the origin.
pub(super) fn forward(exchange: &Exchange, cache: &CachePlan, forward: Forward) {
    exchange.metrics().cache_forward(route(exchange), forward);
    let is_past = matches!(forward, Forward::Bypass | Forward::Method);
    mark(exchange, cache, if is_past { CacheOutcome::Bypass } else { CacheOutcome::Miss });
}

/// Runs an errand, and notes what comes of it.
pub(super) async fn watch(
    mut errand: Errand<'_>,
    exchange: &mut Exchange,
) -> Result<Response, Fault> {
    let answered = errand.run(exchange).await;
    if answered.is_err() {
        mark(exchange, errand.cache, CacheOutcome::Failed);
    }
    note(errand.worker, exchange, (errand.cache, &errand.asked), answered.as_ref().ok());
    answered
}

/// Counts a request for its key.
pub(super) fn note(
    worker: &Worker,
    exchange: &Exchange,
    (cache, asked): (&CachePlan, &Asked),
    response: Option<&Response>,
) {
    let is_hit = exchange.cached.get().is_some_and(|cached| cached.outcome.is_hit());
    let content = response.filter(|response| !matches!(response.body, Body::Empty));
    let bytes = content.and_then(|response| response.declared_length).unwrap_or(0);
    cache.shelf.top.note(worker.index(), &asked.key, Seen { is_hit, bytes });
}

/// A response was put into the store.
pub(super) fn stored(exchange: &Exchange) {
    exchange.metrics().cache_stored(route(exchange));
}

/// A response is not kept.
pub(super) fn not_kept(exchange: &Exchange, reason: &str) {
    exchange.metrics().cache_not_kept(route(exchange), reason);
}

/// A validation beside an answer is over.
pub(super) fn refreshed(exchange: &Exchange, outcome: &Result<Response, Fault>) {
    let marked = exchange.cached.get().map(|cached| cached.outcome);
    let refreshed = match (outcome, marked) {
        (Ok(_), Some(CacheOutcome::Revalidated)) => Refreshed::Validated,
        // What is stored stood in for an error.
        (Ok(_), Some(CacheOutcome::Stale)) | (Err(_), _) => Refreshed::Failed,
        (Ok(_), _) => Refreshed::Fetched,
    };
    exchange.metrics().cache_refreshed(route(exchange), refreshed);
}

/// Measures how long content takes to come into the store.
pub(super) struct FillClock {
    snapshot: SnapshotRef,
    route: u32,
    /// When the origin was asked; nothing once it is counted.
    since: Option<Instant>,
}

impl FillClock {
    /// Of what an exchange has fetched.
    pub(super) fn of(exchange: &Exchange) -> Self {
        let since = Some(exchange.trace.sent_on.unwrap_or_else(clock::now));
        Self { snapshot: Rc::clone(&exchange.snapshot), route: route(exchange), since }
    }

    /// All of it is there.
    pub(super) fn filled(&mut self) {
        if let Some(since) = self.since.take() {
            self.snapshot.metrics().cache_filled(self.route, since.elapsed());
        }
    }

    /// It is not kept after all. Only the first reason counts.
    pub(super) fn stop(&mut self, reason: &str) {
        if self.since.take().is_some() {
            self.snapshot.metrics().cache_not_kept(self.route, reason);
        }
    }
}

fn route(exchange: &Exchange) -> u32 {
    exchange.route.map_or(NO_ROUTE, |route| route.0)
}
