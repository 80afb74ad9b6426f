//! Checks over the whole configuration: names that must exist, things that must be unique.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::decode::Context;
use crate::model::{
    Action, Config, HostPattern, ListenAddress, ListenerProtocol, PathPattern, Placeholder, Proxy,
    Route, Server, ServerAddress, Site, Span, Template, TemplateSegment,
};
use crate::report::Diagnostic;
use crate::suggest::did_you_mean;

/// Checks what no node can know alone.
pub(crate) fn check(config: &Config, context: &mut Context) {
    unique_listeners(config, context);
    unique_upstreams(config, context);
    caches(config, context);
    unique_hosts(config, context);
    for site in &config.sites {
        unique_routes(site, config.path.merge_slashes, context);
    }
    unknown_upstreams(config, context);
    unfit_for_datagrams(config, context);
    for route in config.sites.iter().flat_map(|site| &site.routes) {
        circular_redirect(route, context);
    }
    if context.found.is_empty() {
        unused_upstreams(config, context);
    }
}

/// Remembers a key; where it was there before, says where.
fn again<K: Eq + Hash>(seen: &mut HashMap<K, Span>, key: K, span: Span) -> Option<Span> {
    match seen.entry(key) {
        Entry::Occupied(before) => Some(*before.get()),
        Entry::Vacant(vacant) => {
            vacant.insert(span);
            None
        }
    }
}

fn unique_listeners(config: &Config, context: &mut Context) {
    let mut seen = HashMap::new();
    let admin = config.admin.iter().map(|admin| (&admin.address, false, admin.span));
    let listeners = config.listeners.iter().map(|listener| {
        (&listener.address, listener.protocol == ListenerProtocol::Udp, listener.span)
    });
    for (address, is_udp, span) in listeners.chain(admin) {
        let keys: Vec<_> = match address {
            ListenAddress::Tcp(addresses) => {
                addresses.iter().map(|address| (is_udp, address.to_string())).collect()
            }
            ListenAddress::Unix(path) => vec![(false, path.display().to_string())],
        };
        let before = keys.into_iter().filter_map(|key| again(&mut seen, key, span)).next();
        if let Some(before) = before {
            let message = format!("{address} is listened on twice");
            context.error(Diagnostic::error(span, message).mark(before, "first here"));
        }
    }
}

fn unique_upstreams(config: &Config, context: &mut Context) {
    let mut seen = HashMap::new();
    for upstream in &config.upstreams {
        if let Some(before) = again(&mut seen, &upstream.name, upstream.span) {
            let message = format!("there are two upstreams `{}`", upstream.name);
            context.error(Diagnostic::error(upstream.span, message).mark(before, "first here"));
        }
    }
}

/// Each store has one name, and each name that a route uses has a store. The one without a name
/// is always there.
fn caches(config: &Config, context: &mut Context) {
    let mut seen = HashMap::new();
    let mut directories = HashMap::new();
    for store in &config.caches {
        let Some(span) = store.span else { continue };
        if let Some(disk) = &store.disk
            && let Some(before) = again(&mut directories, &disk.directory, span)
        {
            let message = "two caches cannot use the same directory";
            context.error(Diagnostic::error(span, message).mark(before, "first here"));
        }
        if let Some(before) = again(&mut seen, &store.name, span) {
            let message = match store.name.as_str() {
                "" => "there are two caches without a name".to_owned(),
                name => format!("there are two caches `{name}`"),
            };
            context.error(Diagnostic::error(span, message).mark(before, "first here"));
        }
    }
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    for cache in routes.filter_map(|route| route.cache.as_ref()) {
        if cache.store.is_empty() || seen.contains_key(&cache.store) {
            continue;
        }
        let message = format!("no cache `{}`", cache.store);
        let names = config.caches.iter().map(|store| store.name.as_str());
        let help = did_you_mean(&cache.store, names);
        let help = help.unwrap_or_else(|| format!("add: cache \"{}\"", cache.store));
        context.error(Diagnostic::error(cache.span, message).help(help));
    }
}

fn unique_hosts(config: &Config, context: &mut Context) {
    let mut seen: HashMap<Option<&HostPattern>, Span> = HashMap::new();
    for site in &config.sites {
        let every = site.hosts.is_empty().then_some(None);
        for host in site.hosts.iter().map(Some).chain(every) {
            let Some(before) = again(&mut seen, host, site.span) else { continue };
            let message = match host {
                Some(host) => format!("the host `{host}` is served twice"),
                None => "there are two sites for every host".to_owned(),
            };
            let error = Diagnostic::error(site.span, message);
            let elsewhere = before != site.span;
            context.error(if elsewhere { error.mark(before, "first here") } else { error });
        }
    }
}

fn unique_routes(site: &Site, merge_slashes: bool, context: &mut Context) {
    let mut seen = HashMap::new();
    for route in &site.routes {
        let mut methods = route.methods.clone();
        methods.sort();
        methods.dedup();
        let mut predicates: Vec<_> =
            route.predicates.iter().map(|predicate| format!("{predicate:?}")).collect();
        predicates.sort();
        let key = (comparable(&route.path, merge_slashes), methods, predicates);
        if let Some(before) = again(&mut seen, key, route.span) {
            let error = Diagnostic::error(route.span, "two routes match the same requests");
            context.error(error.mark(before, "first here"));
        }
    }
}

/// The pattern in a form where patterns that match the same paths are equal.
fn comparable(pattern: &PathPattern, merge_slashes: bool) -> PathPattern {
    let plain = |path: &str| {
        let mut path = unescaped(path);
        while merge_slashes && path.contains("//") {
            path = path.replace("//", "/");
        }
        path
    };
    match pattern {
        PathPattern::Exact(path) => PathPattern::Exact(plain(path)),
        PathPattern::Prefix(path) => {
            PathPattern::Prefix(plain(path.strip_suffix('/').unwrap_or(path)))
        }
        PathPattern::Regex(_) => pattern.clone(),
    }
}

/// Escapes of unreserved characters taken out, the others in upper case (RFC 3986 §6.2.2).
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut result = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        let byte = u8::from_str_radix(digits, 16).unwrap_or(0);
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            result.push(char::from(byte));
        } else {
            result.push('%');
            result.push_str(&digits.to_ascii_uppercase());
        }
        result.push_str(rest);
    }
    result
}

fn unknown_upstreams(config: &Config, context: &mut Context) {
    let names: HashSet<_> = config.upstreams.iter().map(|known| known.name.as_str()).collect();
    for (name, span) in wanted(config).filter(|(name, _)| !names.contains(name)) {
        let message = format!("there is no upstream `{name}`");
        let known = config.upstreams.iter().map(|known| known.name.as_str());
        let help = did_you_mean(name, known);
        context.error(Diagnostic::error(span, message).help_if(help));
    }
}

/// Upstreams of UDP listeners whose settings mean nothing there.
fn unfit_for_datagrams(config: &Config, context: &mut Context) {
    let listeners = config.listeners.iter();
    let udp = listeners.filter(|listener| listener.protocol == ListenerProtocol::Udp);
    for forward in udp.filter_map(|listener| listener.forward.as_ref()) {
        let Some(upstream) = config.upstream(&forward.upstream) else { continue };
        let unix = |server: &&Server| matches!(server.address, ServerAddress::Unix(_));
        let unix = upstream.servers.iter().find(unix).map(|server| server.span);
        let tls = upstream.tls.as_ref().map(|tls| tls.span);
        for (span, what) in [(unix, "a Unix socket"), (tls, "TLS")] {
            let Some(span) = span else { continue };
            let error = Diagnostic::error(forward.span, format!("no datagrams go over {what}"));
            context.error(error.mark(span, "this one"));
        }
    }
}

fn unused_upstreams(config: &Config, context: &mut Context) {
    let used: HashSet<_> = wanted(config).map(|(name, _)| name).collect();
    for upstream in config.upstreams.iter().filter(|known| !used.contains(known.name.as_str())) {
        let message = format!("no route uses the upstream `{}`", upstream.name);
        context.error(Diagnostic::warning(upstream.span, message));
    }
}

/// Every upstream that is named, and where.
fn wanted(config: &Config) -> impl Iterator<Item = (&str, Span)> {
    let routes = proxies(config).map(|proxy| (proxy.upstream.as_str(), proxy.span));
    let forwards = config.listeners.iter().flat_map(|listener| {
        let passed = listener.pass_routes.iter().map(|route| &route.forward);
        listener.forward.iter().chain(passed)
    });
    routes.chain(forwards.map(|forward| (forward.upstream.as_str(), forward.span)))
}

fn proxies(config: &Config) -> impl Iterator<Item = &Proxy> {
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    let first = routes.flat_map(|route| {
        let mut proxies: Vec<_> = match &route.action {
            Action::Proxy(proxy) => vec![proxy],
            Action::Split(split) => split.targets.iter().map(|target| &target.proxy).collect(),
            Action::Respond(_) | Action::Redirect(_) => Vec::new(),
        };
        proxies.extend(route.mirror.as_ref().map(|mirror| &mirror.to));
        proxies
    });
    first.flat_map(|proxy| {
        std::iter::once(proxy).chain(proxy.failover.as_ref().map(|failover| &failover.to))
    })
}

/// A redirect that leads to its own route with nothing changed.
fn circular_redirect(route: &Route, context: &mut Context) {
    let Action::Redirect(redirect) = &route.action else { return };
    let same = match &route.path {
        PathPattern::Exact(path) => redirect.to.literal() == Some(path) || is_itself(&redirect.to),
        PathPattern::Prefix(_) | PathPattern::Regex(_) => is_itself(&redirect.to),
    };
    if same {
        let error = Diagnostic::error(redirect.to.span, "this redirects to itself, for ever");
        context.error(error.mark(route.span, "the route"));
    }
}

fn is_itself(target: &Template) -> bool {
    use TemplateSegment::Placeholder as P;
    matches!(
        target.segments.as_slice(),
        [P(Placeholder::Uri | Placeholder::Path)]
            | [P(Placeholder::Path), _, P(Placeholder::Query)]
    )
}
