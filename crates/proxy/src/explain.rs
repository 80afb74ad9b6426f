//! What would become of a request, without sending one. A request is made of a question and walks
//! the corridor as far as the action: the parser, router, middlewares and cache that answer here
//! are those that serve. Nothing is sent, counted or changed.

use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use http1::{BodyLength, Known, Method, RequestHead, framing};

use crate::body::Body;
use crate::caching::{self, CacheView};
use crate::exchange::{Exchange, Response};
use crate::fault::{Fault, Side};
use crate::forward;
use crate::io::Peer;
use crate::layer4::hello::Hello;
use crate::record::Metrics;
use crate::recycle::Recycled;
use crate::route::{Miss, Outcome, Query, RouteIndex, captures::Captures};
use crate::serve;
use crate::snapshot::{Action, InForce, ListenerPlan, Route, Snapshot};
use crate::upstream::Upstreams;

/// Routes of other sites and paths that are told of.
const NEAR_MAX: usize = 5;

/// A request that is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The method.
    pub method: String,
    /// `http` or `https`.
    pub is_encrypted: bool,
    /// `host[:port]`
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// Further fields, names and values.
    pub fields: Vec<(String, String)>,
    /// Who asks: the other end of the connection.
    pub from: IpAddr,
    /// What is stored is looked up.
    pub looks: bool,
}

/// What would become of a request.
#[derive(Debug)]
pub struct Explanation {
    /// The listener that takes it, by its number.
    pub listener: Option<u32>,
    /// What is odd about that.
    pub listener_note: Option<&'static str>,
    /// The address that counts as the client's.
    pub client: IpAddr,
    /// The path that routes are found by.
    pub path: Vec<u8>,
    /// The route that takes it.
    pub route: Option<RouteIndex>,
    /// Routes that come near, and why they do not take it.
    pub near: Vec<(RouteIndex, Miss)>,
    /// The middlewares of the route, in order.
    pub chain: Vec<&'static str>,
    /// What answers.
    pub end: End,
    /// The upstreams that it may go to, by number; more than one where chance decides.
    pub upstreams: Vec<u32>,
    /// What the cache would do.
    pub cache: Option<CacheView>,
}

/// What answers a request.
#[derive(Debug)]
pub enum End {
    /// Weir refuses it.
    Refused {
        /// Status code.
        status: u16,
        /// The reason code.
        reason: &'static str,
        /// The methods that would do, for 405.
        allow: Vec<Method>,
    },
    /// The middleware at this place of the chain.
    Middleware {
        /// Its place.
        at: usize,
        /// Status code.
        status: u16,
    },
    /// Weir itself, by what its listener or the request says.
    Own {
        /// Status code.
        status: u16,
        /// The `Location`, where there is one.
        location: Option<Vec<u8>>,
    },
    /// A server of an upstream, or what is kept of its answers.
    Upstream,
    /// Nobody reads it: the connection is passed on.
    PassedOn,
}

/// What would become of the request of a question. `snapshot` has been compiled from `config`.
#[must_use]
pub fn explain(
    snapshot: &Arc<Snapshot>,
    config: &config::Config,
    question: &Question,
) -> Explanation {
    let (listener, listener_note) = listener(config, question);
    let plan = listener.and_then(|at| snapshot.listeners.get(at as usize));
    let mut told = Explanation {
        listener,
        listener_note,
        client: question.from,
        path: Vec::new(),
        route: None,
        near: Vec::new(),
        chain: Vec::new(),
        end: End::Upstream,
        upstreams: Vec::new(),
        cache: None,
    };
    if let Some(upstream) = plan.and_then(|plan| passed_on(plan, question)) {
        told.upstreams.push(upstream);
        return Explanation { end: End::PassedOn, ..told };
    }
    match exchange(snapshot, question) {
        Err(fault) => Explanation { end: refused(fault, Vec::new()), ..told },
        Ok(mut exchange) => {
            exchange.listener = listener.unwrap_or(u32::MAX);
            walk(config, (&mut exchange, question.looks), &mut told);
            told
        }
    }
}

/// The listener at the port of the URL; where there is none, the first that speaks as it says.
fn listener(config: &config::Config, question: &Question) -> (Option<u32>, Option<&'static str>) {
    let usual = if question.is_encrypted { 443 } else { 80 };
    let written = question.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port = written.unwrap_or(usual);
    let numbered = || (0..).zip(&config.listeners);
    let is_at = |listener: &config::Listener| match &listener.address {
        config::ListenAddress::Tcp(all) => all.iter().any(|one: &SocketAddr| one.port() == port),
        config::ListenAddress::Unix(_) => false,
    };
    let takes_datagrams =
        |listener: &config::Listener| listener.protocol == config::ListenerProtocol::Udp;
    let fits = |listener: &config::Listener| {
        let is_http = listener.protocol == config::ListenerProtocol::Http;
        !takes_datagrams(listener) && (!is_http || listener.tls.is_some() == question.is_encrypted)
    };
    let at_port = |listener: &&config::Listener| is_at(listener) && !takes_datagrams(listener);
    let found = numbered().find(|(_, one)| is_at(one) && fits(one));
    if let Some((number, _)) = found {
        return (Some(number), None);
    }
    if let Some((_, there)) = numbered().find(|(_, one)| at_port(one)) {
        let note = match there.tls {
            Some(_) => "the listener at this port is encrypted; the URL says http",
            None => "the listener at this port is not encrypted; the URL says https",
        };
        return (None, Some(note));
    }
    let speaks = |listener: &config::Listener| {
        listener.protocol == config::ListenerProtocol::Http && fits(listener)
    };
    let first = numbered().find(|(_, one)| speaks(one)).map(|(number, _)| number);
    let note = match first {
        Some(_) => "nothing listens at this port; taken as if it had come in here",
        None => "nothing listens at this port, nor for this scheme elsewhere",
    };
    (first, Some(note))
}

/// The upstream that a connection is passed on to unread, if it is.
fn passed_on(plan: &ListenerPlan, question: &Question) -> Option<u32> {
    if let Some(forward) = &plan.forward {
        return Some(forward.upstream);
    }
    if !question.is_encrypted {
        return None;
    }
    let host = http1::host_of(question.authority.as_bytes()).to_ascii_lowercase();
    let alpn = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let hello = Hello { name: String::from_utf8(host).ok(), alpn };
    Some(plan.passes.at(plan.passes.find(&hello)?)?.upstream)
}

/// The exchange of a question, as a connection would have made it.
fn exchange(snapshot: &Arc<Snapshot>, question: &Question) -> Result<Exchange, Fault> {
    let refuse = |refusal| Fault::refused(Side::Client, refusal);
    let mut head = Recycled::<RequestHead>::take();
    head.parse(&head_text(question), &snapshot.head_limits).map_err(refuse)?;
    framing::request_length(&head).map_err(refuse)?;
    let peer = Peer::Tcp(SocketAddr::new(question.from, 0));
    let scheme = if question.is_encrypted { "https" } else { "http" };
    let client = forward::client((peer, scheme), &head, &snapshot.trusted_proxies);
    // Cells of their own, which nobody reads; servers are not asked, so none are known.
    let metrics = Metrics::new(snapshot.shape(0)).worker(0);
    let in_force = InForce::new(Arc::clone(snapshot), Upstreams::default(), metrics);
    Ok(Exchange::new(in_force, head, (Body::Empty, BodyLength::None), client, None))
}

fn head_text(question: &Question) -> Vec<u8> {
    let Question { method, target, authority, .. } = question;
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !question.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text += &format!("Host: {authority}\r\n");
    }
    for (name, value) in &question.fields {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// The corridor up to the action.
fn walk(config: &config::Config, (exchange, looks): (&mut Exchange, bool), told: &mut Explanation) {
    let snapshot = Rc::clone(&exchange.snapshot);
    told.client = exchange.client.address;
    if let Err(response) = serve::check_entrance(&snapshot, exchange) {
        return told.end = own(&response);
    }
    let chosen = serve::choose(&snapshot, exchange);
    told.path = exchange.path().to_vec();
    told.route = exchange.route;
    told.near = near(&snapshot, config, (exchange, told.route));
    match chosen {
        Err((fault, allow)) => told.end = refused(fault, allow),
        Ok(route) => enter(exchange, (route, looks), told),
    }
}

fn enter(exchange: &mut Exchange, (route, looks): (&Route, bool), told: &mut Explanation) {
    told.chain = route.chain.iter().map(crate::middleware::Middleware::word).collect();
    let plan = serve::plan(|| 0, exchange, &route.action);
    told.upstreams = match (&route.action, plan) {
        (Action::Split(split), Some(_)) if split.key.is_none() => {
            split.parts().map(|part| part.upstream).collect()
        }
        (_, plan) => plan.map(|plan| plan.upstream).into_iter().collect(),
    };
    if let ControlFlow::Break(answer) = serve::enter(exchange, route, plan) {
        // Each of those before it has left something.
        let at = exchange.memos.len();
        told.end = match answer {
            Err(fault) => refused(fault, Vec::new()),
            // `Max-Forwards: 0`, before any of them.
            Ok(response) if response.head.status == 204 => own(&response),
            Ok(response) => End::Middleware { at, status: response.head.status },
        };
        return;
    }
    told.end = match &route.action {
        Action::Respond(plan) => End::Own { status: plan.status, location: None },
        Action::Redirect(plan) => own(&serve::redirect(exchange, plan)),
        Action::Proxy(_) | Action::Split(_) => End::Upstream,
    };
    told.cache = route.cache.as_ref().map(|cache| caching::view(exchange, cache, looks));
}

fn refused(fault: Fault, allow: Vec<Method>) -> End {
    End::Refused { status: fault.status(), reason: fault.reason(), allow }
}

/// An answer of Weir's own; one that tells of a fault is a refusal.
fn own(response: &Response) -> End {
    if let Some(fault) = response.fault {
        return refused(fault, Vec::new());
    }
    let location = response.head.headers.value(Known::Location).map(<[u8]>::to_vec);
    End::Own { status: response.head.status, location }
}

/// Routes of this host that come near, and those of other sites that would have taken it.
fn near(
    snapshot: &Snapshot,
    config: &config::Config,
    (exchange, taken): (&Exchange, Option<RouteIndex>),
) -> Vec<(RouteIndex, Miss)> {
    let client = exchange.client.address;
    let query = Query { head: &exchange.request, path: exchange.path(), client };
    let mut near = snapshot.router.near(&query, taken, NEAR_MAX);
    let mut head = RequestHead::clone(&exchange.request);
    let mut captures = Captures::new();
    let mut elsewhere = 0;
    // With a route found, a site of quite another name is not near.
    let is_near = |site: &&config::Site| {
        taken.is_none() || site.hosts.iter().any(|host| is_related(host, exchange.request.host()))
    };
    for site in config.sites.iter().filter(is_near) {
        head.authority = name_of(site.hosts.first()).into_bytes();
        let query = Query { head: &head, ..query };
        let Outcome::Found(route) = snapshot.router.find(&query, &mut captures) else { continue };
        let is_known = taken == Some(route) || near.iter().any(|(known, _)| *known == route);
        if !is_known && elsewhere < NEAR_MAX {
            near.push((route, Miss::Host));
            elsewhere += 1;
        }
    }
    near
}

/// Whether two names have their last two labels in common.
fn is_related(pattern: &config::HostPattern, host: &[u8]) -> bool {
    let (config::HostPattern::Exact(name) | config::HostPattern::Wildcard(name)) = pattern;
    let name = name.as_bytes().rsplit(|byte| *byte == b'.');
    let host = host.rsplit(|byte| *byte == b'.');
    let same = name.zip(host).take_while(|(one, other)| one.eq_ignore_ascii_case(other));
    same.take(2).count() == 2
}

/// A host that a pattern serves; for every host, one that no other pattern can name.
fn name_of(pattern: Option<&config::HostPattern>) -> String {
    match pattern {
        Some(config::HostPattern::Exact(host)) => host.clone(),
        Some(config::HostPattern::Wildcard(suffix)) => format!("x{suffix}"),
        None => ".".to_owned(),
    }
}
