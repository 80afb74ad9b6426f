//! What is kept of an answer, and in which form (RFC 9111 §3).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cache::date::Seconds;
use cache::freshness::Times;
use cache::status::Handled;
use cache::storable::{self, NotStored, Storable};
use cache::store::content::Content;
use cache::store::stored::{Stored, tags};
use cache::validate;
use cache::vary::Selection;
use http1::{Known, ResponseHead};

use super::flight::Lead;
use super::key::has_unkeyed;
use super::{Asked, CachePlan, fill, insight, parts, respond, search};
use crate::exchange::{Exchange, Response};
use crate::io::clock;
use crate::worker::Worker;

/// One answer on its way into the store.
pub(super) struct Keeping<'a> {
    pub(super) worker: &'a Worker,
    pub(super) cache: &'a CachePlan,
    pub(super) asked: &'a Asked,
    /// Whose answer it is, where others wait for it.
    pub(super) lead: Option<&'a Lead>,
    /// When the request was sent.
    pub(super) sent: Sent,
}

/// When a request was sent to the origin.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) at: Seconds,
    /// What has become invalid since then shows by it.
    pub(super) epoch: u64,
}

impl Sent {
    /// Just now.
    pub(super) fn now(cache: &CachePlan, asked: &Asked) -> Self {
        Self { at: clock::unix().as_secs(), epoch: cache.shelf.store.epoch(&asked.key) }
    }
}

/// What became of an answer.
pub(super) struct Kept {
    /// The response to the request that has fetched it.
    pub(super) response: Response,
    /// What is in the store now, if anything is.
    pub(super) stored: Option<Arc<Stored>>,
    /// It was not kept because of this one request: the next one may fare better.
    pub(super) is_own: bool,
}

/// Why an answer is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// By the rules.
    Rule(NotStored),
    /// It is longer than the store takes.
    TooLarge,
    /// What it is about has been changed since it was asked for.
    Invalidated,
    /// It is a part that cannot be used.
    Part,
}

impl Refused {
    fn label(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.label(),
            Self::TooLarge => "too-large",
            Self::Invalidated => "invalidated",
            Self::Part => "partial",
        }
    }

    /// Whether the next request for the same may fare better.
    fn is_own(self) -> bool {
        let rules = [NotStored::RequestNoStore, NotStored::Authorization, NotStored::UnkeyedField];
        matches!(self, Self::Rule(rule) if rules.contains(&rule)) || self == Self::Invalidated
    }
}

impl Keeping<'_> {
    /// Keeps an answer, if that may be done, and gives it to the client.
    pub(super) fn keep(
        &self,
        exchange: &Exchange,
        mut response: Response,
        handled: Handled,
    ) -> Kept {
        let upstream =
            exchange.upstream.and_then(|at| exchange.snapshot.upstreams.get(at as usize));
        let sticky = upstream.and_then(|upstream| upstream.sticky.as_ref());
        let cookie = sticky.and_then(|sticky| sticky.take(&mut response.head.headers));
        let mut kept = self.keep_for_all(exchange, response, handled);
        if let Some(cookie) = cookie {
            kept.response.head.headers.push_known(Known::SetCookie, &cookie);
        }
        kept
    }

    fn keep_for_all(&self, exchange: &Exchange, response: Response, handled: Handled) -> Kept {
        match self.judge(exchange, &response) {
            Ok(storable) => {
                let stored = self.put(exchange, response, storable);
                self.give(exchange, &stored, handled)
            }
            Err(refused) => {
                insight::not_kept(exchange, refused.label());
                self.pass_on(response, handled, refused)
            }
        }
    }

    /// The response out of what has just been stored.
    pub(super) fn give(&self, exchange: &Exchange, stored: &Arc<Stored>, handled: Handled) -> Kept {
        let handled = Handled { stored: true, ..handled };
        let from = (self.cache, self.asked);
        let is_conditional = validate::has_conditions(&exchange.request.headers);
        let response = if stored.part.is_some() && !is_conditional {
            parts::as_it_came(from, stored, handled)
        } else {
            respond::from_stored(exchange, from, stored, handled)
        };
        Kept { response, stored: Some(Arc::clone(stored)), is_own: false }
    }

    fn pass_on(&self, mut response: Response, handled: Handled, refused: Refused) -> Kept {
        let handled = Handled { detail: Some(refused.label()), ..handled };
        respond::tell(self.cache, self.asked, handled, &mut response);
        Kept { response, stored: None, is_own: refused.is_own() }
    }

    fn judge(&self, exchange: &Exchange, response: &Response) -> Result<Storable, Refused> {
        if self.lead.is_some_and(Lead::is_disowned) {
            return Err(Refused::Invalidated);
        }
        let times = Times { request: self.sent.at, response: clock::unix().as_secs() };
        if has_unkeyed(exchange, &self.cache.key, &response.head.headers) {
            return Err(Refused::Rule(NotStored::UnkeyedField));
        }
        let is_post_keyed = self.asked.posted.is_some();
        let policy = &self.cache.policy_for(exchange, is_post_keyed);
        let judge = |head: &ResponseHead| {
            storable::storable(&exchange.request, head, times, policy).map_err(Refused::Rule)
        };
        let storable = if response.head.status == 206 {
            if is_post_keyed || parts::part_of(response).is_none() {
                return Err(Refused::Part);
            }
            let mut whole = (*response.head).clone();
            whole.status = 200;
            judge(&whole)?
        } else {
            judge(&response.head)?
        };
        let most = self.cache.shelf.store.object_bytes_max();
        if response.declared_length.is_some_and(|length| length > most) {
            return Err(Refused::TooLarge);
        }
        Ok(storable)
    }

    /// Puts an answer into the store, with its content on the way.
    fn put(&self, exchange: &Exchange, mut response: Response, storable: Storable) -> Arc<Stored> {
        insight::stored(exchange);
        let part = (response.head.status == 206).then(|| parts::part_of(&response)).flatten();
        let content = Arc::new(Content::default());
        let head = kept_head(&response.head, &storable);
        let stored = Arc::new(Stored {
            terms: storable.terms,
            selection: Selection::of(&head.headers, &exchange.request.headers),
            content: Arc::clone(&content),
            declared_length: response.declared_length,
            part,
            tags: tags(&head.headers),
            checked: AtomicU64::new(self.asked.purge),
            on_disk: false.into(),
            head,
        });
        let shelf = &self.cache.shelf;
        let key =
            search::key_of(self.worker, (exchange, self.cache), self.asked, &stored.head.headers);
        // Another key has another epoch; until now the flight has watched for both.
        let is_asked = *key == *self.asked.key;
        let epoch = if is_asked { self.sent.epoch } else { shelf.store.epoch(&key) };
        let is_current = |_: &[Arc<Stored>]| !self.lead.is_some_and(Lead::is_disowned);
        let headers = &exchange.request.headers;
        shelf.store.put_if(&key, headers, Arc::clone(&stored), is_current);
        let clock = insight::FillClock::of(exchange);
        let filling = fill::Filling::new((shelf, &key, epoch), Arc::clone(&stored), clock);
        filling.begin(std::mem::replace(&mut response.body, crate::body::Body::Empty));
        stored
    }

    /// What an answer to HEAD says of what is stored (RFC 9111 §4.3.5).
    pub(super) fn note_head(
        &self,
        exchange: &Exchange,
        stored: Option<&Arc<Stored>>,
        response: Response,
        handled: Handled,
    ) -> Kept {
        if let (Some(stored), 200) = (stored, response.head.status) {
            let store = &self.cache.shelf.store;
            match self.judge(exchange, &response) {
                Ok(storable)
                    if is_of_the_same(stored, &response)
                        && self.asked.is_by_rule_of(&response.head.headers) =>
                {
                    let mut head = stored.head.clone();
                    validate::update(&mut head.headers, &response.head.headers);
                    let renewed = Arc::new(stored.renewed(head, storable.terms));
                    store.renew(&self.asked.key, stored, renewed);
                }
                _ => store.discard(&self.asked.key, stored),
            }
        }
        let mut response = response;
        respond::tell(self.cache, self.asked, handled, &mut response);
        Kept { response, stored: None, is_own: true }
    }
}

/// Whether the answer to HEAD is about the same content as what is stored.
fn is_of_the_same(stored: &Stored, response: &Response) -> bool {
    let is_same = |field: Known| {
        let (before, now) = (stored.head.headers.value(field), response.head.headers.value(field));
        before.is_none() || now.is_none() || before == now
    };
    let lengths = stored.declared_length.zip(response.declared_length);
    is_same(Known::Etag)
        && is_same(Known::LastModified)
        && lengths.is_none_or(|(before, now)| before == now)
}

/// A head without what is of one connection, and without what may not be kept (RFC 9111 §3.1).
fn kept_head(head: &ResponseHead, storable: &Storable) -> ResponseHead {
    let mut kept = head.clone();
    let is_out = |known: Known, name: &[u8]| {
        matches!(known, Known::Upgrade | Known::Trailer | Known::TransferEncoding | Known::Age)
            || name.eq_ignore_ascii_case(b"proxy-authentication-info")
    };
    let left_out = &storable.fields_left_out;
    kept.headers.retain(|field| {
        !is_out(field.known, field.name) && !left_out.iter().any(|name| field.is(name))
    });
    kept
}
