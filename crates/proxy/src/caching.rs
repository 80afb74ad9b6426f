//! The cache on the way of a request: look-up, one fetch for many, what is kept of the answer.
//!
//! The rules are those of the crate `cache`; here they meet exchanges and upstreams. A hit is
//! answered at once ([`look`]); everything else takes the longer way ([`Errand`]).

mod addressed;
mod device;
mod disk_reads;
mod errand;
mod fill;
mod flight;
mod insight;
mod keep;
mod key;
mod parts;
mod plan;
mod post;
mod purge;
mod recall;
mod refresh;
mod respond;
mod search;
mod view;

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use cache::date::Seconds;
use cache::directives::RequestDirectives;
use cache::invalidate;
use cache::reuse::{Reuse, reuse};
use cache::search_rules::Known as Rule;
use cache::status::{Forward, Handled};
use cache::store::Found;
use cache::store::stored::Stored;
use cache::validate;
use http1::{Known, Method};

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::io::clock;
use crate::record::CacheOutcome;
use crate::recycle::Recycled;
use crate::snapshot::ProxyPlan;
use crate::upstream;
use crate::worker::Worker;

pub use addressed::purge_url;
pub use plan::{CachePlan, Shelf};
pub(crate) use view::view;
pub use view::{CacheView, Held, Stock, Variant};

use errand::Errand;
use key::Beside;
use post::Posted;

/// A request as the cache sees it.
struct Asked {
    /// What it is known by.
    key: Recycled<Vec<u8>>,
    /// How much of the key is the URI.
    uri_length: usize,
    /// The rule by which the query was written, where one was known for its path.
    search: Option<Arc<Rule>>,
    /// What was posted, where that belongs to the key.
    posted: Option<Posted>,
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
        return Box::pin(purge::by_method(worker, exchange, cache)).await;
    }
    let Some(field) = &cache.key.device else {
        return answer_for(worker, exchange, plan, cache).await;
    };
    device::tell_origin(exchange, field);
    let mut response = answer_for(worker, exchange, plan, cache).await?;
    device::tell_caches(&mut response);
    Ok(response)
}

async fn answer_for(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    cache: &CachePlan,
) -> Result<Response, Fault> {
    let mut posted = None;
    if let Some(forward) = passes_by(exchange, cache) {
        // Rare, and too large for every exchange to make room for.
        if cache.post_body_bytes_max.is_some() {
            posted = Box::pin(Posted::read(worker, exchange, cache)).await?;
        }
        if posted.is_none() {
            return Box::pin(pass(worker, exchange, (plan, cache), forward)).await;
        }
    }
    let mut asked = Asked::of(exchange, cache, posted);
    let looked = match look(worker, exchange, cache, &asked) {
        ControlFlow::Continue(missing) if search::is_worth_it(cache, &asked, &missing) => {
            let further = search::look_further(worker, exchange, cache, (asked, missing));
            let (by, looked) = Box::pin(further).await;
            asked = by;
            looked
        }
        looked => looked,
    };
    match looked {
        ControlFlow::Break(response) => {
            insight::note(worker, exchange, (cache, &asked), Some(&response));
            Ok(response)
        }
        ControlFlow::Continue(_) if asked.directives.only_if_cached => {
            insight::mark(exchange, cache, CacheOutcome::Failed);
            Err(Fault::proxy(Kind::OnlyIfCached))
        }
        // Rare beside a hit, and too large for every exchange to make room for.
        ControlFlow::Continue(missing) => {
            insight::forward(exchange, cache, missing.forward);
            let errand = Errand { worker, plan, cache, asked, missing };
            Box::pin(insight::watch(errand, exchange)).await
        }
    }
}

fn is_purge(method: Method) -> bool {
    method.as_str() == "PURGE"
}

impl Asked {
    fn of(exchange: &Exchange, cache: &CachePlan, posted: Option<Posted>) -> Self {
        let mut asked = Self::begin(exchange, cache, posted);
        asked.search = search::apply(cache, &mut asked.key);
        asked.end(exchange, cache)
    }

    /// The same request, known by its own URL and no rule of a response.
    fn by_url_alone(&self, exchange: &Exchange, cache: &CachePlan) -> Self {
        let plain = Self::begin(exchange, cache, self.posted.clone()).end(exchange, cache);
        Self { now: self.now, purge: self.purge, ..plain }
    }

    fn begin(exchange: &Exchange, cache: &CachePlan, posted: Option<Posted>) -> Self {
        let mut key = Recycled::<Vec<u8>>::take();
        let origin = (exchange.client.scheme, &exchange.request.authority[..]);
        cache.key.write_uri(origin, exchange.target_received(), &mut key);
        let headers = &exchange.request.headers;
        let directives = if cache.honors_requests {
            RequestDirectives::read(headers)
        } else {
            RequestDirectives::default()
        };
        let purge = cache.shelf.store.last_purge();
        let (search, now) = (None, clock::unix().as_secs());
        Self { uri_length: key.len(), key, search, posted, directives, now, purge }
    }

    fn end(mut self, exchange: &Exchange, cache: &CachePlan) -> Self {
        self.uri_length = self.key.len();
        let search = self.search.as_ref().map(|rule| rule.number);
        let beside = Beside { search, posted: self.posted.as_ref() };
        cache.key.write_rest(exchange, beside, &mut self.key);
        self
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
    match found {
        Found::Nothing => Missing::miss(Forward::UriMiss, Vec::new()),
        Found::Others(fingerprint) => Missing::miss(Forward::VaryMiss, fingerprint),
        Found::Stored(stored) => use_stored(worker, exchange, (cache, asked), stored),
    }
}

/// Answers from a stored response that the request selects, if that may be done at once.
fn use_stored(
    worker: &Worker,
    exchange: &Exchange,
    (cache, asked): (&CachePlan, &Asked),
    stored: Arc<Stored>,
) -> ControlFlow<Response, Missing> {
    let outcome = match judge(exchange, &stored, asked) {
        Verdict::Fresh => CacheOutcome::Hit,
        Verdict::Stale => CacheOutcome::Stale,
        Verdict::WhileRevalidate => {
            refresh::begin(worker, exchange, cache, asked, &stored);
            CacheOutcome::Stale
        }
        Verdict::Forward(forward) => {
            let fingerprint = stored.selection.fingerprint(&exchange.request.headers);
            let stored = (forward != Forward::UriMiss).then_some(stored);
            return ControlFlow::Continue(Missing { forward, stored, fingerprint });
        }
    };
    insight::mark(exchange, cache, outcome);
    let handled = Handled::default();
    ControlFlow::Break(respond::from_stored(exchange, (cache, asked), &stored, handled))
}

/// What is done with a request by what is stored for it (RFC 9111 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered by what is fresh.
    Fresh,
    /// It is answered by what is stale.
    Stale,
    /// It is answered by what is stale and validated beside.
    WhileRevalidate,
    /// It goes on.
    Forward(Forward),
}

/// How a stored response that a request selects may be used for it.
fn judge(exchange: &Exchange, stored: &Stored, asked: &Asked) -> Verdict {
    if stored.content.is_broken() {
        return Verdict::Forward(Forward::UriMiss);
    }
    if !respond::fits(exchange, stored) {
        return Verdict::Forward(Forward::Partial);
    }
    match reuse(&stored.terms, &asked.directives, asked.now) {
        Reuse::Fresh => Verdict::Fresh,
        Reuse::Stale => Verdict::Stale,
        Reuse::WhileRevalidate => Verdict::WhileRevalidate,
        Reuse::Validate if !stored.terms.is_fresh(asked.now) || stored.terms.no_cache => {
            Verdict::Forward(Forward::Stale)
        }
        Reuse::Validate => Verdict::Forward(Forward::Request),
    }
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
    insight::forward(exchange, cache, forward);
    exchange.trace.sent_on = Some(clock::now());
    let is_unsafe = invalidate::is_unsafe(&exchange.request.method);
    let asked = Asked::begin(exchange, cache, None).end(exchange, cache);
    let sent = clock::unix().as_secs();
    let mut response = upstream::fetch(worker, exchange, plan).await?;
    let handled = Handled { forward: Some(forward), ..Handled::default() };
    if is_unsafe && invalidate::has_changed(response.head.status) {
        purge::invalidate(worker, (exchange, cache), &response);
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
