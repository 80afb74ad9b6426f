//! Listeners that pass connections on unread, compiled.

use std::sync::Arc;

use super::CompileFault;
use super::compile::find_upstream;
use crate::layer4::passes::Passes;
use crate::layer4::plan::ForwardPlan;
use crate::tls::{self, ClientTls};

/// What a listener offers in a handshake of its own: nothing where it does not know what follows.
pub(super) fn alpn(listener: &config::Listener) -> Vec<&'static [u8]> {
    match listener.protocol {
        config::ListenerProtocol::Http => tls::alpn(listener.protocols),
        config::ListenerProtocol::Tcp
        | config::ListenerProtocol::Udp
        | config::ListenerProtocol::TlsPassthrough => Vec::new(),
    }
}

/// Where a listener's connections go, where they are passed on unread.
pub(super) fn forward(
    config: &config::Config,
    listener: &config::Listener,
) -> Result<Option<ForwardPlan>, CompileFault> {
    let forward = listener.forward.as_ref();
    forward.map(|forward| plan(config, listener, forward)).transpose()
}

/// Which TLS connections of a listener are passed on as they are.
pub(super) fn passes(
    config: &config::Config,
    listener: &config::Listener,
) -> Result<Passes, CompileFault> {
    let routes = listener.pass_routes.iter();
    let compiled = routes.map(|route| Ok((route, plan(config, listener, &route.forward)?)));
    Ok(Passes::new(compiled.collect::<Result<_, CompileFault>>()?))
}

fn plan(
    config: &config::Config,
    listener: &config::Listener,
    forward: &config::Forward,
) -> Result<ForwardPlan, CompileFault> {
    let (upstream, plan) = find_upstream(config, &forward.upstream)?;
    // What is spoken is not known here, so nothing is offered.
    let tls = plan.tls.as_ref().map(|tls| ClientTls::build(tls, &[])).transpose()?;
    Ok(ForwardPlan {
        label: listener.address.to_string(),
        upstream,
        connect_timeout: plan.timeouts.connect,
        tls: tls.map(Arc::new),
    })
}
