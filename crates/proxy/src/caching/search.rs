//! `No-Vary-Search`: a response answers all URLs that differ only in what it names. What is kept
//! under a rule has the common form of these URLs in its key; what is kept without one is found by
//! its own URL.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use cache::no_vary_search::SearchRule;
use cache::search_rules::{Known as Rule, Learned};
use cache::status::Forward;
use http1::Headers;

use super::key::Beside;
use super::{Asked, CachePlan, Missing, look, recall};
use crate::exchange::{Exchange, Response};
use crate::worker::Worker;

/// Brings the URI of a key into the form of the rule of its path, if that has one.
pub(super) fn apply(cache: &CachePlan, key: &mut Vec<u8>) -> Option<Arc<Rule>> {
    let rules = &cache.shelf.search;
    if rules.is_empty() {
        return None;
    }
    let rule = rules.of(&cache.key.search_key(key))?;
    *key = rule.rule.apply(key);
    Some(rule)
}

/// Whether there is more to look at than what memory has under the key.
pub(super) fn is_worth_it(cache: &CachePlan, asked: &Asked, missing: &Missing) -> bool {
    asked.search.is_some() || recall::is_worth_it(cache, asked, missing)
}

/// Looks on the disk for what memory lacks; then, after what is kept for the URLs of one form,
/// for what is kept for this URL alone.
pub(super) async fn look_further(
    worker: &Worker,
    exchange: &Exchange,
    cache: &CachePlan,
    (asked, missing): (Asked, Missing),
) -> (Asked, ControlFlow<Response, Missing>) {
    let found = look_below(worker, exchange, (cache, &asked), missing).await;
    if asked.search.is_none() || !is_nothing(&found) {
        return (asked, found);
    }
    let plain = asked.by_url_alone(exchange, cache);
    let other = match look(worker, exchange, cache, &plain) {
        ControlFlow::Continue(missing) => {
            look_below(worker, exchange, (cache, &plain), missing).await
        }
        found => found,
    };
    if is_nothing(&other) { (asked, found) } else { (plain, other) }
}

async fn look_below(
    worker: &Worker,
    exchange: &Exchange,
    (cache, asked): (&CachePlan, &Asked),
    missing: Missing,
) -> ControlFlow<Response, Missing> {
    if recall::is_worth_it(cache, asked, &missing) {
        return recall::recall(worker, exchange, (cache, asked), missing).await;
    }
    ControlFlow::Continue(missing)
}

fn is_nothing(found: &ControlFlow<Response, Missing>) -> bool {
    matches!(found, ControlFlow::Continue(missing)
        if matches!(missing.forward, Forward::UriMiss | Forward::VaryMiss))
}

/// The key under which a response is kept: its own rule counts, not that by which it was asked.
pub(super) fn key_of<'a>(
    worker: &Worker,
    (exchange, cache): (&Exchange, &CachePlan),
    asked: &'a Asked,
    response: &Headers,
) -> Cow<'a, [u8]> {
    let rule = SearchRule::read(response);
    if rule.is_default() && asked.search.is_none() {
        return Cow::Borrowed(&asked.key);
    }
    let plain = asked.by_url_alone(exchange, cache);
    if rule.is_default() {
        return Cow::Owned(plain.key.clone());
    }
    let uri = plain.key.get(..plain.uri_length).unwrap_or_default();
    let (learned, gone) = cache.shelf.search.learn(&cache.key.search_key(uri), rule);
    if gone > 0 || learned == Learned::TooLarge {
        worker.metrics().limit("no-vary-search-bytes-max");
    }
    let Learned::Known(rule) = learned else { return Cow::Owned(plain.key.clone()) };
    let mut key = rule.rule.apply(uri);
    let beside = Beside { search: Some(rule.number), posted: asked.posted.as_ref() };
    cache.key.write_rest(exchange, beside, &mut key);
    Cow::Owned(key)
}

impl Asked {
    /// Whether a head may stay under the key of this request, or answer it: it has the rule by
    /// which that was made.
    pub(super) fn is_by_rule_of(&self, headers: &Headers) -> bool {
        let Some(rule) = &self.search else { return true };
        SearchRule::read(headers) == rule.rule
    }
}
