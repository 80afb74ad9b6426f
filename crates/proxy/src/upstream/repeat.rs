//! Whether a failed request may be tried again: what failed, what is safe, what the budget has.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use balance::Cluster;
use http1::encode::Framing;

use crate::body::Body;
use crate::exchange::Exchange;
use crate::fault::{Fault, Kind, Retry};
use crate::snapshot::UpstreamPlan;

/// What is kept of a request so that it can be sent again.
#[derive(Debug)]
pub(super) enum Kept {
    /// It has no body.
    NoBody,
    /// All of its body.
    Whole(Arc<[u8]>),
    /// The body goes to a server as it comes.
    Nothing,
}

impl Kept {
    /// Keeps the body of a request that could be sent again, if it is short enough. It is read
    /// whole before the first server is asked.
    ///
    /// # Errors
    /// When the client does not send it.
    pub(super) async fn of(exchange: &mut Exchange, plan: &UpstreamPlan) -> Result<Self, Fault> {
        if exchange.body.is_empty() {
            return Ok(Self::NoBody);
        }
        let max = plan.retry.body_bytes_max;
        let fits = matches!(exchange.framing, Framing::Length(bytes) if bytes <= max);
        let is_plain = !exchange.expects_continue && !exchange.upgrades;
        if !fits || !is_plain || !exchange.request.method.is_idempotent() {
            return Ok(Self::Nothing);
        }
        let bytes = Box::pin(read_whole(&mut exchange.body)).await?;
        Ok(Self::Whole(bytes.into()))
    }

    /// Puts the body back before the next try.
    pub(super) fn restore(&self, exchange: &mut Exchange) {
        if let Self::Whole(bytes) = self {
            exchange.body = Body::shared(Arc::clone(bytes));
        }
    }

    /// Whether the body can be sent after a try that may have taken some of it.
    fn is_replayable(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

async fn read_whole(body: &mut Body) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    while poll_fn(|cx| body.poll_data(cx)).await? {
        let count = body.with_data(|data| {
            bytes.extend_from_slice(data);
            data.len()
        });
        body.consume(count);
    }
    Ok(bytes)
}

/// Whether a request may be sent again after a fault (RFC 9110 §9.2.2): nothing of it was sent,
/// or it is idempotent and its body is still there.
pub(super) fn is_safe(exchange: &Exchange, fault: &Fault, kept: &Kept) -> bool {
    match fault.retry {
        Retry::Never => false,
        Retry::IfUnsent => is_there(exchange, kept),
        Retry::IfIdempotent => {
            let is_there = matches!(kept, Kept::Whole(_)) || exchange.body.is_untouched();
            exchange.request.method.is_idempotent() && is_there
        }
    }
}

/// Whether no server was asked at all.
pub(super) fn is_unasked(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DestinationUnavailable | Kind::UpstreamFull | Kind::QueueTimeout | Kind::CircuitOpen
    )
}

/// Whether all of the body can still be sent.
pub(super) fn is_there(exchange: &Exchange, kept: &Kept) -> bool {
    kept.is_replayable() || exchange.body.is_untouched()
}

/// Whether the configuration wants another try after this fault.
pub(super) fn is_wanted(on: &config::RetryOn, fault: &Fault) -> bool {
    match fault.kind {
        Kind::HttpResponseTimeout | Kind::ConnectionWriteTimeout => on.timeout,
        _ if fault.retry == Retry::IfUnsent && is_connecting(fault.kind) => on.connect,
        _ => on.reset,
    }
}

/// Whether another server may answer better than with this status.
pub(super) fn is_wanted_after(
    on: &config::RetryOn,
    status: u16,
    (exchange, kept): (&Exchange, &Kept),
) -> bool {
    on.statuses.contains(&status)
        && exchange.request.method.is_idempotent()
        && kept.is_replayable()
        && !exchange.early_response
}

/// Whether it was the connection that could not be made.
pub(super) fn is_connecting(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DnsError
            | Kind::ConnectionRefused
            | Kind::ConnectionTimeout
            | Kind::TlsCertificateError
            | Kind::TlsProtocolError
            | Kind::TlsAlertReceived
    )
}

/// A try beyond the first, paid for from the budget.
#[derive(Debug)]
pub(super) struct Repeat(Arc<Cluster>);

impl Repeat {
    /// Takes one out of the budget, if there is one.
    pub(super) fn begin(cluster: &Arc<Cluster>, now: Instant) -> Option<Self> {
        cluster.begin_repeat(now).then(|| Self(Arc::clone(cluster)))
    }
}

impl Drop for Repeat {
    fn drop(&mut self) {
        self.0.end_repeat();
    }
}
