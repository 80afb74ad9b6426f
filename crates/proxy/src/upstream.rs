//! Room 7: lease or connect, send the request, await the head of the answer.
//!
//! **Invariant:** retries happen in [`fetch`], for raw connections in [`dial`], nowhere else.

mod attempt;
mod connect;
mod dial;
mod h2;
mod hedge;
mod lease;
mod pool;
mod queue;
mod repeat;
mod servers;
mod sticky;
mod stream;
mod turn;
mod upload;

pub use attempt::request_framing;
pub use dial::dial;
pub use h2::StreamPool;
pub use lease::Lease;
pub use pool::Pool;
pub use servers::{ServerState, UpstreamState, Upstreams};
pub use sticky::Sticky;
pub use stream::StreamLease;
pub use turn::{Found, Turn};
pub use upload::{Upload, UploadTask};

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use balance::{Outcome, ServerIndex, Tried};
use http1::Known;

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Retry, Side};
use crate::io::clock;
use crate::key;
use crate::proxy_protocol::Relayed;
use crate::record::ServerAt;
use crate::snapshot::{FailoverPlan, HostPlan, InForce, ProxyPlan, ServerTarget, UpstreamPlan};
use crate::worker::Worker;

use connect::Way;
use queue::Entry;
use repeat::{
    Kept, Repeat, is_connecting, is_safe, is_there, is_unasked, is_wanted, is_wanted_after,
};

/// Interim responses that are relayed before the final one; an origin that sends more is faulty.
const INTERIM_MAX: usize = 16;

/// Sends the request of an exchange to a server of its upstream and returns the answer's head
/// with the body behind it.
///
/// # Errors
/// The last fault, when no further server may be tried.
pub async fn fetch(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
) -> Result<Response, Fault> {
    let mut kept = None;
    let outcome = fetch_from(worker, exchange, plan, &mut kept).await;
    match &plan.failover {
        None => outcome,
        // Rare, and too large for every exchange to make room for.
        Some(other) => Box::pin(fail_over(worker, exchange, other, (outcome, kept))).await,
    }
}

/// Fetches from another upstream what one has failed, if that is wanted and as safe as a retry.
async fn fail_over(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &FailoverPlan,
    (outcome, mut kept): (Result<Response, Fault>, Option<Kept>),
) -> Result<Response, Fault> {
    let nothing = Kept::Nothing;
    let known = kept.as_ref().unwrap_or(&nothing);
    let may_follow = match &outcome {
        Ok(response) => is_wanted_after(&plan.on, response.head.status, (exchange, known)),
        Err(fault) if is_unasked(fault.kind) => plan.on.connect && is_there(exchange, known),
        Err(fault) => is_safe(exchange, fault, known) && is_wanted(&plan.on, fault),
    };
    if !may_follow {
        return outcome;
    }
    drop(outcome);
    let from = exchange.upstream;
    if let Some(from) = from {
        exchange.metrics().failover(from);
    }
    exchange.upstream = Some(plan.to.upstream);
    forget_first(exchange, from);
    fetch_from(worker, exchange, &plan.to, &mut kept).await
}

/// Takes from the request what was written for the upstream that has failed: its `Host` and its
/// deadline.
fn forget_first(exchange: &mut Exchange, from: Option<u32>) {
    let request = &mut *exchange.request;
    request.headers.set_known(Known::Host, &request.authority);
    let plan = from.and_then(|from| exchange.snapshot.upstreams.get(from as usize));
    if let Some(name) = plan.and_then(|plan| plan.deadline_header.as_ref()) {
        request.headers.remove_named(name.as_bytes());
    }
}

/// Fetches from the upstream of a plan. What is kept of the request is left in `kept`.
async fn fetch_from(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    kept: &mut Option<Kept>,
) -> Result<Response, Fault> {
    {
        let in_force = Rc::clone(&exchange.snapshot);
        let (upstream, rules) = upstream_of(&in_force, plan)?;
        if upstream.cluster().active() >= rules.requests_max {
            return Err(Fault::proxy(Kind::CircuitOpen));
        }
        upstream.cluster().deposit();
        if kept.is_none() {
            *kept = Some(Kept::of(exchange, rules).await?);
        }
    }
    let kept = kept.as_ref().unwrap_or(&Kept::Nothing);
    let began = Cell::new(None);
    loop {
        match fetch_once(worker, exchange, plan, (kept, &began)).await {
            Ok(response) => return Ok(response),
            Err(Missed::Fault(fault)) => return Err(fault),
            // The routes are the same ones, so the plan still holds.
            Err(Missed::Changed) => exchange.snapshot = worker.snapshot(),
        }
    }
}

/// Why there is no answer.
enum Missed {
    Fault(Fault),
    /// While the request waited, the servers became others.
    Changed,
}

impl From<Fault> for Missed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn upstream_of<'a>(
    in_force: &'a InForce,
    plan: &ProxyPlan,
) -> Result<(&'a UpstreamState, &'a UpstreamPlan), Fault> {
    let state = in_force.servers().at(plan.upstream);
    let rules = in_force.upstreams.get(plan.upstream as usize);
    let found = state.zip(rules).map(|(state, rules)| (state, &**rules));
    found.ok_or_else(|| Fault::proxy(Kind::ProxyInternalError))
}

/// One walk through the servers of the exchange's snapshot. `began` is when it began to wait for
/// a server, if it has.
async fn fetch_once(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    (kept, began): (&Kept, &Cell<Option<Instant>>),
) -> Result<Response, Missed> {
    let in_force = Rc::clone(&exchange.snapshot);
    let (upstream, rules) = upstream_of(&in_force, plan)?;
    let bound =
        rules.sticky.as_ref().and_then(|s| s.read(&exchange.request.headers, upstream.cluster()));
    let key = rules.key.as_ref().and_then(|key| key::of(exchange, key));
    let tried = Tried::new();
    let mut course = Course { worker, plan, upstream, rules, kept, began, bound, key, tried };
    let response = course.run(exchange).await;
    exchange.per_try = None;
    let mut response = response?;
    course.bind(exchange, &mut response);
    Ok(response)
}

/// One request on its way through the servers.
struct Course<'a> {
    worker: &'a Worker,
    plan: &'a ProxyPlan,
    upstream: &'a UpstreamState,
    rules: &'a UpstreamPlan,
    kept: &'a Kept,
    began: &'a Cell<Option<Instant>>,
    /// The server that the client's cookie names.
    bound: Option<ServerIndex>,
    /// The hash of what the request is known by.
    key: Option<u64>,
    tried: Tried,
}

impl Course<'_> {
    async fn run(&mut self, exchange: &mut Exchange) -> Result<Response, Missed> {
        let mut last = Fault::proxy(Kind::DestinationUnavailable);
        let mut repeat = None;
        for attempt in 0..=self.rules.retry.attempts {
            let (turn, server) = match self.find(exchange, attempt).await {
                Ok(found) => found,
                Err(missed) if attempt == 0 => return Err(missed),
                Err(_) => return Err(last.into()),
            };
            let index = turn.server();
            exchange.trace.server =
                Some(ServerAt { upstream: self.plan.upstream, server: index.0 });
            exchange.trace.attempts += 1;
            let more = attempt < self.rules.retry.attempts;
            exchange.per_try = self.rules.retry.per_try.filter(|_| more);
            self.kept.restore(exchange);
            self.announce_deadline(exchange);
            let hedge_after = self.hedge_after(exchange).filter(|_| attempt == 0);
            let (began, other) = match hedge_after {
                None => (on_server(exchange, self.plan, (server, turn)).await, None),
                Some(after) => Box::pin(self.ask_two(exchange, (server, turn), after)).await,
            };
            let index = exchange.trace.server.map_or(index, |at| ServerIndex(at.server));
            let (outcome, may_follow) = match began {
                Ok((response, took)) => {
                    let status = response.head.status;
                    self.note_answer(index, status, took);
                    (Ok(response), self.may_follow_answer(exchange, status))
                }
                Err(fault) => {
                    self.note_fault(index, &fault, exchange);
                    (Err(fault), self.may_follow_fault(exchange, &fault))
                }
            };
            if !more || !may_follow {
                return outcome.map_err(Missed::from);
            }
            let Some(begun) = Repeat::begin(self.upstream.cluster(), clock::coarse()) else {
                // Where the budget is spent, this is the answer.
                self.worker.metrics().limit("retry-budget");
                return outcome.map_err(Missed::from);
            };
            if let Err(fault) = outcome {
                last = fault;
            }
            repeat.replace(begun);
            exchange.metrics().retry(self.plan.upstream);
            self.tried.add(index);
            other.into_iter().for_each(|other| self.tried.add(other));
        }
        Err(last.into())
    }

    /// The server for this try, with the place on it. Waits where all are full.
    async fn find(
        &self,
        exchange: &Exchange,
        attempt: u32,
    ) -> Result<(Turn, &Rc<ServerState>), Missed> {
        let now = if attempt == 0 { exchange.trace.started } else { clock::now() };
        if let Some(bound) = self.bound
            && let Found::Server(turn, server) = self.upstream.pick_bound(bound, now, &self.tried)
        {
            return Ok((turn, server));
        }
        let queue = self.upstream.chooser().queue();
        // Who comes while others wait lines up behind them.
        if attempt > 0 || queue.is_empty() {
            match self.upstream.pick(now, self.key, &self.tried) {
                Found::Server(turn, server) => return Ok((turn, server)),
                Found::None => return Err(Fault::proxy(Kind::DestinationUnavailable).into()),
                Found::Full => {}
            }
        }
        // Rare, and too large for every exchange to make room for.
        Box::pin(self.wait(attempt, exchange)).await
    }

    async fn wait(
        &self,
        attempt: u32,
        exchange: &Exchange,
    ) -> Result<(Turn, &Rc<ServerState>), Missed> {
        let entry = if attempt == 0 { Entry::Last } else { Entry::First };
        let queue = self.upstream.chooser().queue();
        let line = queue.enter(self.upstream.cluster(), self.rules.queue_max, entry);
        let line = line.ok_or_else(|| Fault::proxy(Kind::UpstreamFull))?;
        let began = self.began.get().unwrap_or_else(clock::now);
        self.began.set(Some(began));
        loop {
            let left = self.rules.queue_timeout.saturating_sub(began.elapsed());
            if left.is_zero() || !line.called(left).await {
                return Err(Fault::proxy(Kind::QueueTimeout).into());
            }
            // Further tries know their servers by numbers that mean others there.
            if attempt == 0 && self.worker.snapshot().is_heir_of(&exchange.snapshot) {
                return Err(Missed::Changed);
            }
            match self.upstream.pick(clock::now(), self.key, &self.tried) {
                Found::Server(turn, server) => return Ok((turn, server)),
                Found::None => return Err(Fault::proxy(Kind::DestinationUnavailable).into()),
                Found::Full => {}
            }
        }
    }

    /// Whether another server may be asked after an answer with this status.
    fn may_follow_answer(&self, exchange: &Exchange, status: u16) -> bool {
        is_wanted_after(&self.rules.retry.on, status, (exchange, self.kept))
    }

    /// Whether another server may be asked after this fault.
    fn may_follow_fault(&self, exchange: &Exchange, fault: &Fault) -> bool {
        is_safe(exchange, fault, self.kept) && is_wanted(&self.rules.retry.on, fault)
    }

    /// Tells the server how long the client's side will wait.
    fn announce_deadline(&self, exchange: &mut Exchange) {
        let Some(name) = &self.rules.deadline_header else { return };
        exchange.request.headers.remove_named(name.as_bytes());
        if let Some(left) = exchange.total_left() {
            let left_ms = left.as_millis().to_string();
            exchange.request.headers.push(name.as_bytes(), left_ms.as_bytes());
        }
    }

    fn note_answer(&self, server: ServerIndex, status: u16, took: Option<Duration>) {
        let failed = matches!(status, 502..=504);
        let took_or_none = took.unwrap_or_default();
        let outcome = if failed { Outcome::Failed(took_or_none) } else { Outcome::Answered(took) };
        self.upstream.cluster().note(server, outcome, clock::coarse());
    }

    /// Counts a fault that is not the client's, and holds it against the server.
    fn note_fault(&self, server: ServerIndex, fault: &Fault, exchange: &Exchange) {
        if fault.side != Side::Upstream {
            return;
        }
        let at = ServerAt { upstream: self.plan.upstream, server: server.0 };
        exchange.metrics().upstream_fault(at);
        let outcome = if is_connecting(fault.kind) {
            Outcome::Unreachable
        } else {
            Outcome::Failed(exchange.trace.started.elapsed())
        };
        self.upstream.cluster().note(server, outcome, clock::now());
    }

    /// Binds the client to the server that has answered, if it is not bound to it already.
    fn bind(&self, exchange: &Exchange, response: &mut Response) {
        let Some(sticky) = &self.rules.sticky else { return };
        let server = exchange.trace.server.map(|at| ServerIndex(at.server));
        let vitals = server.and_then(|server| self.upstream.cluster().vitals(server));
        if server != self.bound
            && let Some(vitals) = vitals
        {
            let encrypted = exchange.client.scheme == "https";
            sticky.write(&mut response.head.headers, vitals.id(), encrypted);
        }
    }
}

/// Tries one server. A kept connection may have died unseen; then a new one is made, once.
/// Returns the time to the answer with it, where that tells something of the server.
async fn on_server(
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    (server, turn): (&Rc<ServerState>, Turn),
) -> Result<(Response, Option<Duration>), Fault> {
    if let Some(mut way) = kept(server) {
        exchange.metrics().pool_hit(plan.upstream);
        way.occupy(turn.again());
        match go(exchange, plan, way).await {
            // The connection was dead before this request: that is no fault of the server's.
            Err(fault) if may_be_stale(exchange, &fault) => exchange.metrics().retry(plan.upstream),
            outcome => return outcome,
        }
    }
    exchange.metrics().pool_miss(plan.upstream);
    let started = clock::now();
    let most = exchange.per_try.map_or(plan.connect_timeout, |most| most.min(plan.connect_timeout));
    let timeout = exchange.total_left().map_or(most, |left| left.min(most));
    let snapshot = Rc::clone(&exchange.snapshot);
    let relayed = Relayed::new(exchange.client.addresses(), exchange.tls.as_deref());
    let header = relayed.header(server.proxy_protocol);
    // A new connection is rare where connections are kept: only then is there room for it.
    let made = connect::make(server, timeout, (&snapshot, &header));
    let mut way = Box::pin(made).await?;
    way.occupy(turn);
    let took = started.elapsed();
    exchange.trace.connect = Some(took);
    if let Some(at) = exchange.trace.server {
        exchange.metrics().upstream_connect(at, took);
    }
    go(exchange, plan, way).await
}

/// A way that is there already; none where a connection is for one client alone.
fn kept(server: &Rc<ServerState>) -> Option<Way> {
    if server.proxy_protocol.is_some() {
        return None;
    }
    if !server.speaks_h1_only()
        && let Some(stream) = connect::shared_stream(server)
    {
        return Some(Way::H2(stream));
    }
    Lease::from_pool(server).map(Way::H1)
}

/// Sends the request and awaits the head of the answer. The time of an upload is the client's
/// too, so it says nothing of the server.
async fn go(
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    way: Way,
) -> Result<(Response, Option<Duration>), Fault> {
    let began = exchange.body.is_empty().then(clock::now);
    let response = match way {
        Way::H1(lease) => attempt::run(exchange, plan, lease).await?,
        // Rarer and larger: the size of every exchange does not pay for it.
        Way::H2(lease) => Box::pin(h2::run(exchange, plan, lease)).await?,
    };
    let ended = exchange.trace.first_byte;
    let took = began.zip(ended).map(|(began, ended)| ended.saturating_duration_since(began));
    Ok((response, took))
}

/// Counts a response head.
fn note_response(exchange: &Exchange, status: u16) {
    if let Some(at) = exchange.trace.server {
        let waited = exchange.trace.started.elapsed();
        exchange.metrics().upstream_response(at, status, waited);
    }
}

/// Writes the `Host` that this server is to see.
fn set_host(exchange: &mut Exchange, plan: &ProxyPlan, target: &ServerTarget) {
    let host = match &plan.host {
        HostPlan::Client => return,
        HostPlan::Upstream => target.host(),
        HostPlan::Literal(host) => host.as_str(),
    };
    exchange.request.headers.set_known(Known::Host, host.as_bytes());
}

/// Whether a kept connection may have been closed before the request reached the server: then it
/// is sent again on a new one, if that is safe (RFC 9112 §9.5).
fn may_be_stale(exchange: &mut Exchange, fault: &Fault) -> bool {
    match (fault.kind, fault.retry) {
        (_, Retry::Never) | (Kind::HttpResponseTimeout | Kind::ConnectionWriteTimeout, _) => false,
        (_, Retry::IfUnsent) => true,
        (_, Retry::IfIdempotent) => {
            exchange.request.method.is_idempotent()
                && (exchange.body.is_untouched() || exchange.body.rewind())
        }
    }
}
