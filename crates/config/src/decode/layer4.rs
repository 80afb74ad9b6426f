//! Connections that are passed on unread, and the PROXY protocol.

use super::{Context, Text, address};
use crate::check::Item;
use crate::model::{Forward, ListenerProtocol, ProxyPeer, ProxyVersion};
use crate::report::Diagnostic;

/// Nodes of a listener that make sense for HTTP only.
const HTTP_ONLY: [&str; 2] = ["protocols", "redirect-https"];

/// What is spoken at a listener, with the nodes that this needs and without those it forbids.
pub(super) fn protocol(listener: &Item, context: &mut Context) -> ListenerProtocol {
    let word = listener.prop("protocol").map_or("http", |text| text.text);
    let protocol = match word {
        "tcp" => ListenerProtocol::Tcp,
        _ => ListenerProtocol::Http,
    };
    let forward = listener.first("proxy");
    match (protocol, forward) {
        (ListenerProtocol::Http, Some(forward)) => {
            context.error(
                Diagnostic::error(forward.name_span, "a listener of HTTP has no `proxy`").help(
                    "requests go by the routes of a `site`; to pass connections on unread, say \
                     protocol=\"tcp\"",
                ),
            );
        }
        (ListenerProtocol::Tcp, None) if listener.whole => {
            context.error(
                Diagnostic::error(listener.span, "nobody gets what comes in here")
                    .help("name an upstream: { proxy \"app\"; }"),
            );
        }
        _ => {}
    }
    if protocol != ListenerProtocol::Http {
        for item in HTTP_ONLY.iter().filter_map(|name| listener.first(name)) {
            let message = format!("`{}` is for listeners of HTTP", item.spec.name);
            context.error(Diagnostic::error(item.name_span, message));
        }
    }
    protocol
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
