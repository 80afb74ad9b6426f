//! What the cache would do with a request, for people who ask. The key, the verdict and what
//! passes by come from where they do for a request; nothing is changed, and nothing counts.

use std::sync::Arc;

use cache::date::Seconds;
use cache::status::Forward;
use cache::storable::{Policy, Terms};
use cache::store::Found;
use cache::store::stored::{Stored, tag_texts};

use super::{Asked, CachePlan, Verdict, is_purge, judge, passes_by, respond};
use crate::exchange::Exchange;

/// What the cache of a route makes of a request.
#[derive(Debug)]
pub struct CacheView {
    /// The name of the store; empty for the one without.
    pub store: String,
    /// What the response is known by.
    pub key: Vec<u8>,
    /// Why the request does not concern the cache, if it does not.
    pub passes_by: Option<Forward>,
    /// The number of the `bypass` that says so.
    pub bypassed_by: Option<usize>,
    /// The request is a purge, which this client may ask for or not.
    pub purges: Option<bool>,
    /// What the operator wants of responses.
    pub policy: Policy,
    /// Directives of requests count.
    pub honors_requests: bool,
    /// The client wants nothing that is not stored.
    pub only_if_cached: bool,
    /// What is in the store, where that was asked for.
    pub stock: Option<Stock>,
}

/// What is in a store for a request.
#[derive(Debug)]
pub struct Stock {
    /// What the request would get.
    pub verdict: Verdict,
    /// All responses for the key, the one stored last at the end.
    pub variants: Vec<Variant>,
}

/// One of the responses that are stored for a key.
#[derive(Debug)]
pub struct Variant {
    /// The request selects it.
    pub held: Held,
    /// Its status.
    pub status: u16,
    /// On what terms it is kept.
    pub terms: Terms,
    /// When this was looked up.
    pub now: Seconds,
    /// Names and values of request fields that select it; no value where the field was absent.
    pub vary: Vec<(String, Option<String>)>,
    /// Bytes of its content that are there.
    pub bytes: u64,
    /// The first and last byte of the part that it is, and the length of the whole.
    pub part: Option<(u64, u64, u64)>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// What a stored response is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The one that it is answered by or validated with.
    Chosen,
    /// One that other requests select, or an older one.
    Other,
}

/// What the cache would do with an exchange that has come as far; with what is stored where
/// `looks` is set.
pub(crate) fn view(exchange: &Exchange, cache: &CachePlan, looks: bool) -> CacheView {
    let asked = Asked::of(exchange, cache, None);
    let purges = (is_purge(exchange.request.method) && !cache.purge_from.is_empty())
        .then(|| cache.purge_from.iter().any(|from| from.contains(&exchange.client.address)));
    let passes_by = if purges.is_some() { None } else { passes_by(exchange, cache) };
    let is_for_cache = purges.is_none() && passes_by.is_none();
    CacheView {
        store: cache.shelf.name.clone(),
        passes_by,
        bypassed_by: cache.bypassed_by(exchange).filter(|_| passes_by == Some(Forward::Bypass)),
        purges,
        policy: cache.policy,
        honors_requests: cache.honors_requests,
        only_if_cached: is_for_cache && asked.directives.only_if_cached,
        stock: looks.then(|| stock(exchange, cache, &asked)),
        key: asked.key.to_vec(),
    }
}

fn stock(exchange: &Exchange, cache: &CachePlan, asked: &Asked) -> Stock {
    let request = &exchange.request.headers;
    let fits = |stored: &Stored| respond::fits(exchange, stored);
    let (found, all) = cache.shelf.store.peek(&asked.key, request, asked.now, fits);
    let (verdict, chosen) = match found {
        Found::Nothing => (Verdict::Forward(Forward::UriMiss), None),
        Found::Others(_) => (Verdict::Forward(Forward::VaryMiss), None),
        Found::Stored(stored) => (judge(exchange, &stored, asked), Some(stored)),
    };
    let is_chosen =
        |stored: &Arc<Stored>| chosen.as_ref().is_some_and(|chosen| Arc::ptr_eq(chosen, stored));
    let held = |stored| if is_chosen(stored) { Held::Chosen } else { Held::Other };
    let variants = all.iter().map(|stored| Variant::of(stored, held(stored), asked.now)).collect();
    Stock { verdict, variants }
}

impl Variant {
    fn of(stored: &Stored, held: Held, now: Seconds) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            held,
            status: stored.head.status,
            terms: stored.terms,
            now,
            vary: stored
                .selection
                .parts()
                .map(|(name, value)| (text(name), value.map(text)))
                .collect(),
            bytes: stored.content.length(),
            part: stored.part.map(|part| (part.span.first, part.span.last, part.complete_length)),
            tags: tag_texts(&stored.head.headers).map(text).collect(),
        }
    }
}
