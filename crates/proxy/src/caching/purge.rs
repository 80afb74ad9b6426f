//! What is taken out of the store: by changes at the origin, by the method `PURGE`, by the
//! operator.

use std::sync::Arc;

use cache::disk::DiskError;
use cache::invalidate;
use cache::store::purge::Mode;
use http1::Known;

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
/// was kept for the URI alone. Where there is a disk, this waits for it.
///
/// # Errors
/// The disk could not take note: what was purged may be back after a restart.
pub(super) fn purge(shelf: &Shelf, uri: &[u8], mode: Mode) -> Result<usize, DiskError> {
    shelf.flights.disown(uri);
    shelf.store.purge_uri(uri, mode, clock::unix().as_secs())
}

/// The same on a worker, which must not wait.
async fn purge_beside(shelf: &Arc<Shelf>, uri: Vec<u8>, mode: Mode) -> Option<usize> {
    if shelf.store.tier().is_none() {
        return purge(shelf, &uri, mode).ok();
    }
    let shelf = Arc::clone(shelf);
    tokio::task::spawn_blocking(move || purge(&shelf, &uri, mode).ok()).await.ok().flatten()
}

/// The answer to `PURGE`, for those who may send it.
pub(super) async fn by_method(
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
    let mut count = 0;
    for key in keys {
        let Some(purged) = purge_beside(&cache.shelf, key, mode).await else {
            return Err(Fault::proxy(Kind::ProxyInternalError));
        };
        count += purged;
    }
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
    let Shelf { flights, store, .. } = &*cache.shelf;
    flights.disown(uri);
    if has_rest { store.invalidate_uri(uri) } else { store.invalidate(uri) }
}
