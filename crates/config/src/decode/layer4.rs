//! Connections that are passed on unread, and the PROXY protocol.

use std::collections::HashMap;

use super::{Context, Text, address, host};
use crate::check::Item;
use crate::model::{
    Forward, HostPattern, ListenerProtocol, PassRoute, ProxyPeer, ProxyVersion, Span,
};
use crate::report::Diagnostic;

/// Nodes of a listener that make sense for HTTP only.
const HTTP_ONLY: [&str; 2] = ["protocols", "redirect-https"];

/// What is spoken at a listener, with the nodes that this needs and without those it forbids.
pub(super) fn protocol(listener: &Item, context: &mut Context) -> ListenerProtocol {
    let word = listener.prop("protocol").map_or("http", |text| text.text);
    let protocol = match word {
        "tcp" => ListenerProtocol::Tcp,
        "udp" => ListenerProtocol::Udp,
        "tls-passthrough" => ListenerProtocol::TlsPassthrough,
        _ => ListenerProtocol::Http,
    };
    let forward = listener.first("proxy");
    match (protocol, forward) {
        (ListenerProtocol::Http | ListenerProtocol::TlsPassthrough, Some(forward)) => {
            context.error(
                Diagnostic::error(
                    forward.name_span,
                    format!("a listener of {word} has no `proxy`"),
                )
                .help(
                    "requests go by the routes of a `site`, TLS connections by those of the \
                         listener; to pass connections on unread, say protocol=\"tcp\"",
                ),
            );
        }
        (ListenerProtocol::Tcp | ListenerProtocol::Udp, None) if listener.whole => {
            context.error(
                Diagnostic::error(listener.span, "nobody gets what comes in here")
                    .help("name an upstream: { proxy \"app\"; }"),
            );
        }
        _ => {}
    }
    let (has_tls, has_routes) = (listener.first("tls"), listener.first("route"));
    match (protocol, has_tls, has_routes) {
        (ListenerProtocol::TlsPassthrough, _, None) if listener.whole => context.error(
            Diagnostic::error(listener.span, "nobody gets what comes in here")
                .help("add a route: route sni=\"db.example.com\" { proxy \"postgres\"; }"),
        ),
        (ListenerProtocol::TlsPassthrough, Some(tls), _) => context.error(
            Diagnostic::error(tls.name_span, "what is passed on is not decrypted")
                .help("say protocol=\"http\" or \"tcp\" to decrypt what no route takes"),
        ),
        (ListenerProtocol::Udp, Some(node), _) | (ListenerProtocol::Udp, None, Some(node)) => {
            let message = format!("`{}` is for connections, and UDP has none", node.spec.name);
            context.error(Diagnostic::error(node.name_span, message));
        }
        (ListenerProtocol::Http | ListenerProtocol::Tcp, None, Some(route)) => context.error(
            Diagnostic::error(route.name_span, "nobody asks for a name without TLS")
                .help("say protocol=\"tls-passthrough\", or add `tls` for what no route takes"),
        ),
        _ => {}
    }
    if let Some(node) = listener.first("proxy-protocol")
        && protocol == ListenerProtocol::Udp
    {
        let message = "datagrams carry no header of the PROXY protocol";
        context.error(Diagnostic::error(node.name_span, message));
    }
    if protocol != ListenerProtocol::Http {
        for item in HTTP_ONLY.iter().filter_map(|name| listener.first(name)) {
            let message = format!("`{}` is for listeners of HTTP", item.spec.name);
            context.error(Diagnostic::error(item.name_span, message));
        }
    }
    protocol
}

/// The routes of a listener for TLS connections that are passed on as they are.
pub(super) fn pass_routes(listener: &Item, context: &mut Context) -> Vec<PassRoute> {
    let mut seen: HashMap<(Option<HostPattern>, Vec<String>), Span> = HashMap::new();
    let mut routes = Vec::new();
    for item in listener.all("route") {
        let names: Vec<_> =
            item.prop_texts("sni").filter_map(|text| host::pattern(text, context)).collect();
        let alpn: Vec<_> = item.prop_texts("alpn").map(|text| text.text.to_owned()).collect();
        if let Some(text) =
            item.prop_texts("alpn").find(|text| text.text.is_empty() || text.text.len() > 255)
        {
            let message = "a protocol has from 1 to 255 bytes";
            context.error(Diagnostic::error(text.span, message));
        }
        let every = names.is_empty().then_some(None);
        for name in names.iter().cloned().map(Some).chain(every) {
            if let Some(before) = seen.insert((name, alpn.clone()), item.span) {
                let error = Diagnostic::error(item.span, "two routes take the same connections");
                context.error(error.mark(before, "first here"));
                break;
            }
        }
        let Some(forward) = item.first("proxy").and_then(forward) else {
            if item.whole {
                let error = Diagnostic::error(item.span, "a route needs a destination");
                context.error(error.help("name an upstream: { proxy \"app\"; }"));
            }
            continue;
        };
        routes.push(PassRoute { names, alpn, forward, span: item.span });
    }
    routes
}

/// Where a listener's connections go.
pub(super) fn forward(item: &Item) -> Option<Forward> {
    let name = item.arg("upstream")?;
    Some(Forward { upstream: name.text.to_owned(), span: name.span })
}

/// The peers that send the PROXY protocol.
pub(super) fn peers(listener: &Item, context: &mut Context) -> Vec<ProxyPeer> {
    let Some(item) = listener.first("proxy-protocol") else { return Vec::new() };
    let texts: Vec<_> = item.prop_texts("from").collect();
    if texts.is_empty() && item.whole {
        context.error(
            Diagnostic::error(item.span, "whoever may send this header chooses its address")
                .help("name the proxies in front: proxy-protocol from=\"10.0.0.0/8\""),
        );
    }
    texts.into_iter().filter_map(|text| peer(text, context)).collect()
}

fn peer(text: Text<'_>, context: &mut Context) -> Option<ProxyPeer> {
    match text.text {
        "unix" => Some(ProxyPeer::Unix),
        _ => address::network(text, context).map(ProxyPeer::Network),
    }
}

/// The PROXY protocol that the servers of an upstream get.
pub(super) fn sent(upstream: &Item, context: &mut Context) -> Option<ProxyVersion> {
    let item = upstream.first("proxy-protocol")?;
    let version = match item.arg("version")?.text {
        "v1" => ProxyVersion::V1,
        _ => ProxyVersion::V2,
    };
    let protocol = upstream
        .first("protocol")
        .filter(|item| item.arg("version").is_some_and(|version| version.text != "h1"));
    if let Some(protocol) = protocol {
        context.error(
            Diagnostic::error(item.span, "connections of HTTP/2 are shared between clients")
                .mark(protocol.span, "spoken because of this")
                .help("the header names one client for a whole connection; use `protocol \"h1\"`"),
        );
    }
    Some(version)
}
