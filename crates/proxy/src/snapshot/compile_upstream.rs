//! Groups of servers, compiled.

use std::sync::Arc;
use std::time::Instant;

use balance::Cluster;

use super::members::{Names, Roll};
use super::{CompileFault, Snapshot, UpstreamPlan, cluster};
use crate::tls::ClientTls;
use crate::upstream::Sticky;

/// Every upstream of a configuration. What is known of the same servers from before stays.
pub(super) fn all(
    config: &config::Config,
    before: Option<&Snapshot>,
) -> Result<Vec<Arc<UpstreamPlan>>, CompileFault> {
    let mut names = Names::known(before);
    let zone = config.zone.as_deref();
    let compile = |upstream: &config::Upstream| {
        let written: Arc<[_]> = upstream.servers.as_slice().into();
        let roll = Roll::of(&written, (zone, upstream.servers_max as usize), &mut names);
        let known = before.and_then(|before| before.upstream(&upstream.name));
        one(upstream, (written, roll), known.map(|plan| &*plan.cluster)).map(Arc::new)
    };
    config.upstreams.iter().map(compile).collect()
}

fn one(
    upstream: &config::Upstream,
    (written, roll): (Arc<[config::Server]>, Roll),
    known: Option<&Cluster>,
) -> Result<UpstreamPlan, CompileFault> {
    let alpn: &[&[u8]] = match upstream.protocol {
        config::UpstreamProtocol::H1 => &[b"http/1.1"],
        config::UpstreamProtocol::H2 => &[b"h2"],
        config::UpstreamProtocol::Auto => &[b"h2", b"http/1.1"],
    };
    let tls = upstream.tls.as_ref().map(|tls| ClientTls::build(tls, alpn)).transpose()?;
    let cluster = Cluster::new(roll.members, cluster::rules(upstream), known, Instant::now());
    Ok(UpstreamPlan {
        name: upstream.name.clone(),
        written,
        names: roll.names,
        servers_max: upstream.servers_max as usize,
        left_out: roll.left_out,
        servers: roll.servers,
        cluster: Arc::new(cluster),
        key: upstream.balance.key.clone(),
        retry: upstream.retry.clone(),
        sticky: upstream.sticky.as_ref().map(|sticky| Sticky::new(sticky, &upstream.name)),
        requests_max: upstream.circuit_breaker.requests_max,
        queue_max: upstream.connections.queue,
        queue_timeout: upstream.connections.queue_timeout,
        deadline_header: upstream.deadline_header.clone(),
        idle_max: upstream.connections.idle_max as usize,
        idle_timeout: upstream.connections.idle,
        streams_max: upstream.connections.streams_max as usize,
        protocol: upstream.protocol,
        tls: tls.map(Arc::new),
        tls_config: upstream.tls.clone(),
        health_check: upstream.health_check.clone().map(Arc::new),
        proxy_protocol: upstream.proxy_protocol,
    })
}
