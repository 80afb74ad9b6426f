//! Listeners that pass connections on unread, compiled.

use std::sync::Arc;

use super::CompileFault;
use crate::layer4::plan::{ForwardPlan, Layer4};
use crate::tls::{self, ClientTls};

/// What a listener offers in a handshake of its own: nothing where it does not know what follows.
pub(super) fn alpn(listener: &config::Listener) -> Vec<&'static [u8]> {
    match listener.protocol {
        config::ListenerProtocol::Http => tls::alpn(listener.protocols),
        config::ListenerProtocol::Tcp => Vec::new(),
    }
}

/// Where a listener's connections go.
pub(super) fn layer4(
    config: &config::Config,
    listener: &config::Listener,
) -> Result<Layer4, CompileFault> {
    let mut layer4 = Layer4::default();
    if let Some(rest) = &listener.forward {
        let label = listener.address.to_string();
        layer4.rest = Some(add(config, &mut layer4.forwards, (rest, label))?);
    }
    Ok(layer4)
}

/// Adds a destination; returns its index.
fn add(
    config: &config::Config,
    forwards: &mut Vec<ForwardPlan>,
    (forward, label): (&config::Forward, String),
) -> Result<u32, CompileFault> {
    let named = |known: &config::Upstream| known.name == forward.upstream;
    let missing = || CompileFault::new(format!("no upstream `{}`", forward.upstream));
    let upstream = config.upstreams.iter().position(named).ok_or_else(missing)?;
    let plan = config.upstreams.get(upstream).ok_or_else(missing)?;
    // What is spoken is not known here, so nothing is offered.
    let tls = plan.tls.as_ref().map(|tls| ClientTls::build(tls, &[])).transpose()?;
    forwards.push(ForwardPlan {
        label,
        upstream: upstream as u32,
        connect_timeout: plan.timeouts.connect,
        tls: tls.map(Arc::new),
    });
    Ok(forwards.len() as u32 - 1)
}
