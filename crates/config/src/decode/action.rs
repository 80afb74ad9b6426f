//! The one action of a route.

use super::headers::plain_value;
use super::template::{self, Scope};
use super::{Context, Text, address, host, shaping};
use crate::check::Item;
use crate::model::{Action, HostPolicy, Proxy, Redirect, Respond, TemplateSegment};
use crate::report::Diagnostic;
use crate::suggest::one_of;

const ACTIONS: [&str; 4] = ["proxy", "split", "respond", "redirect"];

/// The action among the nodes of a route; none or several is an error.
pub(super) fn action(route: &Item, scope: &Scope<'_>, context: &mut Context) -> Option<Action> {
    let actions: Vec<_> =
        route.items.iter().filter(|item| ACTIONS.contains(&item.spec.name)).collect();
    let Some(first) = actions.first() else {
        if route.whole {
            let message = format!("a route needs an action: {}", one_of(ACTIONS));
            context.error(Diagnostic::error(route.span, message));
        }
        return None;
    };
    for other in actions.iter().skip(1).filter(|other| other.spec.name != first.spec.name) {
        context.error(
            Diagnostic::error(other.name_span, "a route has one action")
                .label("a second action")
                .mark(first.name_span, "the first one"),
        );
    }
    match first.spec.name {
        "proxy" => proxy(first, context).map(Action::Proxy),
        "split" => shaping::split(first, context).map(Action::Split),
        "respond" => respond(first, context).map(Action::Respond),
        _ => redirect(first, scope, context).map(Action::Redirect),
    }
}

/// The upstream that a node names, with what it says of it.
pub(super) fn proxy(item: &Item, context: &mut Context) -> Option<Proxy> {
    let upstream = item.arg("upstream")?;
    let host = item.first("host").and_then(|item| item.arg("host"));
    let host = match host {
        Some(text) => host_policy(text, context)?,
        None => HostPolicy::Client,
    };
    let failover = shaping::failover(item, upstream.text, context);
    Some(Proxy { upstream: upstream.text.to_owned(), host, failover, span: upstream.span })
}

fn host_policy(text: Text<'_>, context: &mut Context) -> Option<HostPolicy> {
    match text.text {
        "client" => return Some(HostPolicy::Client),
        "upstream" => return Some(HostPolicy::Upstream),
        _ => {}
    }
    match check_authority(text.text) {
        Ok(()) => Some(HostPolicy::Literal(text.text.to_owned())),
        Err(reason) => {
            context.error(
                Diagnostic::error(text.span, format!("{:?}: {reason}", text.text))
                    .help("expected `client`, `upstream` or a host name, perhaps with a port"),
            );
            None
        }
    }
}

/// A host with or without a port.
pub(super) fn check_authority(text: &str) -> Result<(), &'static str> {
    let bracketed = text.ends_with(']');
    let host = match address::host_and_port(text) {
        Ok((host, _)) if !bracketed => host,
        Err(reason) if text.contains(':') && !bracketed => return Err(reason),
        _ => text,
    };
    let inside = address::unbracketed(host);
    if inside != host {
        let ip = inside.parse::<std::net::Ipv6Addr>();
        return ip.map(|_| ()).map_err(|_| "this is not an IPv6 address");
    }
    host::check_name(host)
}

fn respond(item: &Item, context: &mut Context) -> Option<Respond> {
    let (status, span) = item.arg_integers("status").next()?;
    let status = u16::try_from(status).ok()?;
    let body = item.prop("body");
    if let Some(body) = body.filter(|body| !body.text.is_empty() && bodiless(status)) {
        let message = format!("a {status} response has no body");
        context.error(Diagnostic::error(body.span, message).mark(span, "because of this"));
    }
    let content_type = item.prop("type").filter(|ty| plain_value(ty.text, ty.span, context));
    Some(Respond {
        status,
        body: body.map(|body| body.text.to_owned()).unwrap_or_default(),
        content_type: content_type.map(|ty| ty.text.to_owned()),
        span: item.span,
    })
}

/// RFC 9110 §6.4.1, and 205 of §15.3.6.
fn bodiless(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

fn redirect(item: &Item, scope: &Scope<'_>, context: &mut Context) -> Option<Redirect> {
    let target = item.arg("target")?;
    let to = template::parse(target, scope, context)?;
    let bad = |c: char| c.is_whitespace() || c.is_control();
    if let Some(at) = target.text.find(bad) {
        let span = context.inside(target, at, 1);
        context.error(
            Diagnostic::error(span, "a redirect target has no spaces or control characters")
                .help("a space is written %20"),
        );
    }
    let first = to.segments.first();
    let relative = match first {
        Some(TemplateSegment::Literal(text)) => !text.starts_with('/') && !text.contains(':'),
        Some(TemplateSegment::Placeholder(_)) => false,
        None => true,
    };
    if relative {
        context.error(
            Diagnostic::error(target.span, "a redirect goes to a path or a whole URI")
                .help("for example \"/new/{path.rest}\" or \"https://{host}{uri}\""),
        );
    }
    let status = item.integer("status").unwrap_or(302);
    Some(Redirect { to, status, span: item.span })
}
