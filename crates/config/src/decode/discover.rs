//! Where servers are found that are not written.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::action::check_authority;
use super::{Context, Text, health, host, upstream};
use crate::check::{self, Item};
use crate::model::{AddressFamily, Discovery, DiscoverySource, Resolving, Server, ServerDocument};
use crate::read;
use crate::report::Diagnostic;
use crate::schema::SERVERS;

/// What `servers-max` is where nothing is said.
const SERVERS_MAX: u32 = 10_000;

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);
const BODY_BYTES_MAX: u64 = 4 << 20;

/// Questions that come faster would be an attack.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// The sources of an upstream.
pub(super) fn discover(item: &Item, context: &mut Context) -> Vec<Discovery> {
    if item.whole && item.items.is_empty() {
        context.error(
            Diagnostic::error(item.span, "`discover` names no source")
                .help("for example discover { srv \"_http._tcp.app.internal\"; }"),
        );
    }
    let source = |item: &Item| {
        let source = match item.spec.name {
            "srv" => srv(item.arg("name")?, context),
            "file" => file(item.arg("path")?, context),
            _ => document(item, context).map(DiscoverySource::Http),
        };
        source.map(|source| Discovery { source, span: item.span })
    };
    item.items.iter().filter_map(source).collect()
}

pub(super) fn servers_max(item: &Item, written: usize, context: &mut Context) -> u32 {
    let count = item.first("servers-max").and_then(|item| item.arg_integers("count").next());
    let Some((count, span)) = count else { return SERVERS_MAX };
    let max = u32::try_from(count).unwrap_or(SERVERS_MAX);
    if written > max as usize {
        let message = format!("{written} servers are written, more than `servers-max`");
        context.error(Diagnostic::error(span, message));
    }
    max
}

/// The servers of a text that goes by a name and holds nothing else.
pub(crate) fn servers(text: (&str, &str, read::Format), context: &mut Context) -> Vec<Server> {
    let nodes = read::block(text, &SERVERS, context);
    let (items, _) = check::block(&nodes, &SERVERS, &mut context.found);
    items.iter().filter_map(|item| upstream::server(item, context)).collect()
}

fn srv(name: Text<'_>, context: &mut Context) -> Option<DiscoverySource> {
    if let Err(reason) = host::check_name(name.text) {
        let message = format!("{:?}: {reason}", name.text);
        context.error(
            Diagnostic::error(name.span, message)
                .help("expected a name such as \"_http._tcp.app.internal\""),
        );
        return None;
    }
    Some(DiscoverySource::Srv(name.text.to_ascii_lowercase()))
}

fn file(text: Text<'_>, context: &mut Context) -> Option<DiscoverySource> {
    let path = context.readable(text)?;
    match file_servers(&path, context) {
        Ok(servers) => Some(DiscoverySource::File { path, servers }),
        Err(message) => {
            context.error(Diagnostic::error(text.span, message));
            None
        }
    }
}

/// The servers of a file: JSON where its name ends in `.json`, else KDL. `Err` says why it cannot
/// be read.
pub(crate) fn file_servers(path: &Path, context: &mut Context) -> Result<Vec<Server>, String> {
    let name = path.display().to_string();
    let content = read::content(path);
    let content = content.map_err(|reason| format!("cannot read {name:?}: {reason}"))?;
    Ok(servers((&name, &content, read::Format::of(&name)), context))
}

fn document(item: &Item, context: &mut Context) -> Option<ServerDocument> {
    let url = item.arg("url")?;
    if let Err(reason) = check_url(url.text) {
        let message = format!("{:?}: {reason}", url.text);
        context.error(
            Diagnostic::error(url.span, message)
                .help("expected a URL such as \"http://10.0.0.5:8500/servers\""),
        );
        return None;
    }
    let interval = item.duration("interval").unwrap_or(INTERVAL);
    if let Some(text) = item.prop("interval").filter(|_| interval < INTERVAL_MIN) {
        context.error(Diagnostic::error(text.span, "an interval is 100ms or longer"));
    }
    if let Some(ca) = item.prop("ca").filter(|_| !url.text.starts_with("https:")) {
        context.error(
            Diagnostic::error(ca.span, "nothing is encrypted here, so nobody is verified")
                .mark(url.span, "this does not begin with https://"),
        );
    }
    let ca = item.prop("ca").and_then(|ca| context.readable(ca));
    Some(ServerDocument {
        url: url.text.to_owned(),
        interval,
        timeout: item.duration("timeout").unwrap_or(TIMEOUT),
        body_bytes_max: item.size("body-bytes-max").unwrap_or(BODY_BYTES_MAX),
        headers: item.all("header").filter_map(|item| health::header(item, context)).collect(),
        ca,
    })
}

fn check_url(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let rest = rest.ok_or("a URL begins with http:// or https://")?;
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    if authority.contains('@') {
        return Err("a URL carries no user; send a `header`");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err("a URL has no spaces, control characters or fragment");
    }
    check_authority(authority)
}

/// How DNS is asked.
pub(super) fn resolver(item: &Item, context: &mut Context) -> Resolving {
    let default = Resolving::default();
    let servers = item.arg_texts("server").filter_map(|text| name_server(text, context)).collect();
    let resolving = Resolving {
        servers,
        family: match item.prop("family").map(|text| text.text) {
            Some("ipv4") => AddressFamily::V4,
            Some("ipv6") => AddressFamily::V6,
            _ => AddressFamily::Any,
        },
        ttl_min: item.duration("ttl-min").unwrap_or(default.ttl_min),
        ttl_max: item.duration("ttl-max").unwrap_or(default.ttl_max),
        timeout: item.duration("timeout").unwrap_or(default.timeout),
    };
    if resolving.ttl_min > resolving.ttl_max {
        let span = item.prop("ttl-min").or_else(|| item.prop("ttl-max")).map(|text| text.span);
        let message = "`ttl-min` is longer than `ttl-max`";
        context.error(Diagnostic::error(span.unwrap_or(item.span), message));
    }
    resolving
}

fn name_server(text: Text<'_>, context: &mut Context) -> Option<SocketAddr> {
    let bare = text.text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    let address = bare.or_else(|_| text.text.parse());
    if address.is_err() {
        context.error(
            Diagnostic::error(text.span, format!("{:?} is not an address", text.text))
                .help("expected one such as \"10.0.0.53\" or \"127.0.0.1:5353\""),
        );
    }
    address.ok()
}
