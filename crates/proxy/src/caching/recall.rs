//! What memory does not have, but the disk below it may.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use cache::status::Forward;
use cache::store::stored::Stored;
use tokio::time::timeout;

use super::flight::Turn;
use super::key::line;
use super::{Asked, CachePlan, Missing, look, use_stored};
use crate::exchange::{Exchange, Response};
use crate::worker::Worker;

/// How long a request waits for the disk. Then it goes on to the origin.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the disk may have what memory lacks.
pub(super) fn is_worth_it(cache: &CachePlan, asked: &Asked, missing: &Missing) -> bool {
    matches!(missing.forward, Forward::UriMiss | Forward::VaryMiss | Forward::Partial)
        && cache.shelf.store.has_below(&asked.key)
}

/// Answers from the disk, if that may be done at once.
pub(super) async fn recall(
    worker: &Worker,
    exchange: &Exchange,
    (cache, asked): (&CachePlan, &Asked),
    missing: Missing,
) -> ControlFlow<Response, Missing> {
    let headers = &exchange.request.headers;
    if let Ok(found) = cache.shelf.store.recall_now(&asked.key, headers, asked.now) {
        return match found {
            Some(stored) => use_stored(worker, exchange, (cache, asked), stored),
            None => ControlFlow::Continue(missing),
        };
    }
    if cache.shelf.disk_reads.hang() {
        return ControlFlow::Continue(missing);
    }
    let waited = timeout(PATIENCE, wait(worker, exchange, (cache, asked))).await;
    let found_meanwhile = waited.unwrap_or(ControlFlow::Continue(None))?;
    ControlFlow::Continue(found_meanwhile.unwrap_or(missing))
}

/// Answers from the disk, and waits for it; else tells what another request has left to do.
async fn wait(
    worker: &Worker,
    exchange: &Exchange,
    (cache, asked): (&CachePlan, &Asked),
) -> ControlFlow<Response, Option<Missing>> {
    let (mut meanwhile, turn) = (None, wait_for_turn(cache, asked).await);
    if turn.is_none() {
        // It has been brought to memory, or another variant has that this request does not select.
        let missing = look(worker, exchange, cache, asked)?;
        if !is_worth_it(cache, asked, &missing) {
            return ControlFlow::Continue(Some(missing));
        }
        meanwhile = Some(missing);
    }
    match read(exchange, cache, asked).await {
        Some(stored) => use_stored(worker, exchange, (cache, asked), stored).map_continue(Some),
        None => ControlFlow::Continue(meanwhile),
    }
}

/// Several requests for the same read it once.
async fn wait_for_turn(cache: &CachePlan, asked: &Asked) -> Option<Turn> {
    let mut flight = asked.key.clone();
    line(&mut flight, "recall", b"");
    match cache.shelf.flights.join(&flight, asked.now) {
        Turn::Follow(follow) => {
            follow.landed().await;
            None
        }
        turn => Some(turn),
    }
}

/// Reads on a thread that may wait for the disk.
async fn read(exchange: &Exchange, cache: &CachePlan, asked: &Asked) -> Option<Arc<Stored>> {
    let (shelf, key) = (Arc::clone(&cache.shelf), asked.key.to_vec());
    let (headers, now) = (exchange.request.headers.clone(), asked.now);
    let read = move || shelf.store.recall(&key, &headers, now);
    cache.shelf.disk_reads.run(read).await.flatten()
}
