//! The corridor: walks one exchange through rooms 4 to 7 and back.

use std::ops::ControlFlow;
use std::rc::Rc;

use http1::{Known, Method, Refusal};

use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Kind, Rule, Side};
use crate::recycle::Recycled;
use crate::route::{Outcome, Query, canonical};
use crate::snapshot::{Action, ProxyPlan, RedirectPlan, Route, Snapshot};
use crate::template::Place;
use crate::worker::Worker;
use crate::{body::Body, caching, forward, grpc, key, mirror, page, request_id, upstream};

/// Answers an exchange. Every fault ends here as a response.
pub async fn serve(worker: &Worker, exchange: &mut Exchange) -> Response {
    let snapshot = Rc::clone(&exchange.snapshot);
    request_id::assign(exchange);
    if let Err(answer) = check_entrance(&snapshot, exchange) {
        return *answer;
    }
    let route = match choose(&snapshot, exchange) {
        Ok(route) => route,
        Err((fault, allow)) => return refuse(exchange, fault, &allow),
    };
    let mut response = match answer(worker, exchange, route).await {
        Ok(response) => response,
        Err(fault) => page::error(exchange, exchange.blame(fault)),
    };
    let memos = std::mem::replace(&mut exchange.memos, Recycled::take());
    for (middleware, memo) in route.chain.iter().zip(memos.iter()).rev() {
        middleware.response(*memo, exchange, &mut response);
    }
    exchange.memos = memos;
    response
}

/// What the listener says before any route is asked: come encrypted, and ask for no host that
/// this connection is not for.
pub(crate) fn check_entrance(
    snapshot: &Snapshot,
    exchange: &mut Exchange,
) -> Result<(), Box<Response>> {
    let Some(listener) = snapshot.listeners.get(exchange.listener as usize) else { return Ok(()) };
    if let Some(redirect) = &listener.redirect_https {
        return Err(Box::new(to_https(exchange, *redirect)));
    }
    let asked = exchange.tls.as_ref().and_then(|facts| facts.server_name.as_deref());
    let (Some(asked), Some(tls)) = (asked, &listener.tls) else { return Ok(()) };
    let host = exchange.request.host();
    let is_same = host.eq_ignore_ascii_case(asked.as_bytes())
        || std::str::from_utf8(host).is_ok_and(|host| tls.store.is_same(asked, host));
    if is_same {
        return Ok(());
    }
    // A client that reuses a connection beyond its certificate is to make its own for the host
    // (RFC 9110 §15.5.20).
    Err(Box::new(refuse(exchange, Fault::client(Kind::MisdirectedHost), &[])))
}

/// The same host and path, encrypted.
fn to_https(exchange: &Exchange, redirect: config::RedirectHttps) -> Response {
    let mut location = b"https://".to_vec();
    location.extend_from_slice(exchange.request.host());
    if redirect.port != 443 {
        location.extend_from_slice(format!(":{}", redirect.port).as_bytes());
    }
    let target = exchange.target_received();
    location.extend_from_slice(if target == b"*" { b"/" } else { target });
    let mut response = Response::own(redirect.status, b"", Body::Empty);
    response.head.headers.push_known(Known::Location, &location);
    own(response)
}

/// Room 4: the route of a request.
pub(crate) fn choose<'s>(
    snapshot: &'s Snapshot,
    exchange: &mut Exchange,
) -> Result<&'s Route, (Fault, Vec<Method>)> {
    let fail = |fault| Err((fault, Vec::new()));
    match exchange.request.method {
        Method::Connect => return fail(Fault::refused(Side::Client, Refusal::ConnectRefused)),
        // A trace would show a client what other proxies have added (RFC 9110 §9.3.8).
        Method::Trace => return fail(Fault::client(Kind::MethodNotAllowed)),
        _ => {}
    }
    let mut scratch = std::mem::take(&mut *exchange.canonical);
    let raw: &[u8] = if exchange.request.target == b"*" { b"/" } else { exchange.request.path() };
    let found = match canonical(raw, snapshot.slashes, &mut scratch) {
        Err(fault) => Err(Fault::path(Rule::Path(fault))),
        Ok(canonical) => {
            let client = exchange.client.address;
            let query = Query { head: &exchange.request, path: canonical.path, client };
            Ok((snapshot.router.find(&query, &mut exchange.captures), canonical.needs_rewrite()))
        }
    };
    *exchange.canonical = scratch;
    let (outcome, restructured) = match found {
        Ok(found) => found,
        Err(fault) => return fail(fault),
    };
    if restructured && snapshot.forwards_canonical {
        send_canonical(exchange);
    }
    let index = match outcome {
        Outcome::Found(index) => index,
        Outcome::NoHost => return fail(Fault::client(Kind::MisdirectedHost)),
        Outcome::NoRoute => return fail(Fault::client(Kind::NoRoute)),
        Outcome::Ambiguous => return fail(Fault::path(Rule::AmbiguousPath)),
        Outcome::MethodNotAllowed(allow) => {
            return Err((Fault::client(Kind::MethodNotAllowed), allow));
        }
    };
    exchange.route = Some(index);
    let internal = || (Fault::proxy(Kind::ProxyInternalError), Vec::new());
    snapshot.routes.get(index.0 as usize).ok_or_else(internal)
}

/// Origins disagree on what dot segments and doubled slashes mean; here they get the path that
/// the route was chosen by.
fn send_canonical(exchange: &mut Exchange) {
    let mut target = exchange.path().to_vec();
    if let Some(query) = exchange.request.query() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    exchange.retarget(&target);
}

/// Rooms 5 to 7: the request halves, then the action.
async fn answer(
    worker: &Worker,
    exchange: &mut Exchange,
    route: &Route,
) -> Result<Response, Fault> {
    let deadline = grpc::deadline(&exchange.request);
    exchange.limit_total(match (route.total_timeout, deadline) {
        (Some(total), Some(deadline)) => Some(total.min(deadline)),
        (total, deadline) => total.or(deadline),
    });
    let plan = plan(|| worker.draw(), exchange, &route.action);
    if let ControlFlow::Break(answer) = enter(exchange, route, plan) {
        return answer;
    }
    if let Some(mirror) = &route.mirror {
        mirror::begin(worker, exchange, mirror);
    }
    match (&route.action, plan) {
        (_, Some(plan)) => match &route.cache {
            None => upstream::fetch(worker, exchange, plan).await,
            Some(cache) => caching::answer(worker, exchange, plan, cache).await,
        },
        (Action::Proxy(_) | Action::Split(_), None) => Err(Fault::proxy(Kind::ProxyInternalError)),
        (Action::Respond(plan), None) => {
            let body = Body::shared(std::sync::Arc::clone(&plan.body));
            Ok(own(Response::own(plan.status, plan.content_type.as_bytes(), body)))
        }
        (Action::Redirect(plan), None) => Ok(redirect(exchange, plan)),
    }
}

/// Makes a request ready for its upstream, if it goes to one, and runs the request halves.
pub(crate) fn enter(
    exchange: &mut Exchange,
    route: &Route,
    plan: Option<&ProxyPlan>,
) -> ControlFlow<Result<Response, Fault>> {
    if let Some(plan) = plan {
        exchange.upstream = Some(plan.upstream);
        if let ControlFlow::Break(response) = forward::count_down(exchange) {
            return ControlFlow::Break(Ok(response));
        }
        forward::prepare_request(exchange);
    }
    for middleware in &route.chain {
        let memo = middleware.request(exchange)?;
        exchange.memos.push(memo);
    }
    ControlFlow::Continue(())
}

/// How the exchange reaches a server, if a server is to answer it. `draw` is asked for a place
/// where chance decides.
pub(crate) fn plan<'a>(
    draw: impl FnOnce() -> u64,
    exchange: &Exchange,
    action: &'a Action,
) -> Option<&'a ProxyPlan> {
    match action {
        Action::Proxy(plan) => Some(plan),
        Action::Split(split) => {
            let key = split.key.as_ref().and_then(|key| key::of(exchange, key));
            key.map_or_else(|| split.at(draw()), |key| split.by_key(key))
        }
        Action::Respond(_) | Action::Redirect(_) => None,
    }
}

pub(crate) fn redirect(exchange: &Exchange, plan: &RedirectPlan) -> Response {
    let mut location = Vec::new();
    plan.location.render(exchange, plan.status, Place::Target, &mut location);
    let mut response = Response::own(plan.status, b"", Body::Empty);
    response.head.headers.push_known(Known::Location, &location);
    own(response)
}

fn own(mut response: Response) -> Response {
    forward::add_date(&mut response.head.headers);
    response
}

/// The answer where no route was found, with the site's own page if it has one.
fn refuse(exchange: &mut Exchange, fault: Fault, allow: &[Method]) -> Response {
    let mut response = page::error(exchange, fault);
    let snapshot = Rc::clone(&exchange.snapshot);
    if let Some(pages) = snapshot.site_pages(exchange) {
        pages.response(&mut response);
    }
    if response.head.status == 405 {
        let names: Vec<&str> = allow.iter().map(Method::as_str).collect();
        response.head.headers.push(b"Allow", names.join(", ").as_bytes());
    }
    response
}
