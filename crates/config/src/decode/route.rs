//! Routes: what must match, the middlewares, and the one action.

use super::headers::{self, field_name, is_token_char};
use super::template::{self, Scope};
use super::{Context, Text, action, address, cache, compress, page, path, shaping};
use crate::check::Item;
use crate::model::{Predicate, Rewrite, Route, RouteLimits, RouteTimeouts, ValueMatch};
use crate::report::Diagnostic;

pub(super) fn route(item: &Item, context: &mut Context) -> Option<Route> {
    let pattern = item.arg("path").and_then(|text| path::pattern(text, context));
    let captures = pattern.as_ref().map_or(&[][..], |pattern| &pattern.captures);
    let upstream = item.first("proxy").is_some() || item.first("split").is_some();
    let scope = Scope { response: false, upstream, captures };
    let answer = Scope { response: true, ..scope };
    let methods = item.prop_texts("methods").filter_map(|text| method(text, context)).collect();
    let predicates = item.all("match").flat_map(|item| predicates(item, context)).collect();
    let rewrite = item.first("rewrite").and_then(|item| rewrite(item, &scope, context));
    let limits = item.first("limits").map(limits).unwrap_or_default();
    let timeouts = item.first("timeouts").map(timeouts).unwrap_or_default();
    let edits = |name: &str, scope: &Scope<'_>, context: &mut Context| {
        item.first(name).map(|item| headers::edits(item, scope, context)).unwrap_or_default()
    };
    let request_headers = edits("request-headers", &scope, context);
    let response_headers = edits("response-headers", &answer, context);
    let error_pages =
        item.all("error-page").filter_map(|item| page::error_page(item, context)).collect();
    if let Some(node) = item.first("grpc-web").filter(|_| item.whole && !upstream) {
        context.error(
            Diagnostic::error(node.span, "gRPC-Web is translated for an origin, and there is none")
                .help("add `proxy` with the upstream that speaks gRPC"),
        );
    }
    let action = action::action(item, &scope, context);
    Some(Route {
        path: pattern.as_ref()?.path.clone(),
        methods,
        predicates,
        rewrite,
        request_headers,
        response_headers,
        limits,
        timeouts,
        error_pages,
        grpc_web: item.first("grpc-web").is_some(),
        mirror: shaping::mirror(item, upstream, context),
        cache: cache::cache(item, upstream, context),
        compress: compress::compress(item, context).flatten(),
        maintenance: shaping::maintenance(item, context),
        action: action?,
        span: item.span,
    })
}

fn method(text: Text<'_>, context: &mut Context) -> Option<String> {
    let name = text.text;
    if name.is_empty() || !name.chars().all(is_token_char) {
        context.error(Diagnostic::error(text.span, format!("{name:?} is not a method")));
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];
    if name != upper && known.contains(&upper.as_str()) {
        context.error(
            Diagnostic::error(text.span, format!("methods are in upper case, found {name:?}"))
                .help(format!("write \"{upper}\"")),
        );
        return None;
    }
    if name == "CONNECT" {
        context.error(Diagnostic::error(text.span, "CONNECT never reaches a route"));
        return None;
    }
    Some(name.to_owned())
}

pub(super) fn predicates(item: &Item, context: &mut Context) -> Vec<Predicate> {
    let value = item.prop("value");
    let exact = value.map_or(ValueMatch::Any, |text| ValueMatch::Exact(text.text.to_owned()));
    let named = ["header", "query", "cookie"].into_iter().filter_map(|name| item.prop(name));
    let named: Vec<_> = named.collect();
    if let [_, second, ..] = named.as_slice() {
        context.error(
            Diagnostic::error(
                second.span,
                format!("one `{}` is about one header, query or cookie", item.spec.name),
            )
            .help("write another node for it"),
        );
        return Vec::new();
    }
    if let (Some(value), []) = (value, named.as_slice()) {
        context.error(Diagnostic::error(value.span, "`value` of what?").help(
            "it goes with `header`, `query` or `cookie`: match header=\"X-Version\" value=\"2\"",
        ));
    }
    let mut predicates = Vec::new();
    if let Some(name) = item.prop("header").and_then(|text| field_name(text, context)) {
        let name = name.to_ascii_lowercase();
        predicates.push(Predicate::Header { name, value: exact.clone() });
    }
    if let Some(name) = item.prop("query").map(|text| text.text.to_owned()) {
        predicates.push(Predicate::Query { name, value: exact.clone() });
    }
    if let Some(name) = item.prop("cookie").map(|text| text.text.to_owned()) {
        predicates.push(Predicate::Cookie { name, value: exact });
    }
    let client = item.prop("client").and_then(|text| address::network(text, context));
    predicates.extend(client.map(Predicate::Client));
    if item.whole && item.props.is_empty() {
        context.error(
            Diagnostic::error(item.span, format!("`{}` needs a condition", item.spec.name))
                .help("one of `header`, `query`, `cookie` or `client`"),
        );
    }
    predicates
}

fn rewrite(item: &Item, scope: &Scope<'_>, context: &mut Context) -> Option<Rewrite> {
    match (item.arg("target"), item.prop("strip-prefix")) {
        (Some(target), None) => {
            let template = template::parse(target, scope, context)?;
            starts_like_path(target, context).then_some(Rewrite::Replace(template))
        }
        (None, Some(prefix)) => strip_prefix(prefix, context),
        (Some(_), Some(prefix)) => {
            let message = "`rewrite` has a new target or `strip-prefix`, not both";
            context.error(Diagnostic::error(prefix.span, message));
            None
        }
        (None, None) => {
            if item.whole {
                context.error(
                    Diagnostic::error(item.span, "`rewrite` needs a new target").help(
                        "for example: rewrite \"/users/{id}\" or rewrite strip-prefix=\"/api\"",
                    ),
                );
            }
            None
        }
    }
}

fn starts_like_path(target: Text<'_>, context: &mut Context) -> bool {
    let starts = ["/", "{path}", "{uri}"].iter().any(|start| target.text.starts_with(start));
    let space = target.text.find(|c: char| c.is_whitespace() || c.is_control() || c == '#');
    if !starts {
        context.error(Diagnostic::error(target.span, "the new target starts with `/`"));
    } else if let Some(at) = space {
        let span = context.inside(target, at, 1);
        context.error(Diagnostic::error(span, "this cannot be part of a target"));
    }
    starts && space.is_none()
}

fn strip_prefix(prefix: Text<'_>, context: &mut Context) -> Option<Rewrite> {
    let path = prefix.text.strip_suffix("/*").unwrap_or(prefix.text);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.starts_with('/') && !path.contains(['*', '?', '#']) {
        return Some(Rewrite::StripPrefix(path.to_owned()));
    }
    let message = format!("expected a path such as \"/api\", found {:?}", prefix.text);
    context.error(Diagnostic::error(prefix.span, message));
    None
}

fn limits(item: &Item) -> RouteLimits {
    RouteLimits { body_bytes_max: item.size("body-bytes-max") }
}

fn timeouts(item: &Item) -> RouteTimeouts {
    RouteTimeouts { first_byte: item.duration("first-byte"), total: item.duration("total") }
}
