//! What memory does not have, but the disk below it may.

use std::ops::ControlFlow;
use std::sync::Arc;

use cache::status::Forward;
use cache::store::stored::Stored;

use super::flight::Turn;
use super::key::line;
use super::{Asked, CachePlan, Missing, look, use_stored};
use crate::exchange::{Exchange, Response};
use crate::worker::Worker;

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
    let found = match cache.shelf.store.recall_now(&asked.key, headers, asked.now) {
        Ok(found) => found,
        Err(_) => match wait_for_turn(cache, asked).await {
            // Another request has brought it to memory.
            None => return look(worker, exchange, cache, asked),
            Some(turn) => {
                let found = read(exchange, cache, asked).await;
                drop(turn);
                found
            }
        },
    };
    match found {
        Some(stored) => use_stored(worker, exchange, (cache, asked), stored),
        None => ControlFlow::Continue(missing),
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
    tokio::task::spawn_blocking(read).await.ok().flatten()
}
