//! Listeners that pass connections on unread, compiled.

use std::sync::Arc;

use super::CompileFault;
use super::compile::find_upstream;
use crate::layer4::plan::ForwardPlan;
use crate::tls::{self, ClientTls};

/// What a listener offers in a handshake of its own: nothing where it does not know what follows.
pub(super) fn alpn(listener: &config::Listener) -> Vec<&'static [u8]> {
    match listener.protocol {
        config::ListenerProtocol::Http => tls::alpn(listener.protocols),
        config::ListenerProtocol::Tcp => Vec::new(),
    }
}

/// Where a listener's connections go, where they are passed on unread.
pub(super) fn forward(
    config: &config::Config,
    listener: &config::Listener,
) -> Result<Option<ForwardPlan>, CompileFault> {
    let Some(forward) = &listener.forward else { return Ok(None) };
    let (upstream, plan) = find_upstream(config, &forward.upstream)?;
    // What is spoken is not known here, so nothing is offered.
    let tls = plan.tls.as_ref().map(|tls| ClientTls::build(tls, &[])).transpose()?;
    Ok(Some(ForwardPlan {
        label: listener.address.to_string(),
        upstream,
        connect_timeout: plan.timeouts.connect,
        tls: tls.map(Arc::new),
    }))
}
