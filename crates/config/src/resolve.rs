//! Checks over the whole configuration: names that must exist, things that must be unique.

use std::collections::HashMap;

use crate::decode::Context;
use crate::model::{Action, Config};
use crate::report::Diagnostic;
use crate::suggest::did_you_mean;

/// Checks what no node can know alone.
pub(crate) fn check(config: &Config, context: &mut Context) {
    upstream_names(config, context);
    unknown_upstreams(config, context);
    unused_upstreams(config, context);
    if config.listeners.is_empty() && context.found.is_empty() {
        context.error(
            Diagnostic::nowhere("nothing listens")
                .help("add a listener, for example: listen \":80\""),
        );
    }
}

fn upstream_names(config: &Config, context: &mut Context) {
    let mut first = HashMap::new();
    for upstream in &config.upstreams {
        if let Some(before) = first.insert(upstream.name.as_str(), upstream.span) {
            let message = format!("there are two upstreams `{}`", upstream.name);
            context.error(Diagnostic::error(upstream.span, message).mark(before, "first here"));
        }
    }
}

fn unknown_upstreams(config: &Config, context: &mut Context) {
    let names = config.upstreams.iter().map(|upstream| upstream.name.as_str());
    for route in config.sites.iter().flat_map(|site| &site.routes) {
        let Action::Proxy(proxy) = &route.action else { continue };
        if config.upstream(&proxy.upstream).is_none() {
            let message = format!("there is no upstream `{}`", proxy.upstream);
            let help = did_you_mean(&proxy.upstream, names.clone());
            context.error(Diagnostic::error(proxy.span, message).help_if(help));
        }
    }
}

fn unused_upstreams(config: &Config, context: &mut Context) {
    let used = |name: &str| {
        let routes = config.sites.iter().flat_map(|site| &site.routes);
        let mut actions = routes.map(|route| &route.action);
        actions.any(|action| matches!(action, Action::Proxy(proxy) if proxy.upstream == name))
    };
    for upstream in config.upstreams.iter().filter(|upstream| !used(&upstream.name)) {
        let message = format!("no route uses the upstream `{}`", upstream.name);
        context.error(Diagnostic::warning(upstream.span, message));
    }
}
