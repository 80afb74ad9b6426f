//! Addresses: where Weir listens, and which networks are meant.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;

use super::{Context, Text, layer4, tls};
use crate::check::Item;
use crate::model::{Admin, ListenAddress, Listener, ListenerProtocol, Protocols};
use crate::report::Diagnostic;

pub(super) fn listener(item: &Item, context: &mut Context) -> Option<Listener> {
    let address = listen_address(item.arg("address")?, context);
    let tls = item.first("tls").map(|item| tls::tls(item, context));
    let redirect = item.first("redirect-https");
    if let (Some(redirect), Some(tls)) = (redirect, item.first("tls")) {
        context.error(
            Diagnostic::error(redirect.span, "this listener is encrypted already")
                .mark(tls.name_span, "by this")
                .help("`redirect-https` belongs to the listener in the clear, mostly \":80\""),
        );
    }
    let protocol = layer4::protocol(item, context);
    if let (ListenerProtocol::Udp, Some(ListenAddress::Unix(_))) = (protocol, &address) {
        let message = "datagrams come to an address and a port";
        context.error(Diagnostic::error(item.span, message));
    }
    let protocols = item.first("protocols").map(|item| {
        let speaks = |version| item.arg_texts("version").any(|text| text.text == version);
        Protocols { h1: speaks("h1"), h2: speaks("h2") }
    });
    Some(Listener {
        address: address?,
        protocol,
        protocols: protocols.unwrap_or_default(),
        tls,
        redirect_https: redirect.map(tls::redirect_https),
        proxy_protocol: layer4::peers(item, context),
        forward: item.first("proxy").and_then(layer4::forward),
        pass_routes: layer4::pass_routes(item, context),
        span: item.span,
    })
}

pub(super) fn admin(item: &Item, context: &mut Context) -> Option<Admin> {
    let text = item.arg("address")?;
    let address = listen_address(text, context)?;
    if let ListenAddress::Tcp(addresses) = &address
        && !addresses.iter().all(|address| address.ip().is_loopback())
    {
        context.error(
            Diagnostic::error(text.span, "the admin listener is never open by default")
                .label("not a loopback address")
                .help("listen on 127.0.0.1, [::1] or a Unix socket"),
        );
        return None;
    }
    Some(Admin { address, span: item.span })
}

fn listen_address(text: Text<'_>, context: &mut Context) -> Option<ListenAddress> {
    match parse_listen(text.text) {
        Ok(address) => Some(address),
        Err(reason) => {
            context.error(Diagnostic::error(text.span, format!("{:?}: {reason}", text.text)).help(
                "expected an address such as \":80\", \"127.0.0.1:80\", \"[::1]:80\" or \
                     \"unix:/run/weir.sock\"",
            ));
            None
        }
    }
}

fn parse_listen(text: &str) -> Result<ListenAddress, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err("a Unix socket needs a path"),
            path => Ok(ListenAddress::Unix(PathBuf::from(path))),
        };
    }
    let (host, port) = host_and_port(text)?;
    let every = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let addresses = match host {
        "" | "*" => vec![every],
        "localhost" => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        host => match unbracketed(host).parse() {
            Ok(ip) => vec![ip],
            Err(_) => return Err("this is not an IP address"),
        },
    };
    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, port));
    Ok(ListenAddress::Tcp(addresses.collect()))
}

/// Splits at the last colon; an IPv6 address must be in brackets.
pub(super) fn host_and_port(text: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("a port is missing")?;
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err("an IPv6 address stands in brackets, before the port");
    }
    match port.parse() {
        Ok(0) => Err("port 0 is not a port"),
        Ok(port) if port_is_plain(text) => Ok((host, port)),
        _ => Err("the port must be a number from 1 to 65535"),
    }
}

fn port_is_plain(text: &str) -> bool {
    text.rsplit(':').next().is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
}

pub(super) fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// `10.0.0.0/8`, or one address.
pub(super) fn network(text: Text<'_>, context: &mut Context) -> Option<IpNet> {
    let error = |message: String| Diagnostic::error(text.span, message);
    let found = match text.text.parse::<IpNet>() {
        Ok(net) if net.addr() == net.network() => return Some(net),
        Ok(net) => error(format!("{:?} has bits set after its prefix", text.text))
            .help(format!("the network is \"{}\"", net.trunc())),
        Err(_) => match text.text.parse::<IpAddr>() {
            Ok(ip) => return Some(IpNet::from(ip)),
            Err(_) => error(format!("{:?} is not an address or a network", text.text))
                .help("expected for example \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\""),
        },
    };
    context.error(found);
    None
}
