//! Upstreams and their servers.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::address::{host_and_port, unbracketed};
use super::{Context, Text, balance, discover, health, host, layer4, tls};
use crate::check::Item;
use crate::model::{
    CircuitBreaker, Connections, Server, ServerAddress, Upstream, UpstreamProtocol,
    UpstreamTimeouts,
};
use crate::report::Diagnostic;

pub(super) fn upstream(item: &Item, context: &mut Context) -> Option<Upstream> {
    let name = item.arg("name")?;
    if name.text.is_empty() {
        context.error(Diagnostic::error(name.span, "an upstream needs a name"));
    }
    let servers: Vec<_> =
        item.all("server").filter_map(|server| self::server(server, context)).collect();
    let discovery =
        item.first("discover").map(|item| discover::discover(item, context)).unwrap_or_default();
    if item.whole && item.first("server").is_none() && item.first("discover").is_none() {
        context.error(
            Diagnostic::error(item.span, format!("upstream `{}` has no server", name.text))
                .help("add one: server \"127.0.0.1:8080\""),
        );
    }
    let tls = item.first("tls").map(|item| tls::upstream(item, context));
    let protocol = item.first("protocol").and_then(|item| item.arg("version"));
    if let Some(text) = protocol.filter(|text| text.text == "auto" && item.first("tls").is_none()) {
        context.error(
            Diagnostic::error(
                text.span,
                "`auto` is chosen in the TLS handshake, and there is none",
            )
            .help("add `tls`, or say `protocol \"h2\"` where the servers speak it in the clear"),
        );
    }
    let servers_max = discover::servers_max(item, servers.len(), context);
    balance::check_first(item, context);
    if let Some(tls) = item.first("tls").filter(|tls| tls.whole) {
        check_names(&servers, tls, context);
    }
    let protocol = match protocol.map(|text| text.text) {
        Some("h2") => UpstreamProtocol::H2,
        Some("auto") => UpstreamProtocol::Auto,
        _ => UpstreamProtocol::H1,
    };
    let around = health::Around { servers: &servers, protocol, has_tls: tls.is_some() };
    let health_check = item.first("health-check");
    let health_check = health_check.and_then(|check| health::health_check(check, &around, context));
    Some(Upstream {
        name: name.text.to_owned(),
        servers,
        discovery,
        servers_max,
        balance: item
            .first("balance")
            .map(|item| balance::balance(item, context))
            .unwrap_or_default(),
        eject: item.first("eject").map(|item| balance::eject(item, context)).unwrap_or_default(),
        retry: item.first("retry").map(|item| balance::retry(item, context)).unwrap_or_default(),
        hedge: item.first("hedge").map(|item| balance::hedge(item, context)),
        sticky: item.first("sticky").and_then(|item| balance::sticky(item, context)),
        slow_start: balance::slow_start(item),
        panic_percent: balance::panic_percent(item, context),
        subset: item.first("subset").and_then(|item| item.integer("size")).unwrap_or(0),
        circuit_breaker: item.first("circuit-breaker").map(circuit_breaker).unwrap_or_default(),
        deadline_header: balance::deadline_header(item, context),
        connections: item.first("connections").map(connections).unwrap_or_default(),
        timeouts: item.first("timeouts").map(timeouts).unwrap_or_default(),
        protocol,
        tls,
        health_check,
        proxy_protocol: layer4::sent(item, context),
        span: item.span,
    })
}

/// A Unix socket has no name that a certificate could be verified by.
fn check_names(servers: &[Server], tls: &Item, context: &mut Context) {
    if tls.bool("verify") == Some(false) || tls.prop("server-name").is_some() {
        return;
    }
    let unix = |server: &&Server| matches!(server.address, ServerAddress::Unix(_));
    if let Some(server) = servers.iter().find(unix) {
        context.error(
            Diagnostic::error(tls.span, "a server at a Unix socket has no name to verify")
                .mark(server.span, "this one")
                .help("say it: tls server-name=\"app.internal\""),
        );
    }
}

pub(super) fn server(item: &Item, context: &mut Context) -> Option<Server> {
    let text = item.arg("address")?;
    let address = match server_address(text) {
        Ok(address) => address,
        Err(reason) => {
            context.error(Diagnostic::error(text.span, format!("{:?}: {reason}", text.text)).help(
                "expected an address such as \"10.0.0.1:8080\", \"app.internal:8080\" or \
                     \"unix:/run/app.sock\"",
            ));
            return None;
        }
    };
    Some(Server {
        address,
        weight: item.integer("weight").unwrap_or(1),
        zone: item.prop("zone").map(|zone| zone.text.to_owned()),
        backup: item.bool("backup").unwrap_or(false),
        tier: item.integer("tier").unwrap_or(0),
        span: item.span,
    })
}

fn server_address(text: Text<'_>) -> Result<ServerAddress, &'static str> {
    if let Some(path) = text.text.strip_prefix("unix:") {
        return match path {
            "" => Err("a Unix socket needs a path"),
            path => Ok(ServerAddress::Unix(PathBuf::from(path))),
        };
    }
    if text.text.contains("://") {
        return Err("a server is an address, not a URL");
    }
    let (host, port) = host_and_port(text.text)?;
    if let Ok(ip) = unbracketed(host).parse::<IpAddr>() {
        return Ok(ServerAddress::Ip(SocketAddr::new(ip, port)));
    }
    host::check_name(host)?;
    Ok(ServerAddress::Name { host: host.to_ascii_lowercase(), port })
}

fn connections(item: &Item) -> Connections {
    let default = Connections::default();
    Connections {
        idle: item.duration("idle").unwrap_or(default.idle),
        idle_max: item.integer("idle-max").unwrap_or(default.idle_max),
        streams_max: item.integer("streams-max").unwrap_or(default.streams_max),
        max: item.integer("max").unwrap_or(default.max),
        queue: item.integer("queue").unwrap_or(default.queue),
        queue_timeout: item.duration("queue-timeout").unwrap_or(default.queue_timeout),
    }
}

fn circuit_breaker(item: &Item) -> CircuitBreaker {
    let default = CircuitBreaker::default();
    CircuitBreaker {
        requests_max: item.integer("requests").unwrap_or(default.requests_max),
        retries_max: item.integer("retries").unwrap_or(default.retries_max),
    }
}

fn timeouts(item: &Item) -> UpstreamTimeouts {
    let default = UpstreamTimeouts::default();
    UpstreamTimeouts {
        connect: item.duration("connect").unwrap_or(default.connect),
        first_byte: item.duration("first-byte").unwrap_or(default.first_byte),
    }
}
