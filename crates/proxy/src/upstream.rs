//! Room 7: lease or connect, send the request, await the head of the answer.
//!
//! **Invariant:** retries happen in [`fetch`] and nowhere else.

mod attempt;
mod connect;
mod h2;
mod lease;
mod pool;
mod servers;
mod stream;
mod upload;

pub use attempt::request_framing;
pub use h2::StreamPool;
pub use lease::Lease;
pub use pool::Pool;
pub use servers::{ServerState, UpstreamState, Upstreams};
pub use stream::StreamLease;
pub use upload::{Upload, UploadTask};

use std::rc::Rc;

use balance::{Report, ServerIndex, Tried};
use http1::Known;

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Retry, Side};
use crate::io::clock;
use crate::record::ServerAt;
use crate::snapshot::{HostPlan, ProxyPlan, ServerTarget};
use crate::worker::Worker;

use connect::Way;

/// Interim responses that are relayed before the final one; an origin that sends more is faulty.
const INTERIM_MAX: usize = 16;

/// Servers that one request may try at the most, stale connections not counted.
const ATTEMPTS_MAX: usize = 3;

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
    let in_force = Rc::clone(&exchange.snapshot);
    let Some(upstream) = in_force.servers().at(plan.upstream) else {
        return Err(Fault::proxy(Kind::ProxyInternalError));
    };
    let mut tried = Tried::new();
    let mut last = Fault::proxy(Kind::DestinationUnavailable);
    for attempt in 0..ATTEMPTS_MAX {
        let Some((index, server)) = upstream.pick(exchange.trace.started, &tried) else {
            return Err(last);
        };
        exchange.trace.server = Some(ServerAt { upstream: plan.upstream, server: index.0 });
        exchange.trace.attempts += 1;
        if attempt > 0 {
            worker.metrics().retry(plan.upstream);
        }
        match on_server(worker, exchange, plan, server).await {
            Ok(response) => {
                upstream.report(index, Report::Reached, clock::coarse());
                return Ok(response);
            }
            Err(fault) => {
                note_fault(worker, upstream, (plan.upstream, index), &fault);
                if !may_retry(exchange, &fault) {
                    return Err(fault);
                }
                tried.add(index);
                last = fault;
            }
        }
    }
    Err(last)
}

/// Counts a fault that is not the client's, and sets an unreachable server aside.
fn note_fault(
    worker: &Worker,
    upstream: &UpstreamState,
    (number, index): (u32, ServerIndex),
    fault: &Fault,
) {
    if fault.side == Side::Upstream {
        worker.metrics().upstream_fault(ServerAt { upstream: number, server: index.0 });
    }
    if is_unreachable(fault) {
        upstream.report(index, Report::Unreachable, clock::now());
    }
}

/// Tries one server. A kept connection may have died unseen; then a new one is made, once.
async fn on_server(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    server: &Rc<ServerState>,
) -> Result<Response, Fault> {
    if let Some(way) = kept(server) {
        worker.metrics().pool_hit(plan.upstream);
        match go(worker, exchange, plan, way).await {
            // The connection was dead before this request: that is no fault of the server's.
            Err(fault) if may_retry(exchange, &fault) => worker.metrics().retry(plan.upstream),
            outcome => return outcome,
        }
    }
    worker.metrics().pool_miss(plan.upstream);
    let started = clock::now();
    let timeout =
        exchange.total_left().map_or(plan.connect_timeout, |left| left.min(plan.connect_timeout));
    let snapshot = Rc::clone(&exchange.snapshot);
    let way = connect::make(server, timeout, &snapshot).await?;
    let took = started.elapsed();
    exchange.trace.connect = Some(took);
    if let Some(at) = exchange.trace.server {
        worker.metrics().upstream_connect(at, took);
    }
    go(worker, exchange, plan, way).await
}

/// A way that is there already.
fn kept(server: &Rc<ServerState>) -> Option<Way> {
    if !server.speaks_h1_only()
        && let Some(stream) = connect::shared_stream(server)
    {
        return Some(Way::H2(stream));
    }
    Lease::from_pool(server).map(Way::H1)
}

async fn go(
    worker: &Worker,
    exchange: &mut Exchange,
    plan: &ProxyPlan,
    way: Way,
) -> Result<Response, Fault> {
    match way {
        Way::H1(lease) => attempt::run(worker, exchange, plan, lease).await,
        // Rarer and larger: the size of every exchange does not pay for it.
        Way::H2(lease) => Box::pin(h2::run(worker, exchange, plan, lease)).await,
    }
}

/// Counts a response head.
fn note_response(worker: &Worker, exchange: &Exchange, status: u16) {
    if let Some(at) = exchange.trace.server {
        let waited = exchange.trace.started.elapsed();
        worker.metrics().upstream_response(at, status, waited);
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

/// Whether the request may be sent again (RFC 9110 §9.2.2): nothing of it was sent, or it is
/// idempotent and its body has not been touched.
fn may_retry(exchange: &Exchange, fault: &Fault) -> bool {
    match fault.retry {
        Retry::Never => false,
        Retry::IfUnsent => true,
        Retry::IfIdempotent => {
            exchange.request.method.is_idempotent() && exchange.body.is_untouched()
        }
    }
}

/// Whether the server could not even be reached.
fn is_unreachable(fault: &Fault) -> bool {
    matches!(fault.kind, Kind::DnsError | Kind::ConnectionRefused | Kind::ConnectionTimeout)
}
