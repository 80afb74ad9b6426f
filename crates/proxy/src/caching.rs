//! The cache on the way of a request: look-up, one fetch for many, what is kept of the answer.
//!
//! The rules are those of the crate `cache`; here they meet exchanges and upstreams. A hit is
//! answered at once ([`look`]); everything else takes the longer way ([`Errand`]).

mod errand;
mod fill;
mod flight;
mod keep;
mod parts;
mod plan;
mod purge;
mod refresh;
mod respond;

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use cache::date::Seconds;
use cache::directives::RequestDirectives;
use cache::invalidate;
use cache::reuse::{Reuse, reuse};
use cache::status::{Forward, Handled};
use cache::store::Found;
use cache::store::stored::Stored;
use cache::validate;
use http1::{Known, Method};

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::io::clock;
use crate::record::Counter;
use crate::recycle::Recycled;
use crate::snapshot::ProxyPlan;
use crate::upstream;
use crate::worker::Worker;

pub use plan::{CachePlan, Shelf};
pub use purge::purge;

use errand::Errand;

/// A request as the cache sees it.
struct Asked {
    /// What it is known by.
    key: Recycled<Vec<u8>>,
    /// How much of the key is the URI.
    uri_length: usize,
    directives: RequestDirectives,
    now: Seconds,
    /// The last purge before it was asked.
    purge: u64,
}

/// What is to be done where the answer is not there.
struct Missing {
    forward: Forward,
    /// What is stored, and has to be validated or completed.
    stored: Option<Arc<Stored>>,
    /// What tells this request from others for the same URI.
    fingerprint: Vec<u8>,
}

/// Answers an exchange from the cache, or by way of it.
///
/// # Errors
/// Those of [`upstream::fetch`], and 504 where nothing may be fetched.
pub async fn answer(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    cache: &CachePlan,
) -> Result<Response, Fault> {
    if is_purge(exchange.request.method) && !cache.purge_from.is_empty() {
        return purge::by_method(worker, exchange, cache);
    }
    if let Some(forward) = passes_by(exchange, cache) {
        return Box::pin(pass(worker, exchange, (plan, cache), forward)).await;
    }
    let asked = Asked::of(exchange, cache);
    match look(worker, exchange, cache, &asked) {
        ControlFlow::Break(response) => Ok(response),
        ControlFlow::Continue(_) if asked.directives.only_if_cached => {
            Err(Fault::proxy(Kind::OnlyIfCached))
        }
        // Rare beside a hit, and too large for every exchange to make room for.
        ControlFlow::Continue(missing) => {
            let errand = Errand { worker, plan, cache, asked, missing };
            Box::pin(errand.run(exchange)).await
        }
    }
}

fn is_purge(method: Method) -> bool {
    method.as_str() == "PURGE"
}

impl Asked {
    fn of(exchange: &Exchange, cache: &CachePlan) -> Self {
        let mut key = Recycled::<Vec<u8>>::take();
        cache.write_uri(exchange, &mut key);
        let uri_length = key.len();
        cache.write_rest(exchange, &mut key);
        let headers = &exchange.request.headers;
        let directives = if cache.honors_requests {
            RequestDirectives::read(headers)
        } else {
            RequestDirectives::default()
        };
        let purge = cache.shelf.store.last_purge();
        Self { key, uri_length, directives, now: clock::unix().as_secs(), purge }
    }

    /// The URI that was asked for.
    fn uri(&self) -> &[u8] {
        self.key.get(..self.uri_length).unwrap_or_default()
    }
}

/// Why a request does not concern the cache, if it does not.
fn passes_by(exchange: &Exchange, cache: &CachePlan) -> Option<Forward> {
    if !matches!(exchange.request.method, Method::Get | Method::Head) {
        return Some(Forward::Method);
    }
    let is_plain = exchange.body.is_empty() && !exchange.upgrades;
    if !is_plain || cache.bypasses(exchange) || validate::is_for_origin(&exchange.request.headers) {
        return Some(Forward::Bypass);
    }
    None
}

/// Answers from what is kept, if that may be done at once (RFC 9111 §4).
fn look(
    worker: &Worker,
    exchange: &Exchange,
    cache: &CachePlan,
    asked: &Asked,
) -> ControlFlow<Response, Missing> {
    let request = &exchange.request.headers;
    let fits = |stored: &Stored| respond::fits(exchange, stored);
    let found = cache.shelf.store.find(&asked.key, request, asked.now, fits);
    let stored = match found {
        Found::Nothing => return Missing::miss(Forward::UriMiss, Vec::new()),
        Found::Others(fingerprint) => return Missing::miss(Forward::VaryMiss, fingerprint),
        Found::Stored(stored) => stored,
    };
    let fingerprint = || stored.selection.fingerprint(request);
    if stored.content.is_broken() {
        return Missing::miss(Forward::UriMiss, fingerprint());
    }
    if !fits(&stored) {
        let fingerprint = fingerprint();
        let (forward, stored) = (Forward::Partial, Some(stored));
        return ControlFlow::Continue(Missing { forward, stored, fingerprint });
    }
    let counter = match reuse(&stored.terms, &asked.directives, asked.now) {
        Reuse::Fresh => Counter::CacheHits,
        Reuse::Stale => Counter::CacheStaleHits,
        Reuse::WhileRevalidate => {
            refresh::begin(worker, exchange, cache, asked, &stored);
            Counter::CacheStaleHits
        }
        Reuse::Validate => {
            let is_stale = !stored.terms.is_fresh(asked.now) || stored.terms.no_cache;
            let forward = if is_stale { Forward::Stale } else { Forward::Request };
            let fingerprint = fingerprint();
            let stored = Some(stored);
            return ControlFlow::Continue(Missing { forward, stored, fingerprint });
        }
    };
    worker.metrics().add(counter, 1);
    let handled = Handled::default();
    ControlFlow::Break(respond::from_stored(exchange, (cache, asked), &stored, handled))
}

impl Missing {
    fn miss(forward: Forward, fingerprint: Vec<u8>) -> ControlFlow<Response, Self> {
        ControlFlow::Continue(Self { forward, stored: None, fingerprint })
    }
}

/// Passes a request by the cache. What it changes is no longer valid afterwards
/// (RFC 9111 §4.4), and an answer to POST may be kept.
async fn pass(
    worker: &Worker,
    exchange: &mut Exchange,
    (plan, cache): (&ProxyPlan, &CachePlan),
    forward: Forward,
) -> Result<Response, Fault> {
    worker.metrics().add(Counter::CacheBypasses, 1);
    let is_unsafe = invalidate::is_unsafe(&exchange.request.method);
    let asked = Asked::of(exchange, cache);
    let sent = clock::unix().as_secs();
    let mut response = upstream::fetch(worker, exchange, plan).await?;
    let handled = Handled { forward: Some(forward), ..Handled::default() };
    if is_unsafe && invalidate::has_changed(response.head.status) {
        purge::invalidate(worker, cache, &asked, &response);
        let is_own = response
            .head
            .headers
            .value(Known::ContentLocation)
            .is_some_and(|location| invalidate::is_same(location, asked.uri()));
        if exchange.request.method == Method::Post && is_own {
            // It is younger than the change that it has made.
            let question = &cache.shelf.flights.ask(asked.uri());
            let keeping = keep::Keeping { worker, cache, asked: &asked, question, sent };
            return Ok(keeping.keep(exchange, response, handled).response);
        }
    }
    respond::tell(cache, &asked, handled, &mut response);
    Ok(response)
}

/// A snapshot's route by which an exchange came to use the cache.
fn cache_of(exchange: &Exchange) -> Option<(Rc<crate::snapshot::InForce>, usize)> {
    let index = exchange.route?.0 as usize;
    let snapshot = Rc::clone(&exchange.snapshot);
    snapshot.routes.get(index)?.cache.as_ref()?;
    Some((snapshot, index))
}
