//! From what the user wrote to what the workers use. Names become indices here and nowhere else.

use std::fmt;
use std::sync::Arc;

use http1::{HeadLimits, Known, Method};

use super::{ListenerPlan, Route, Snapshot, compile_action, compile_layer4, compile_upstream};
use crate::caching::{CachePlan, Shelf};
use crate::middleware::{self, ErrorPages};
use crate::route::{HostPattern, PathPattern, Predicate, RouteSpec, Router, Slashes};
use crate::tls::{ServerTls, TlsFault};

/// Why a checked configuration cannot be used after all.
#[derive(Debug)]
pub struct CompileFault {
    /// What is wrong.
    pub message: String,
    /// Where the configuration names it, if it does.
    pub span: Option<config::Span>,
}

impl CompileFault {
    fn new(message: String) -> Self {
        Self { message, span: None }
    }
}

impl From<TlsFault> for CompileFault {
    fn from(fault: TlsFault) -> Self {
        Self { message: fault.message, span: Some(fault.span) }
    }
}

impl fmt::Display for CompileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CompileFault {}

/// Compiles a configuration. `before` is the snapshot in force: names that it has resolved keep
/// their addresses.
///
/// # Errors
/// When an error page cannot be read, or two routes ask for the same.
pub fn compile(
    config: &config::Config,
    before: Option<&Snapshot>,
) -> Result<Snapshot, CompileFault> {
    let slashes = if config.path.merge_slashes { Slashes::Merge } else { Slashes::Keep };
    let upstreams = compile_upstream::all(config, before)?;
    let shelves = shelves(config, before);
    let mut specs = Vec::new();
    let mut routes = Vec::new();
    for site in &config.sites {
        for route in &site.routes {
            specs.push(spec(site, route)?);
            routes.push(compile_route(config, site, (route, &shelves))?);
        }
    }
    let (sites, site_pages) = compile_sites(config, slashes)?;
    let router =
        Router::compile(&specs, slashes).map_err(|fault| CompileFault::new(fault.to_string()))?;
    Ok(Snapshot {
        router: Arc::new(router),
        routes: routes.into(),
        shelves: shelves.into(),
        upstreams,
        listeners: listeners(config, before)?.into(),
        tells_addresses: config.upstreams.iter().any(|known| known.proxy_protocol.is_some()),
        client_cert_fields: client_cert_fields(config).into(),
        http2: config.h2.clone(),
        tls_handshakes_per_client: config.limits.tls_handshakes_per_client,
        udp_flows_max: config.limits.udp_flows_max as usize,
        tls_hello_bytes_max: to_usize(config.limits.tls_hello_bytes_max),
        head_limits: head_limits(&config.limits),
        connections_max: config.limits.connections_max,
        connections_per_client_max: config.limits.connections_per_client_max,
        memory_bytes_max: to_usize(config.limits.memory_max),
        timeouts: config.timeouts.clone(),
        trusted_proxies: config.trusted_proxies.as_slice().into(),
        request_id: config.request_id.clone(),
        slashes,
        forwards_canonical: config.path.forward == config::PathForward::Canonical,
        sites: Arc::new(sites),
        site_pages: site_pages.into(),
        zone: config.zone.clone(),
    })
}

/// The stores that are asked for, and the one without a name. Those that are as before are the
/// same ones.
fn shelves(config: &config::Config, before: Option<&Snapshot>) -> Vec<Arc<Shelf>> {
    let before = before.map_or(&[][..], |before| &before.shelves);
    let mut stores = config.caches.clone();
    if !stores.iter().any(|store| store.name.is_empty()) {
        stores.push(config::CacheStore::unnamed());
    }
    stores.iter().map(|store| Shelf::compile(store, before)).collect()
}

fn client_cert_fields(config: &config::Config) -> Vec<String> {
    let auths = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let auths = auths.filter_map(|tls| tls.client_auth.as_ref());
    let mut fields: Vec<_> = auths
        .flat_map(|auth| [Some(auth.header.clone()), auth.chain_header.clone()])
        .flatten()
        .filter(|field| Known::of(field.as_bytes()) == Known::Other)
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn listeners(
    config: &config::Config,
    before: Option<&Snapshot>,
) -> Result<Vec<ListenerPlan>, CompileFault> {
    let plan = |listener: &config::Listener| {
        let address = listener.address.to_string();
        let same = |plan: &&ListenerPlan| plan.address == address;
        let before = before.and_then(|before| before.listeners.iter().find(same));
        let before = before.and_then(|plan| plan.tls.as_deref());
        let alpn = compile_layer4::alpn(listener);
        let tls = listener.tls.as_ref().map(|tls| ServerTls::build(tls, &alpn, before));
        Ok(ListenerPlan {
            tls: tls.transpose()?.map(Arc::new),
            protocols: listener.protocols,
            redirect_https: listener.redirect_https,
            proxy_protocol: listener.proxy_protocol.clone(),
            forward: compile_layer4::forward(config, listener)?,
            passes: compile_layer4::passes(config, listener)?,
            address,
        })
    };
    config.listeners.iter().map(plan).collect()
}

/// A router that knows hosts alone, and the error pages behind it.
fn compile_sites(
    config: &config::Config,
    slashes: Slashes,
) -> Result<(Router, Vec<Option<ErrorPages>>), CompileFault> {
    let whole = |site: &config::Site| RouteSpec {
        hosts: HostPattern::all_of(&site.hosts),
        path: PathPattern::Prefix(String::new()),
        methods: Vec::new(),
        predicates: Vec::new(),
    };
    // Sites for the same hosts are one site to a client: the first one's pages stand for it.
    let mut specs: Vec<RouteSpec> = Vec::new();
    let mut pages = Vec::new();
    for site in &config.sites {
        let spec = whole(site);
        if !specs.iter().any(|known| known.hosts == spec.hosts) {
            specs.push(spec);
            pages.push(ErrorPages::read(&[], &site.error_pages).map_err(unreadable)?);
        }
    }
    let router =
        Router::compile(&specs, slashes).map_err(|fault| CompileFault::new(fault.to_string()))?;
    Ok((router, pages))
}

fn unreadable((path, error): (String, std::io::Error)) -> CompileFault {
    CompileFault::new(format!("cannot read {path}: {error}"))
}

fn head_limits(limits: &config::Limits) -> HeadLimits {
    HeadLimits {
        head_bytes_max: to_usize(limits.header_bytes_max),
        headers_max: usize::from(limits.headers_max),
        uri_bytes_max: to_usize(limits.uri_bytes_max),
    }
}

pub(super) fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn compile_route(
    config: &config::Config,
    site: &config::Site,
    (route, shelves): (&config::Route, &[Arc<Shelf>]),
) -> Result<Route, CompileFault> {
    let chain = middleware::compile(site, route, config.limits.body_bytes_max);
    Ok(Route {
        label: label(site, route),
        chain: chain.map_err(unreadable)?,
        mirror: compile_action::mirror(config, route)?.map(Box::new),
        cache: CachePlan::compile(route, shelves).map(Box::new),
        action: compile_action::compile(config, route)?,
        total_timeout: route.timeouts.total,
    })
}

/// `host pattern`, as logs and metrics show a route.
fn label(site: &config::Site, route: &config::Route) -> String {
    let host = site.hosts.first().map_or_else(|| "*".to_owned(), ToString::to_string);
    format!("{host} {}", route.path)
}

/// The upstream of this name, with its index.
pub(super) fn find_upstream<'a>(
    config: &'a config::Config,
    name: &str,
) -> Result<(u32, &'a config::Upstream), CompileFault> {
    let mut numbered = (0..).zip(&config.upstreams);
    let found = numbered.find(|(_, known)| known.name == name);
    found.ok_or_else(|| CompileFault::new(format!("no upstream `{name}`")))
}

fn spec(site: &config::Site, route: &config::Route) -> Result<RouteSpec, CompileFault> {
    let bad_method = |text: &String| CompileFault::new(format!("`{text}` is not a method"));
    let methods = route
        .methods
        .iter()
        .map(|text| Method::parse(text.as_bytes()).ok_or_else(|| bad_method(text)))
        .collect::<Result<_, _>>()?;
    Ok(RouteSpec {
        hosts: HostPattern::all_of(&site.hosts),
        path: match &route.path {
            config::PathPattern::Exact(path) => PathPattern::Exact(path.clone()),
            config::PathPattern::Prefix(path) => PathPattern::Prefix(path.clone()),
            config::PathPattern::Regex(pattern) => PathPattern::Regex(pattern.clone()),
        },
        methods,
        predicates: route.predicates.iter().map(Predicate::from).collect(),
    })
}
