//! Validation beside the answer: what is stale is used, and fetched anew by a task of its own
//! (RFC 5861 §3).

use std::rc::Rc;
use std::sync::Arc;

use cache::directives::RequestDirectives;
use cache::status::Forward;
use cache::store::stored::Stored;
use http1::{BodyLength, Known, Method};

use super::errand::Errand;
use super::key::line;
use super::post::Posted;
use super::{Asked, CachePlan, Missing, insight};
use crate::body::Body;
use crate::exchange::Exchange;
use crate::recycle::Recycled;
use crate::snapshot::Action;
use crate::worker::Worker;

/// Validations beside answers that run at once on a worker.
const REFRESHES_MAX: usize = 64;

/// Begins to validate what is stored, unless too many do, or somebody already does.
pub(super) fn begin(
    worker: &Worker,
    exchange: &Exchange,
    cache: &CachePlan,
    asked: &Asked,
    stored: &Arc<Stored>,
) {
    let Some(place) = worker.refreshes().take(REFRESHES_MAX) else {
        return worker.metrics().limit("cache-refreshes");
    };
    let mut flight = asked.key.clone();
    line(&mut flight, "refresh", b"");
    let turn = cache.shelf.flights.join(&flight, asked.now);
    let (Some(worker), super::flight::Turn::Lead(lead)) = (worker.handle(), turn) else { return };
    let posted = asked.posted.clone();
    let content = posted.as_ref().map_or((Body::Empty, BodyLength::None), Posted::body);
    let mut again = Box::new(exchange.again(content));
    again.request.method = if posted.is_some() { Method::Post } else { Method::Get };
    let steering: Vec<Vec<u8>> = cache.steering(exchange).map(<[u8]>::to_vec).collect();
    let headers = &mut again.request.headers;
    // All of it is wanted, and nothing that is meant for this one client.
    headers.remove(Known::Range);
    headers.remove(Known::IfRange);
    for name in &steering {
        headers.remove_named(name);
    }
    let mut key = Recycled::<Vec<u8>>::take();
    key.clone_from(&asked.key);
    let (uri_length, now, purge) = (asked.uri_length, asked.now, asked.purge);
    let directives = RequestDirectives::default();
    let search = asked.search.clone();
    let asked = Asked { key, uri_length, search, posted, directives, now, purge };
    let missing = Missing {
        forward: Forward::Stale,
        stored: Some(Arc::clone(stored)),
        fingerprint: stored.selection.fingerprint(&exchange.request.headers),
    };
    tokio::task::spawn_local(async move {
        let _place = place;
        run(&worker, &mut again, asked, missing).await;
        // Until then nobody else begins.
        drop(lead);
    });
}

async fn run(worker: &Worker, exchange: &mut Exchange, asked: Asked, missing: Missing) {
    let Some((snapshot, index)) = super::cache_of(exchange) else { return };
    let snapshot = Rc::clone(&snapshot);
    let Some(route) = snapshot.routes.get(index) else { return };
    let (Some(cache), Some(upstream)) = (&route.cache, exchange.upstream) else { return };
    let plan = match &route.action {
        Action::Proxy(plan) => Some(plan),
        Action::Split(split) => split.to(upstream),
        Action::Respond(_) | Action::Redirect(_) => None,
    };
    let Some(plan) = plan else { return };
    let mut errand = Errand { worker, plan, cache, asked, missing };
    // Whatever comes of it is in the store, or is not.
    let outcome = Box::pin(errand.run(exchange)).await;
    insight::refreshed(exchange, &outcome);
}
