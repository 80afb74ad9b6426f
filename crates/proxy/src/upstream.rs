//! Room 7: lease or connect, send the request, await the head of the answer.
//!
//! **Invariant:** retries happen in [`fetch`] and nowhere else.

mod attempt;
mod connect;
mod lease;
mod pool;
mod servers;
mod stream;
mod upload;

pub use attempt::request_framing;
pub use lease::Lease;
pub use pool::Pool;
pub use servers::{ServerState, UpstreamState, Upstreams};
pub use stream::StreamLease;
pub use upload::UploadTask;

use std::rc::Rc;

use balance::{Report, ServerIndex, Tried};

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Retry, Side};
use crate::io::clock;
use crate::record::ServerAt;
use crate::snapshot::ProxyPlan;
use crate::worker::Worker;

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
    if let Some(lease) = Lease::from_pool(server) {
        worker.metrics().pool_hit(plan.upstream);
        match attempt::run(worker, exchange, plan, lease).await {
            // The connection was dead before this request: that is no fault of the server's.
            Err(fault) if may_retry(exchange, &fault) => worker.metrics().retry(plan.upstream),
            outcome => return outcome,
        }
    }
    worker.metrics().pool_miss(plan.upstream);
    let started = clock::now();
    let timeout =
        exchange.total_left().map_or(plan.connect_timeout, |left| left.min(plan.connect_timeout));
    let lease = connect::lease(server, timeout).await?;
    let took = started.elapsed();
    exchange.trace.connect = Some(took);
    if let Some(at) = exchange.trace.server {
        worker.metrics().upstream_connect(at, took);
    }
    attempt::run(worker, exchange, plan, lease).await
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
