//! What answers the requests of a route, compiled.

use super::compile::{find_upstream, to_usize};
use super::{
    Action, CompileFault, FailoverPlan, HostPlan, ProxyPlan, RedirectPlan, RespondPlan, SplitPlan,
};
use crate::mirror::MirrorPlan;
use crate::template::Template;

/// The action of a route.
pub(super) fn compile(
    config: &config::Config,
    route: &config::Route,
) -> Result<Action, CompileFault> {
    Ok(match &route.action {
        config::Action::Proxy(proxy) => Action::Proxy(proxy_plan(config, route, proxy)?),
        config::Action::Split(split) => Action::Split(split_plan(config, route, split)?),
        config::Action::Respond(respond) => Action::Respond(RespondPlan {
            status: respond.status,
            body: respond.body.as_bytes().into(),
            content_type: content_type(respond),
        }),
        config::Action::Redirect(redirect) => Action::Redirect(RedirectPlan {
            status: redirect.status,
            location: Template::compile(&redirect.to),
        }),
    })
}

/// The mirror of a route.
pub(super) fn mirror(
    config: &config::Config,
    route: &config::Route,
) -> Result<Option<MirrorPlan>, CompileFault> {
    let Some(mirror) = &route.mirror else { return Ok(None) };
    // 100,000 parts make a whole.
    let part = u64::MAX / 100_000;
    let drawn_below =
        if mirror.sample < 100_000 { part * u64::from(mirror.sample) } else { u64::MAX };
    Ok(Some(MirrorPlan {
        to: proxy_plan(config, route, &mirror.to)?,
        drawn_below,
        body_bytes_max: to_usize(mirror.body_bytes_max),
        in_flight_max: mirror.in_flight_max as usize,
        timeout: mirror.timeout,
    }))
}

fn content_type(respond: &config::Respond) -> String {
    let default = if respond.body.is_empty() { "" } else { "text/plain; charset=utf-8" };
    respond.content_type.clone().unwrap_or_else(|| default.to_owned())
}

fn proxy_plan(
    config: &config::Config,
    route: &config::Route,
    proxy: &config::Proxy,
) -> Result<ProxyPlan, CompileFault> {
    let (index, upstream) = find_upstream(config, &proxy.upstream)?;
    let failover = |failover: &config::Failover| -> Result<_, CompileFault> {
        let to = proxy_plan(config, route, &failover.to)?;
        Ok(Box::new(FailoverPlan { to, on: failover.on.clone() }))
    };
    Ok(ProxyPlan {
        upstream: index,
        host: match &proxy.host {
            config::HostPolicy::Client => HostPlan::Client,
            config::HostPolicy::Upstream => HostPlan::Upstream,
            config::HostPolicy::Literal(host) => HostPlan::Literal(host.clone()),
        },
        connect_timeout: upstream.timeouts.connect,
        first_byte_timeout: route.timeouts.first_byte.unwrap_or(upstream.timeouts.first_byte),
        failover: proxy.failover.as_deref().map(failover).transpose()?,
    })
}

fn split_plan(
    config: &config::Config,
    route: &config::Route,
    split: &config::Split,
) -> Result<SplitPlan, CompileFault> {
    let parts = split
        .targets
        .iter()
        .map(|target| Ok((target.weight, proxy_plan(config, route, &target.proxy)?)));
    Ok(SplitPlan::new(parts.collect::<Result<_, CompileFault>>()?, split.key.clone()))
}
