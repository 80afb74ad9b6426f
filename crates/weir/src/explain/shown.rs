//! An explanation with the names and places of the configuration, as JSON.

use std::time::Instant;

use balance::ServerIndex;
use cache::storable::Policy;
use config::{Config, Outline, Span};
use proxy::caching::{CacheView, Held, Stock, Variant, Verdict};
use proxy::explain::{End, Explanation, Question};
use proxy::route::{Miss, Predicate, RouteIndex};
use proxy::snapshot::Snapshot;
use serde_json::{Map, Value, json};

use crate::servers;

/// What an explanation is told by.
pub(super) struct Shown<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) config: &'a Config,
    pub(super) question: &'a Question,
    pub(super) outline: Outline<'a>,
}

impl Shown<'_> {
    pub(super) fn all(&self, told: &Explanation) -> Value {
        let (site, route) = told.route.and_then(|index| self.route(index)).unzip();
        let near = told.near.iter().filter_map(|(index, miss)| self.near(*index, miss));
        let upstreams = told.upstreams.iter().filter_map(|number| self.upstream(*number));
        json!({
            "method": self.question.method,
            "url": super::url(self.question),
            "client": told.client,
            "path": text(&told.path),
            "listener": told.listener.and_then(|number| self.listener(number)),
            "listener_note": told.listener_note,
            "site": site.map(|site| json!({ "hosts": hosts(site), "at": self.at(site.span) })),
            "route": route.map(|route| json!({
                "path": route.path.to_string(),
                "at": self.at(route.span),
            })),
            "near": near.collect::<Vec<_>>(),
            "chain": self.chain(&told.chain, site, route),
            "answer": self.end(told),
            "cache": told.cache.as_ref().zip(route).map(|(view, route)| self.cache(view, route)),
            "upstreams": upstreams.collect::<Vec<_>>(),
        })
    }

    /// The site and the route of a number: routes are numbered through all sites, as they are
    /// compiled.
    fn route(&self, index: RouteIndex) -> Option<(&config::Site, &config::Route)> {
        let sites = self.config.sites.iter();
        let mut all = sites.flat_map(|site| site.routes.iter().map(move |route| (site, route)));
        all.nth(index.0 as usize)
    }

    /// `weir.kdl:12`
    fn at(&self, span: Span) -> Option<String> {
        let place = self.config.sources.location(span)?;
        Some(format!("{}:{}", place.name, place.line))
    }

    fn listener(&self, number: u32) -> Option<Value> {
        let listener = self.config.listeners.get(number as usize)?;
        let address = listener.address.to_string();
        Some(json!({ "address": address, "at": self.at(listener.span) }))
    }

    fn near(&self, index: RouteIndex, miss: &Miss) -> Option<Value> {
        let (site, route) = self.route(index)?;
        let (why, detail) = match miss {
            Miss::Host => ("host", None),
            Miss::Path => ("path", None),
            Miss::Method(methods) => {
                let names: Vec<_> = methods.iter().map(ToString::to_string).collect();
                ("method", Some(names.join(", ")))
            }
            Miss::Condition(predicate) => ("predicate", Some(condition(predicate))),
            Miss::LessSpecific => ("less-specific", None),
        };
        Some(json!({
            "hosts": hosts(site),
            "path": route.path.to_string(),
            "at": self.at(route.span),
            "why": why,
            "detail": detail,
        }))
    }

    /// Each middleware with the node that asks for it: in the route, else in its site.
    fn chain(
        &self,
        words: &[&str],
        site: Option<&config::Site>,
        route: Option<&config::Route>,
    ) -> Vec<Value> {
        let places = [route.map(|route| route.span), site.map(|site| site.span)];
        let one = |word: &&str| {
            let mut inside = places.iter().flatten();
            let own = inside.find_map(|parent| self.outline.place(*parent, word, 0));
            let global = (*word == "limits").then_some(self.config.limits.span);
            let span = own.or(global);
            json!({
                "name": word,
                "at": span.and_then(|span| self.at(span)),
                "text": span.map(|span| self.config.sources.text(span)),
            })
        };
        words.iter().map(one).collect()
    }

    fn end(&self, told: &Explanation) -> Value {
        match &told.end {
            End::Refused { status, reason, allow } => {
                let allow: Vec<_> = allow.iter().map(ToString::to_string).collect();
                json!({ "by": "refusal", "status": status, "reason": reason, "allow": allow })
            }
            End::Middleware { at, status } => {
                json!({ "by": "middleware", "status": status, "middleware": told.chain.get(*at) })
            }
            End::Own { status, location } => {
                let location = location.as_deref().map(text);
                json!({ "by": "weir", "status": status, "location": location })
            }
            End::Upstream => json!({ "by": "upstream" }),
            End::PassedOn => json!({ "by": "passed-on" }),
        }
    }

    fn upstream(&self, number: u32) -> Option<Value> {
        let plan = self.snapshot.upstreams.get(number as usize)?;
        let written = self.config.upstream(&plan.name)?;
        let now = Instant::now();
        let servers = (0..).map(ServerIndex).zip(&plan.servers).map(|(index, server)| {
            let address = server.target.label();
            if self.question.looks {
                return servers::one(&plan.cluster, (index, address), now);
            }
            json!({ "address": &**address, "weight": plan.cluster.weight(index) })
        });
        Some(json!({
            "name": plan.name,
            "at": self.at(written.span),
            "balance": written.balance.policy.word(),
            "servers": servers.collect::<Vec<_>>(),
        }))
    }

    fn cache(&self, view: &CacheView, route: &config::Route) -> Value {
        let node = route.cache.as_ref().map(|cache| cache.span);
        let rule = view.bypassed_by.zip(node).and_then(|(number, node)| {
            let span = self.outline.place(node, "bypass", number)?;
            Some(json!({ "at": self.at(span), "text": self.config.sources.text(span) }))
        });
        let (would, forward) = would(view);
        json!({
            "at": node.and_then(|node| self.at(node)),
            "store": if view.store.is_empty() { "default" } else { &view.store },
            "key": text(&view.key),
            "would": would,
            "forward": forward,
            "bypass": rule,
            "policy": policy(view.policy),
            "client_directives": view.honors_requests,
            "stored": view.stock.as_ref().map(|stock| {
                stock.variants.iter().map(variant).collect::<Vec<_>>()
            }),
        })
    }
}

/// What the cache does, and why the request goes on if it does; nothing where the store was not
/// looked into and decides.
fn would(view: &CacheView) -> (Option<&'static str>, Option<&'static str>) {
    match (view.purges, view.passes_by, view.stock.as_ref().map(|stock: &Stock| stock.verdict)) {
        (Some(true), ..) => (Some("purge"), None),
        (Some(false), ..) => (Some("purge-refused"), None),
        (None, Some(forward), _) => (Some("forward"), Some(forward.label())),
        (None, None, None) => (None, None),
        (None, None, Some(verdict)) => match verdict {
            Verdict::Fresh => (Some("hit"), None),
            Verdict::Stale => (Some("stale"), None),
            Verdict::WhileRevalidate => (Some("stale-while-revalidate"), None),
            Verdict::Forward(why) if view.only_if_cached => {
                (Some("only-if-cached"), Some(why.label()))
            }
            Verdict::Forward(why) => (Some("forward"), Some(why.label())),
        },
    }
}

fn policy(policy: Policy) -> Value {
    let settings = [
        ("ttl_s", policy.ttl_s),
        ("override_ttl_s", policy.override_ttl_s),
        ("error_ttl_s", policy.error_ttl_s),
        ("stale_while_revalidate_s", policy.stale_while_revalidate_s),
        ("stale_if_error_s", policy.stale_if_error_s),
    ];
    let set =
        settings.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Value::Object(set.collect::<Map<_, _>>())
}

fn variant(variant: &Variant) -> Value {
    let terms = &variant.terms;
    let vary: Map<_, _> =
        variant.vary.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "selected": variant.held == Held::Chosen,
        "status": variant.status,
        "age_s": terms.age_s(variant.now),
        "lifetime_s": terms.lifetime_s,
        "ttl_s": terms.ttl_s(variant.now),
        "fresh": terms.is_fresh(variant.now) && !terms.no_cache,
        "stale_while_revalidate_s": terms.stale_while_revalidate_s,
        "stale_if_error_s": terms.stale_if_error_s,
        "vary": vary,
        "bytes": variant.bytes,
        "part": variant.part.map(|(first, last, whole)| format!("{first}-{last}/{whole}")),
        "tags": variant.tags,
    })
}

fn hosts(site: &config::Site) -> Vec<String> {
    if site.hosts.is_empty() {
        return vec!["*".to_owned()];
    }
    site.hosts.iter().map(ToString::to_string).collect()
}

/// A condition as a configuration has it.
fn condition(predicate: &Predicate) -> String {
    let (what, name, value) = match predicate {
        Predicate::Client(network) => return format!("client=\"{network}\""),
        Predicate::Header { name, value } => ("header", name, value),
        Predicate::Query { name, value } => ("query", name, value),
        Predicate::Cookie { name, value } => ("cookie", name, value),
    };
    let value = value.as_ref().map(|value| format!(" value={value:?}")).unwrap_or_default();
    format!("{what}={name:?}{value}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
