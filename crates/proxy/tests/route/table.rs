//! Routes and requests as one-liners.

use std::net::IpAddr;

use http1::{Method, RequestHead};
use weir_proxy::route::captures::Captures;
use weir_proxy::route::{
    HostPattern, Outcome, PathPattern, Predicate, Query, RouteSpec, Router, Slashes, canonical,
};

/// A route as the configuration writes it: `"host =/path GET,POST"`. The host may be `*` for any,
/// the methods may be left out.
pub(crate) fn spec(text: &str) -> RouteSpec {
    let mut words = text.split(' ');
    let host = host(words.next().unwrap());
    let path = path(words.next().unwrap());
    let methods = words.next().map(|names| names.split(',').map(method).collect());
    RouteSpec { hosts: vec![host], path, methods: methods.unwrap_or_default(), predicates: vec![] }
}

fn host(text: &str) -> HostPattern {
    match text.strip_prefix("*.") {
        _ if text == "*" => HostPattern::Any,
        Some(name) => HostPattern::Below(name.into()),
        None => HostPattern::Exact(text.into()),
    }
}

fn path(text: &str) -> PathPattern {
    if let Some(path) = text.strip_prefix('=') {
        return PathPattern::Exact(path.into());
    }
    if let Some(pattern) = text.strip_prefix('~') {
        return PathPattern::Regex(pattern.into());
    }
    PathPattern::Prefix(text.strip_suffix("/*").unwrap_or(text).into())
}

pub(crate) fn method(name: &str) -> Method {
    Method::parse(name.as_bytes()).unwrap()
}

pub(crate) fn with(mut spec: RouteSpec, predicates: &[Predicate]) -> RouteSpec {
    spec.predicates = predicates.to_vec();
    spec
}

pub(crate) fn router(routes: &[&str]) -> Router {
    compiled(&routes.iter().map(|text| spec(text)).collect::<Vec<_>>())
}

pub(crate) fn compiled(specs: &[RouteSpec]) -> Router {
    Router::compile(specs, Slashes::Merge).unwrap()
}

/// `"GET host /raw/path?query"`
pub(crate) fn head(text: &str) -> RequestHead {
    let words: Vec<&str> = text.split(' ').collect();
    RequestHead {
        method: method(words[0]),
        authority: words[1].into(),
        target: words[2].into(),
        ..RequestHead::default()
    }
}

/// The answer to a request: the number of the route, `400`, `404`, `405 GET,POST` or `421`; with
/// what was captured.
pub(crate) fn ask_all(router: &Router, head: &RequestHead, client: &str) -> (String, Captures) {
    let mut captures = Captures::new();
    let mut scratch = Vec::new();
    let Ok(form) = canonical(head.path(), Slashes::Merge, &mut scratch) else {
        return ("400".into(), captures);
    };
    let client: IpAddr = client.parse().unwrap();
    let query = Query { head, path: form.path, client };
    let answer = match router.find(&query, &mut captures) {
        Outcome::Found(route) => route.0.to_string(),
        Outcome::NoHost => "421".into(),
        Outcome::NoRoute => "404".into(),
        Outcome::Ambiguous => "400 ambiguous".into(),
        Outcome::MethodNotAllowed(allowed) => {
            let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
            format!("405 {}", names.join(","))
        }
    };
    (answer, captures)
}

pub(crate) fn ask(router: &Router, request: &str) -> String {
    ask_all(router, &head(request), "192.0.2.1").0
}

/// Asks for GET of each path at host `a` and compares the answers.
pub(crate) fn expect_paths(router: &Router, answers: &[(&str, &str)]) {
    for (path, answer) in answers {
        assert_eq!(&ask(router, &format!("GET a {path}")), answer, "{path}");
    }
}
