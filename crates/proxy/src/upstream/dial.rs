//! A connection to a server for bytes that nobody looks into.

use balance::{Outcome, Tried};

use super::{Found, Lease, connect};
use crate::fault::{Fault, Kind};
use crate::io::clock;
use crate::key;
use crate::layer4::SessionTrace;
use crate::layer4::plan::ForwardPlan;
use crate::proxy_protocol::Relayed;
use crate::record::ServerAt;
use crate::snapshot::InForce;

/// Connects to a server of the plan's upstream, or to another where that fails.
///
/// # Errors
/// The last fault, when no further server may be tried.
pub async fn dial(
    in_force: &InForce,
    plan: &ForwardPlan,
    (relayed, trace): (&Relayed<'_>, &mut SessionTrace),
) -> Result<Lease, Fault> {
    let Some(upstream) = in_force.servers().at(plan.upstream) else {
        return Err(Fault::proxy(Kind::ProxyInternalError));
    };
    let rules = in_force.upstreams.get(plan.upstream as usize);
    let client = relayed.addresses.map(|(client, _)| client.ip());
    let key = rules.and_then(|rules| key::of_address(client?, rules.key.as_ref()?));
    let mut tried = Tried::new();
    let mut last = Fault::proxy(Kind::DestinationUnavailable);
    let retry = rules.map(|rules| &rules.retry).filter(|retry| retry.on.connect);
    for attempt in 0..=retry.map_or(0, |retry| retry.attempts) {
        let now = clock::now();
        let (turn, server) = match upstream.pick(now, key, &tried) {
            Found::Server(turn, server) => (turn, server),
            Found::Full if attempt == 0 => return Err(Fault::proxy(Kind::UpstreamFull)),
            Found::Full | Found::None => return Err(last),
        };
        let index = turn.server();
        let at = ServerAt { upstream: plan.upstream, server: index.0 };
        trace.server = Some(at);
        trace.attempts += 1;
        if attempt > 0 {
            in_force.metrics().retry(plan.upstream);
        }
        let header = relayed.header(server.proxy_protocol);
        let way = (plan.tls.as_deref(), header.as_slice());
        match connect::open_within(server, plan.connect_timeout, way).await {
            Ok(stream) => {
                let took = now.elapsed();
                trace.connect = Some(took);
                in_force.metrics().upstream_connect(at, took);
                upstream.cluster().note(index, Outcome::Answered(None), clock::coarse());
                let mut lease = connect::fresh(stream, server);
                lease.occupy(turn);
                return Ok(lease);
            }
            Err(fault) => {
                in_force.metrics().upstream_fault(at);
                upstream.cluster().note(index, Outcome::Unreachable, clock::now());
                tried.add(index);
                last = fault;
            }
        }
    }
    Err(last)
}
