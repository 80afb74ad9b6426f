//! The way of a request to the origin and back, by the cache: one fetch for many, validation,
//! and what stands in where the origin fails.

use std::ops::ControlFlow;
use std::sync::Arc;

use cache::date::Seconds;
use cache::reuse::{may_be_shared, may_stand_in};
use cache::status::{Forward, Handled};
use cache::storable;
use cache::store::stored::Stored;
use cache::targeted::{CAPABILITY, CAPABILITY_FIELD};
use cache::validate;
use http1::{Headers, Known, Method};

use super::flight::{Landed, Lead, Question, Turn};
use super::keep::{self, Keeping, Kept};
use super::key::line;
use super::{Asked, CachePlan, Missing, insight, look, parts, respond, search};
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Side};
use crate::io::clock;
use crate::record::CacheOutcome;
use crate::snapshot::ProxyPlan;
use crate::upstream;
use crate::worker::Worker;

/// A request that what is kept does not answer.
pub(super) struct Errand<'a> {
    pub(super) worker: &'a Worker,
    pub(super) plan: &'a ProxyPlan,
    pub(super) cache: &'a CachePlan,
    pub(super) asked: Asked,
    pub(super) missing: Missing,
}

/// Whose conditions a request has that nothing stored can be validated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conditions {
    /// None: all of it is wanted, to be kept.
    Own,
    /// Those of the client.
    Clients,
}

impl Errand<'_> {
    /// Fetches, or waits for one who does.
    pub(super) async fn run(&mut self, exchange: &mut Exchange) -> Result<Response, Fault> {
        // A head is fetched without its content: nobody else could use it.
        if exchange.request.method != Method::Get && self.asked.posted.is_none() {
            return self.fetch(exchange, None, Conditions::Own).await;
        }
        loop {
            let key = self.flight_key(exchange);
            match self.cache.shelf.flights.join(&key, self.asked.now) {
                Turn::Lead(lead) => {
                    return self.fetch(exchange, Some(lead), Conditions::Own).await;
                }
                // What is not kept may still be validated by the client's copy.
                Turn::Alone => return self.fetch(exchange, None, Conditions::Clients).await,
                Turn::Follow(follow) => match follow.landed().await {
                    Landed::Stored(stored) if self.may_share(exchange, &stored) => {
                        return Ok(self.share(exchange, &stored));
                    }
                    Landed::Stale(stored) if self.may_share_stale(exchange, &stored) => {
                        return Ok(self.serve_stale(exchange, &stored, None));
                    }
                    // It is not for all URLs of its form, and yet it may be for this one.
                    Landed::Stored(stored) if !self.asked.is_by_rule_of(&stored.head.headers) => {
                        return match self.look_again(exchange).await {
                            Some(response) => Ok(response),
                            None => self.fetch(exchange, None, Conditions::Own).await,
                        };
                    }
                    Landed::Stored(_) | Landed::Stale(_) | Landed::Pass => {
                        return self.fetch(exchange, None, Conditions::Own).await;
                    }
                    Landed::Failed(fault) => return self.fail(exchange, fault),
                    Landed::Left => {}
                },
            }
            if let Some(response) = self.look_again(exchange).await {
                return Ok(response);
            }
        }
    }

    async fn look_again(&mut self, exchange: &Exchange) -> Option<Response> {
        let (worker, cache) = (self.worker, self.cache);
        let asked = Asked::of(exchange, cache, self.asked.posted.clone());
        let (asked, found) = match look(worker, exchange, cache, &asked) {
            ControlFlow::Continue(missing) if search::is_worth_it(cache, &asked, &missing) => {
                search::look_further(worker, exchange, cache, (asked, missing)).await
            }
            found => (asked, found),
        };
        self.asked = asked;
        match found {
            ControlFlow::Break(response) => return Some(response),
            ControlFlow::Continue(missing) => self.missing = missing,
        }
        None
    }

    /// What tells requests apart that cannot share an answer.
    fn flight_key(&self, exchange: &Exchange) -> Vec<u8> {
        let mut key = self.asked.key.clone();
        line(&mut key, "vary", &self.missing.fingerprint);
        for (field, name) in [(Known::Range, "range"), (Known::IfRange, "if-range")] {
            for value in exchange.request.headers.values(field) {
                line(&mut key, name, value);
            }
        }
        let has_credentials = exchange.request.headers.contains(Known::Authorization);
        let is_steered = self.cache.steering(exchange).next().is_some();
        if self.asked.directives.no_store || has_credentials || is_steered {
            // Their answers are most likely not to be shared.
            line(&mut key, "alone", b"");
        }
        key
    }

    /// Whether an answer that another request has fetched meanwhile answers this one. One that
    /// must be validated each time answers nobody else (RFC 9111 §4, §5.2.2.4).
    fn may_share(&self, exchange: &Exchange, stored: &Stored) -> bool {
        self.selects(exchange, stored)
            && may_be_shared(&stored.terms, clock::unix().as_secs())
            && !self.cache.shelf.store.is_purged(&self.asked.key, stored)
    }

    /// Whether this request, too, may be answered by what is stale.
    fn may_share_stale(&self, exchange: &Exchange, stored: &Stored) -> bool {
        let now = clock::unix().as_secs();
        self.selects(exchange, stored) && may_stand_in(&stored.terms, &self.asked.directives, now)
    }

    fn selects(&self, exchange: &Exchange, stored: &Stored) -> bool {
        stored.selection.matches(&exchange.request.headers)
            && self.asked.is_by_rule_of(&stored.head.headers)
            && respond::fits(exchange, stored)
            && !self.asked.directives.no_store
    }

    fn share(&self, exchange: &Exchange, stored: &Arc<Stored>) -> Response {
        insight::mark(exchange, self.cache, CacheOutcome::Collapsed);
        let forward = Some(self.missing.forward);
        let handled = Handled { forward, collapsed: true, ..Handled::default() };
        respond::from_stored(exchange, (self.cache, &self.asked), stored, handled)
    }

    /// Fetches, and keeps what may be kept.
    async fn fetch(
        &self,
        exchange: &mut Exchange,
        lead: Option<Lead>,
        conditions: Conditions,
    ) -> Result<Response, Fault> {
        let sent = clock::unix().as_secs();
        exchange.trace.sent_on = Some(clock::now());
        let question = self.cache.shelf.flights.ask(self.asked.uri());
        let own = self.set_request(exchange, conditions);
        let fetched = upstream::fetch(self.worker, exchange, self.plan).await;
        exchange.request.headers = own;
        let response = match fetched {
            Ok(response) => response,
            Err(fault) => {
                let outcome = self.fail(exchange, fault);
                if let Some(lead) = lead {
                    lead.land(Landed::Failed(fault));
                }
                return outcome;
            }
        };
        if let Some(stored) = self.stand_in(response.head.status) {
            if let Some(lead) = lead {
                lead.land(Landed::Stale(Arc::clone(&stored)));
            }
            let status = response.head.status;
            return Ok(self.serve_stale(exchange, &stored, Some(status)));
        }
        let kept = self.take(exchange, response, (sent, &question)).await?;
        land(lead, &kept, clock::unix().as_secs());
        Ok(kept.response)
    }

    /// Takes an answer: it says that what is kept is still right, completes it, or is new.
    async fn take(
        &self,
        exchange: &mut Exchange,
        response: Response,
        (sent, question): (Seconds, &Question),
    ) -> Result<Kept, Fault> {
        let forward = Some(self.missing.forward);
        let handled = Handled { forward, ..Handled::default() };
        let (cache, asked) = (self.cache, &self.asked);
        let keeping = Keeping { worker: self.worker, cache, asked, question, sent };
        match (&self.missing.stored, response.head.status) {
            (Some(stored), 304) if self.validates(exchange) => {
                Ok(self.renew(&keeping, exchange, stored, &response))
            }
            (Some(stored), 206) if self.completes(exchange) => {
                match parts::complete(&keeping, exchange, stored, response).await {
                    Some(whole) => Ok(keeping.give(exchange, &whole, handled)),
                    // It is not of the same representation: all of it is fetched anew.
                    None => {
                        let all = upstream::fetch(self.worker, exchange, self.plan).await?;
                        Ok(keeping.keep(exchange, all, handled))
                    }
                }
            }
            (stored, _) if exchange.request.method == Method::Head => {
                Ok(keeping.note_head(exchange, stored.as_ref(), response, handled))
            }
            _ => Ok(keeping.keep(exchange, response, handled)),
        }
    }

    /// Whether the request that goes out validates what is stored.
    fn validates(&self, exchange: &Exchange) -> bool {
        exchange.request.method == Method::Get && self.missing.forward != Forward::Partial
    }

    /// Whether it asks for what is missing of the stored part.
    fn completes(&self, exchange: &Exchange) -> bool {
        self.missing.forward == Forward::Partial && !exchange.request.headers.contains(Known::Range)
    }

    /// Makes the request ready for the origin; returns its fields as they were.
    fn set_request(&self, exchange: &mut Exchange, conditions: Conditions) -> Headers {
        let is_get = exchange.request.method == Method::Get;
        let headers = &mut exchange.request.headers;
        let own = headers.clone();
        if is_get {
            match &self.missing.stored {
                Some(stored) if self.missing.forward != Forward::Partial => {
                    if storable::has_validator(&stored.head.headers) {
                        validate::set_conditions(headers, &stored.head.headers);
                    } else {
                        validate::remove_conditions(headers);
                    }
                }
                Some(stored) if !headers.contains(Known::Range) => {
                    validate::remove_conditions(headers);
                    parts::ask_for_rest(headers, stored);
                }
                None if conditions == Conditions::Clients => {}
                _ => validate::remove_conditions(headers),
            }
        }
        headers.push(CAPABILITY_FIELD, CAPABILITY);
        own
    }

    /// The stored response that is used although the origin has answered, with an error.
    fn stand_in(&self, status: u16) -> Option<Arc<Stored>> {
        let stored = self.missing.stored.as_ref()?;
        let is_error = matches!(status, 500 | 502 | 503 | 504);
        let may = is_error
            && self.missing.forward != Forward::Partial
            && may_stand_in(&stored.terms, &self.asked.directives, self.asked.now);
        may.then(|| Arc::clone(stored))
    }

    /// There is no answer: what is stored stands in, if it may.
    fn fail(&self, exchange: &Exchange, fault: Fault) -> Result<Response, Fault> {
        let Some(stored) = &self.missing.stored else { return Err(fault) };
        if fault.side != Side::Client && self.missing.forward != Forward::Partial {
            if may_stand_in(&stored.terms, &self.asked.directives, self.asked.now) {
                return Ok(self.serve_stale(exchange, stored, None));
            }
            // RFC 9111 §5.2.2.2: an error, and rather this one.
            if stored.terms.must_revalidate && fault.kind.status() != 503 {
                return Err(Fault { rule: None, kind: Kind::ValidationFailed, ..fault });
            }
        }
        Err(fault)
    }

    fn serve_stale(
        &self,
        exchange: &Exchange,
        stored: &Arc<Stored>,
        status: Option<u16>,
    ) -> Response {
        insight::mark(exchange, self.cache, CacheOutcome::Stale);
        let handled = Handled {
            forward: Some(self.missing.forward),
            forward_status: status,
            detail: Some("stale-if-error"),
            ..Handled::default()
        };
        respond::from_stored(exchange, (self.cache, &self.asked), stored, handled)
    }

    /// The origin says that what is kept is still right (RFC 9111 §4.3.4).
    fn renew(
        &self,
        keeping: &Keeping<'_>,
        exchange: &Exchange,
        stored: &Arc<Stored>,
        response: &Response,
    ) -> Kept {
        insight::mark(exchange, self.cache, CacheOutcome::Revalidated);
        let mut fresh = response.head.headers.clone();
        // A cookie is kept only with a lifetime beside it, and that of before is not beside it.
        let mut cookies = Headers::new();
        if !storable::names_lifetime(&fresh, keeping.times()) {
            cookies = keep::take(&mut fresh, |field| field.known == Known::SetCookie);
        }
        let mut head = stored.head.clone();
        validate::update(&mut head.headers, &fresh);
        let mut judged = head.clone();
        judged.status = if stored.part.is_some() { 200 } else { judged.status };
        let verdict = keeping.judge_head(exchange, &judged);
        let now = keeping.times().response;
        if let Err(refused) = &verdict {
            insight::not_kept(exchange, refused.label());
        }
        let is_own = verdict.as_ref().is_err_and(|refused| refused.is_own());
        // Under another rule it would have another key: it is used this once.
        let verdict = verdict.ok().filter(|_| self.asked.is_by_rule_of(&head.headers));
        let handled = Handled {
            forward: Some(self.missing.forward),
            forward_status: Some(304),
            stored: verdict.is_some(),
            ..Handled::default()
        };
        let terms = match &verdict {
            Some(storable) => storable.terms,
            None => storable::Terms { received: now, ..storable::Terms::default() },
        };
        let left_out = verdict.as_ref().map_or(&[][..], |storable| &storable.fields_left_out);
        let own = keep::leave_out(&mut head.headers, left_out);
        let renewed = Arc::new(stored.renewed(head, terms));
        let store = &self.cache.shelf.store;
        if verdict.is_some() {
            store.renew(&self.asked.key, stored, Arc::clone(&renewed));
        } else if !is_own {
            store.discard(&self.asked.key, stored);
        }
        let from = (self.cache, &self.asked);
        let mut response = respond::from_stored(exchange, from, &renewed, handled);
        keep::give_back(&mut response, cookies);
        keep::give_back(&mut response, own);
        Kept { response, stored: verdict.is_some().then_some(renewed), is_own }
    }
}

/// Tells those who wait what there is.
fn land(lead: Option<Lead>, kept: &Kept, now: Seconds) {
    let Some(lead) = lead else { return };
    match &kept.stored {
        Some(stored) if may_be_shared(&stored.terms, now) => {
            lead.land(Landed::Stored(Arc::clone(stored)));
        }
        Some(_) => lead.pass(now),
        None if kept.is_own => lead.land(Landed::Pass),
        None => lead.pass(now),
    }
}
