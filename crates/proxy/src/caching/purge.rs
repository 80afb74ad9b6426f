//! What is taken out of the store: by changes at the origin, by the method `PURGE`, by the
//! operator.

use cache::invalidate;
use cache::store::purge::{Mode, Scope};
use http1::Known;

use super::key::URI_END;
use super::plan::Shelf;
use super::{CachePlan, addressed};
use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind};
use crate::forward;
use crate::io::clock;
use crate::record::Counter;
use crate::worker::Worker;

/// Purges what is kept for one URI, with everything that was told apart there. Returns how much
/// was kept for the URI alone.
pub(super) fn purge(shelf: &Shelf, uri: &[u8], mode: Mode) -> usize {
    let count = shelf.store.purge_key(uri, mode, clock::unix().as_secs());
    let mut rest = uri.to_vec();
    rest.push(URI_END);
    shelf.store.purge(Scope::Prefix(&rest), mode);
    shelf.flights.disown(uri);
    count
}

/// The answer to `PURGE`, for those who may send it.
pub(super) fn by_method(
    worker: &Worker,
    exchange: &Exchange,
    cache: &CachePlan,
) -> Result<Response, Fault> {
    let client = exchange.client.address;
    if !cache.purge_from.iter().any(|network| network.contains(&client)) {
        return Err(Fault::client(Kind::PurgeRefused));
    }
    let keys = addressed::keys_of(&exchange.snapshot, &cache.shelf, &uri_of(exchange));
    let mut modes = exchange.request.headers.values_named(b"purge-mode");
    let is_hard = modes.any(|mode| mode.eq_ignore_ascii_case(b"hard"));
    let mode = if is_hard { Mode::Hard } else { Mode::Soft };
    let count: usize = keys.iter().map(|key| purge(&cache.shelf, key, mode)).sum();
    worker.metrics().add(Counter::CachePurges, 1);
    let text = format!("{{\"purged\":{count}}}\n");
    let mut response = Response::own(200, b"application/json", Body::owned(text.into_bytes()));
    response.head.headers.push_known(Known::CacheControl, b"no-store");
    forward::add_date(&mut response.head.headers);
    Ok(response)
}

/// A change at the origin makes what is kept for its URI invalid, and what is kept for those
/// that the answer names (RFC 9111 §4.4).
pub(super) fn invalidate(
    worker: &Worker,
    (exchange, cache): (&Exchange, &CachePlan),
    response: &Response,
) {
    let target = uri_of(exchange);
    let named: Vec<_> = invalidate::named(&response.head.headers, &target).collect();
    let mut count = 0;
    for uri in std::iter::once(&target).chain(&named) {
        let has_rest =
            exchange.client.trusted || addressed::have_rest(&exchange.snapshot, &cache.shelf, uri);
        let keys = addressed::keys_of(&exchange.snapshot, &cache.shelf, uri);
        count += keys.iter().map(|key| remove(cache, key, has_rest)).sum::<usize>();
    }
    worker.metrics().add(Counter::CacheInvalidations, count as u64);
}

/// The URI of a request as it was sent.
fn uri_of(exchange: &Exchange) -> Vec<u8> {
    let (scheme, authority) = (exchange.client.scheme, &exchange.request.authority);
    let mut uri = Vec::new();
    cache::key::write(scheme, authority, exchange.target_received(), &mut uri);
    uri
}

fn remove(cache: &CachePlan, uri: &[u8], has_rest: bool) -> usize {
    cache.shelf.flights.disown(uri);
    if has_rest {
        let mut rest = uri.to_vec();
        rest.push(URI_END);
        cache.shelf.store.purge(Scope::Prefix(&rest), Mode::Hard);
    }
    cache.shelf.store.invalidate(uri)
}
