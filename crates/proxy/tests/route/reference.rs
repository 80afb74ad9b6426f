//! A router that is too simple to be wrong: it tries every route and sorts those that fit.
//! It shares no code with the real one but the regular expressions' engine.

use std::cmp::Reverse;

use weir_proxy::route::{HostPattern, PathPattern, RouteSpec};

/// A request on a canonical path. Without predicates: methods stand for all conditions.
pub(crate) struct Request<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
}

/// The answer as [`crate::table::ask`] writes it.
pub(crate) fn answer(specs: &[RouteSpec], request: &Request<'_>) -> String {
    let hosts = || specs.iter().flat_map(|spec| &spec.hosts);
    let serving = hosts().filter(|host| serves(host, request.host));
    let Some(site) = serving.max_by_key(|host| host_rank(host)) else { return "421".into() };
    let mut fitting: Vec<(usize, &RouteSpec)> = specs
        .iter()
        .enumerate()
        .filter(|(_, spec)| spec.hosts.contains(site) && covers(&spec.path, request.path))
        .collect();
    fitting.sort_by_key(|(_, spec)| path_rank(&spec.path, spec));
    let taken = fitting.iter().find(|(_, spec)| allows(spec, request.method));
    if let Some((number, _)) = taken {
        return number.to_string();
    }
    if fitting.is_empty() {
        return "404".into();
    }
    let mut methods: Vec<String> =
        fitting.iter().flat_map(|(_, spec)| &spec.methods).map(ToString::to_string).collect();
    if methods.contains(&"GET".to_owned()) {
        methods.push("HEAD".to_owned());
    }
    methods.sort();
    methods.dedup();
    format!("405 {}", methods.join(","))
}

fn serves(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Exact(name) => host == name,
        HostPattern::Below(name) => host.ends_with(&format!(".{name}")),
        HostPattern::Any => true,
    }
}

fn host_rank(pattern: &HostPattern) -> (u8, usize) {
    match pattern {
        HostPattern::Exact(_) => (2, 0),
        HostPattern::Below(name) => (1, name.len()),
        HostPattern::Any => (0, 0),
    }
}

fn covers(pattern: &PathPattern, path: &str) -> bool {
    match pattern {
        PathPattern::Exact(exact) => path == exact,
        PathPattern::Prefix(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
        PathPattern::Regex(text) => regex::Regex::new(text).unwrap().is_match(path),
    }
}

fn allows(spec: &RouteSpec, method: &str) -> bool {
    let is = |name: &str| spec.methods.iter().any(|method| method.as_str() == name);
    spec.methods.is_empty() || is(method) || method == "HEAD" && is("GET")
}

/// Less is more specific.
fn path_rank(pattern: &PathPattern, spec: &RouteSpec) -> impl Ord + use<> {
    let (kind, directory, literal, text) = match pattern {
        PathPattern::Exact(path) => (0, path.clone(), 0, String::new()),
        PathPattern::Prefix(path) => (2, path.clone(), 0, String::new()),
        PathPattern::Regex(text) => {
            let literal = literal(text);
            let end = literal.rfind('/').unwrap_or(0);
            (1, literal[..end].to_owned(), literal.len(), text.clone())
        }
    };
    let mut methods: Vec<String> = spec.methods.iter().map(ToString::to_string).collect();
    methods.sort();
    let place = (kind > 0, Reverse(directory.len()), kind);
    (place, Reverse(literal), text, methods.is_empty(), methods)
}

/// What an expression of the tests begins with: they are `^`, literal text, then one of the
/// operators used there.
fn literal(text: &str) -> &str {
    let Some(anchored) = text.strip_prefix('^') else { return "" };
    let end = anchored.find(['[', '(', '$', '.']).unwrap_or(anchored.len());
    &anchored[..end]
}
