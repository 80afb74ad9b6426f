//! What is kept of an answer, and in which form (RFC 9111 §3).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cache::date::Seconds;
use cache::freshness::Times;
use cache::status::Handled;
use cache::steering;
use cache::storable::{self, NotStored, Storable};
use cache::store::content::Content;
use cache::store::stored::{Stored, tags};
use cache::validate;
use cache::vary::Selection;
use http1::headers::Field;
use http1::{Headers, Known, ResponseHead};

use super::flight::Question;
use super::{Asked, CachePlan, fill, insight, parts, respond, search};
use crate::exchange::{Exchange, Response};
use crate::io::clock;
use crate::worker::Worker;

/// One answer on its way into the store.
pub(super) struct Keeping<'a> {
    pub(super) worker: &'a Worker,
    pub(super) cache: &'a CachePlan,
    pub(super) asked: &'a Asked,
    /// The request that it answers.
    pub(super) question: &'a Question,
    /// When the request was sent.
    pub(super) sent: Seconds,
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
pub(super) enum Refused {
    /// By the rules.
    Rule(NotStored),
    /// It is longer than the store takes.
    TooLarge,
    /// What it is about has been changed since it was asked for.
    Invalidated,
    /// It is a part that cannot be used.
    Part,
    /// The request has a field that may have made it another one.
    Steered,
}

impl Refused {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Rule(rule) => rule.label(),
            Self::TooLarge => "too-large",
            Self::Invalidated => "invalidated",
            Self::Part => "partial",
            Self::Steered => "steered",
        }
    }

    /// Whether the next request for the same may fare better.
    pub(super) fn is_own(self) -> bool {
        match self {
            Self::Rule(rule) => rule.is_of_the_request(),
            Self::Invalidated | Self::Steered => true,
            Self::TooLarge | Self::Part => false,
        }
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
                let (stored, own) = self.put(exchange, response, storable);
                let mut kept = self.give(exchange, &stored, handled);
                give_back(&mut kept.response, own);
                kept
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
            parts::as_it_came(exchange, from, stored, handled)
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

    /// Whether a response of this head may be kept, and on what terms.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn judge_head(
        &self,
        exchange: &Exchange,
        head: &ResponseHead,
    ) -> Result<Storable, Refused> {
        // What it is about may have been changed or purged since it was asked for.
        if self.question.is_out_of_date() {
            return Err(Refused::Invalidated);
        }
        let told = |name: &[u8]| steering::is_told_by(&head.headers, name);
        if self.cache.steering(exchange).any(|name| !told(name)) {
            return Err(Refused::Steered);
        }
        let policy = &self.cache.policy_for(exchange, self.asked.posted.is_some());
        storable::storable(&exchange.request, head, self.times(), policy).map_err(Refused::Rule)
    }

    /// When the request went out, and now.
    pub(super) fn times(&self) -> Times {
        Times { request: self.sent, response: clock::unix().as_secs() }
    }

    fn judge(&self, exchange: &Exchange, response: &Response) -> Result<Storable, Refused> {
        let is_post_keyed = self.asked.posted.is_some();
        let storable = if response.head.status == 206 {
            if is_post_keyed || parts::part_of(response).is_none() {
                return Err(Refused::Part);
            }
            let mut whole = (*response.head).clone();
            whole.status = 200;
            self.judge_head(exchange, &whole)?
        } else {
            self.judge_head(exchange, &response.head)?
        };
        let most = self.cache.shelf.store.object_bytes_max();
        if response.declared_length.is_some_and(|length| length > most) {
            return Err(Refused::TooLarge);
        }
        Ok(storable)
    }

    /// Puts an answer into the store, with its content on the way. Returns beside it the fields
    /// that are not kept.
    fn put(
        &self,
        exchange: &Exchange,
        mut response: Response,
        storable: Storable,
    ) -> (Arc<Stored>, Headers) {
        insight::stored(exchange);
        let part = (response.head.status == 206).then(|| parts::part_of(&response)).flatten();
        let content = Arc::new(Content::default());
        let mut head = response.head.clone();
        let own = leave_out(&mut head.headers, &storable.fields_left_out);
        let stored = Arc::new(Stored {
            terms: storable.terms,
            selection: Selection::of(&head.headers, &exchange.request.headers),
            content: Arc::clone(&content),
            declared_length: response.declared_length,
            part,
            tags: tags(&head.headers),
            checked: AtomicU64::new(self.asked.purge),
            is_written: false.into(),
            disk_nonce: 0.into(),
            head,
        });
        let shelf = &self.cache.shelf;
        let key =
            search::key_of(self.worker, (exchange, self.cache), self.asked, &stored.head.headers);
        let is_current = |_: &[Arc<Stored>]| !self.question.is_out_of_date();
        let headers = &exchange.request.headers;
        shelf.store.put_if(&key, headers, Arc::clone(&stored), is_current);
        let clock = insight::FillClock::of(exchange);
        let filling = fill::Filling::new((shelf, &key), Arc::clone(&stored), clock);
        filling.begin(std::mem::replace(&mut response.body, crate::body::Body::Empty));
        (stored, own)
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
                    leave_out(&mut head.headers, &storable.fields_left_out);
                    let renewed = Arc::new(stored.renewed(head, storable.terms));
                    store.renew(&self.asked.key, stored, renewed);
                }
                // What this one request brought about says nothing of what others get.
                Err(refused) if refused.is_own() => {}
                _ => store.discard(&self.asked.key, stored),
            }
        }
        // Its content would have to be fetched to be kept.
        let handled = Handled { detail: handled.detail.or(Some("head")), ..handled };
        let mut response = response;
        respond::tell(self.cache, self.asked, handled, &mut response);
        Kept { response, stored: None, is_own: true }
    }
}

/// Whether the answer to HEAD is about the same content as what is stored.
fn is_of_the_same(stored: &Stored, response: &Response) -> bool {
    let is_same = |field: Known| {
        let (before, now) = (stored.head.headers.value(field), response.head.headers.value(field));
        now.is_none() || before == now
    };
    let length = respond::length(stored);
    let lengths = length.zip(response.declared_length);
    is_same(Known::Etag)
        && is_same(Known::LastModified)
        && lengths.is_none_or(|(before, now)| before == now)
}

/// Takes the fields out that are of one connection, and those that may not be kept (RFC 9111
/// §3.1). Returns the latter, which are for the one client that has asked.
pub(super) fn leave_out(headers: &mut Headers, left_out: &[Vec<u8>]) -> Headers {
    let own = take(headers, |field| left_out.iter().any(|name| field.is(name)));
    let known = [Known::Upgrade, Known::Trailer, Known::TransferEncoding, Known::Age];
    headers.retain(|field| {
        !known.contains(&field.known)
            && !field.name.eq_ignore_ascii_case(b"proxy-authentication-info")
    });
    own
}

/// Takes fields out.
pub(super) fn take(headers: &mut Headers, is_one: impl Fn(&Field<'_>) -> bool) -> Headers {
    let mut taken = Headers::new();
    headers.retain(|field| {
        let goes = is_one(&field);
        if goes {
            taken.push(field.name, field.value);
        }
        !goes
    });
    taken
}

/// Gives the client that has asked what is not kept for others. What frames or places the
/// content is made anew, whatever was left out.
pub(super) fn give_back(response: &mut Response, own: Headers) {
    let framing = [Known::ContentLength, Known::ContentRange, Known::TransferEncoding, Known::Age];
    for field in own.iter().filter(|field| !framing.contains(&field.known)) {
        response.head.headers.push(field.name, field.value);
    }
}
