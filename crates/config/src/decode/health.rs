//! Active health checks.

use std::time::Duration;

use super::action::check_authority;
use super::headers::{editable, plain_value};
use super::{Context, Text, path};
use crate::check::Item;
use crate::model::{
    HealthCheck, HttpProbe, InitialHealth, ProbeKind, Server, ServerAddress, UpstreamProtocol,
};
use crate::report::Diagnostic;
use crate::scalar;

const INTERVAL: Duration = Duration::from_secs(5);
const FAST_INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// Probes that come faster would be traffic of their own.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// What a kind of check says nothing about, and the kinds that do.
const BELONGS: [(&str, &[&str]); 6] = [
    ("method", &["http"]),
    ("status", &["http"]),
    ("body", &["http"]),
    ("host", &["http", "grpc"]),
    ("header", &["http", "grpc"]),
    ("service", &["grpc"]),
];

/// What the rest of an upstream says that a check depends on.
pub(super) struct Around<'a> {
    pub(super) servers: &'a [Server],
    pub(super) protocol: UpstreamProtocol,
    pub(super) has_tls: bool,
}

pub(super) fn health_check(
    item: &Item,
    around: &Around<'_>,
    context: &mut Context,
) -> Option<HealthCheck> {
    let kind_name = item.prop("kind").map_or("http", |kind| kind.text);
    check_kind(item, kind_name, context);
    check_around(item, kind_name, around, context);
    let kind = match kind_name {
        "tcp" => Some(ProbeKind::Tcp),
        "tls" => Some(ProbeKind::Tls),
        "grpc" => Some(ProbeKind::Grpc(owned(item.prop("service")).unwrap_or_default())),
        _ => http(item, context).map(ProbeKind::Http),
    };
    let [interval, fast_interval, timeout] = times(item, context);
    let host = item.prop("host").filter(|host| is_host(*host, context));
    let headers = item.all("header").filter_map(|header| self::header(header, context)).collect();
    let jitter = item.prop("jitter");
    Some(HealthCheck {
        kind: kind?,
        host: owned(host),
        headers,
        port: item.integer("port"),
        interval,
        fast_interval,
        timeout,
        jitter_percent: jitter.map_or(Some(10), |text| percent(text, context))?,
        healthy: item.integer("healthy").unwrap_or(2),
        unhealthy: item.integer("unhealthy").unwrap_or(3),
        initial: match item.prop("initial").map(|text| text.text) {
            Some("down") => InitialHealth::Down,
            Some("probe") => InitialHealth::Probe,
            _ => InitialHealth::Up,
        },
        span: item.span,
    })
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.text.to_owned())
}

/// What is written must be about this kind of check.
fn check_kind(item: &Item, kind: &str, context: &mut Context) {
    if let Some(path) = item.arg("path").filter(|_| kind != "http") {
        let message = format!("a check of kind `{kind}` asks for no path");
        let found = Diagnostic::error(path.span, message);
        context.error(found.help("leave it out, or use `kind=\"http\"`"));
    }
    for (name, kinds) in BELONGS {
        let prop = item.props.iter().find(|prop| prop.spec.name == name);
        let span = prop.map(|prop| prop.span).or_else(|| item.first(name).map(|item| item.span));
        let Some(span) = span.filter(|_| !kinds.contains(&kind)) else { continue };
        let of = kinds.first().copied().unwrap_or_default();
        let message = format!("a check of kind `{kind}` has no `{name}`");
        let found = Diagnostic::error(span, message);
        context.error(found.help(format!("leave it out, or use `kind=\"{of}\"`")));
    }
}

/// The upstream must speak what is asked.
fn check_around(item: &Item, kind: &str, around: &Around<'_>, context: &mut Context) {
    let span = item.prop("kind").map_or(item.span, |kind| kind.span);
    if kind == "tls" && !around.has_tls {
        let message = "the servers are not spoken to in TLS";
        let found = Diagnostic::error(span, message);
        context.error(found.help("add `tls` to the upstream, or use `kind=\"tcp\"`"));
    }
    if kind == "grpc" && around.protocol == UpstreamProtocol::H1 {
        let found = Diagnostic::error(span, "gRPC is spoken over HTTP/2 only");
        context.error(found.help("add `protocol \"h2\"` to the upstream"));
    }
    let unix = |server: &&Server| matches!(server.address, ServerAddress::Unix(_));
    if let (Some(port), Some(server)) =
        (item.props.iter().find(|prop| prop.spec.name == "port"), around.servers.iter().find(unix))
    {
        let found = Diagnostic::error(port.span, "a Unix socket has no port");
        context.error(found.mark(server.span, "this server is at one"));
    }
}

fn http(item: &Item, context: &mut Context) -> Option<HttpProbe> {
    let Some(path) = item.arg("path") else {
        if item.whole {
            let found = Diagnostic::error(item.span, "a check over HTTP needs a path");
            context.error(
                found.help("for example health-check \"/healthz\", or health-check kind=\"tcp\""),
            );
        }
        return None;
    };
    let body = item.prop("body");
    let method = item.prop("method");
    if let (Some(body), Some(Text { text: "HEAD", span })) = (body, method) {
        let found = Diagnostic::error(body.span, "the answer to HEAD has no body");
        context.error(found.mark(span, "because of this"));
    }
    if let Some(body) = body.filter(|body| body.text.is_empty()) {
        context.error(Diagnostic::error(body.span, "every body contains the empty text"));
    }
    let statuses = item.prop("status");
    let statuses =
        statuses.map_or_else(|| Some(vec![(200, 399)]), |text| self::statuses(text, context));
    Some(HttpProbe {
        path: path::target(path, context)?,
        method: owned(method).unwrap_or_else(|| "GET".to_owned()),
        statuses: statuses?,
        body: owned(body),
    })
}

/// Ranges of status codes such as `200-399` or `200,204,301-302`.
fn statuses(text: Text<'_>, context: &mut Context) -> Option<Vec<(u16, u16)>> {
    let mut ranges = Vec::new();
    let mut offset = 0;
    for part in text.text.split(',') {
        match range(part) {
            Ok(range) => ranges.push(range),
            Err(reason) => {
                let message = format!("{part:?} is no range of status codes");
                let span = context.inside(text, offset, part.len());
                context.error(
                    Diagnostic::error(span, message)
                        .label(reason)
                        .help("for example \"200-399\" or \"200,204,301-302\""),
                );
                return None;
            }
        }
        offset += part.len() + 1;
    }
    Some(ranges)
}

fn range(part: &str) -> Result<(u16, u16), &'static str> {
    let code = |text: &str| match text.trim().parse() {
        Ok(code) if (200..=599).contains(&code) => Ok(code),
        Ok(_) => Err("an answer has a status from 200 to 599"),
        Err(_) => Err("a status code has three digits"),
    };
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (code(first)?, code(last)?);
    if first > last { Err("it ends before it begins") } else { Ok((first, last)) }
}

fn percent(text: Text<'_>, context: &mut Context) -> Option<u32> {
    let found = scalar::percent(text.text);
    if found.is_none() {
        let message = format!("expected a share from \"0%\" to \"100%\", found {:?}", text.text);
        context.error(Diagnostic::error(text.span, message));
    }
    found
}

/// Interval, fast interval and timeout. What is not written fits the interval that is.
fn times(item: &Item, context: &mut Context) -> [Duration; 3] {
    let interval = item.duration("interval").unwrap_or(INTERVAL);
    let bounded =
        |name: &str, usual: Duration| item.duration(name).unwrap_or_else(|| usual.min(interval));
    let fast_interval = bounded("fast-interval", FAST_INTERVAL);
    let timeout = bounded("timeout", TIMEOUT);
    let longer = [
        ("timeout", timeout, "a probe would last until after the next one is due"),
        ("fast-interval", fast_interval, "the fast interval is longer than the usual one"),
    ];
    for (name, time, message) in longer {
        let Some(text) = item.prop(name).filter(|_| time > interval) else { continue };
        let found = Diagnostic::error(text.span, message);
        context.error(match item.prop("interval") {
            Some(interval) => found.mark(interval.span, "the interval"),
            None => found.help("the interval is \"5s\" where none is written"),
        });
    }
    for name in ["interval", "fast-interval"] {
        if item.duration(name).is_none_or(|time| time >= INTERVAL_MIN) {
            continue;
        }
        if let Some(text) = item.prop(name) {
            let message = "probes of a server are 10ms apart at least";
            context.error(Diagnostic::error(text.span, message));
        }
    }
    [interval, fast_interval, timeout]
}

fn is_host(host: Text<'_>, context: &mut Context) -> bool {
    let reason = check_authority(host.text).err();
    if let Some(reason) = reason {
        let message = format!("{:?}: {reason}", host.text);
        context.error(
            Diagnostic::error(host.span, message).help("expected a host name, perhaps with a port"),
        );
    }
    reason.is_none()
}

pub(super) fn header(item: &Item, context: &mut Context) -> Option<(String, String)> {
    let (name, value) = (item.arg("name")?, item.arg("value")?);
    if name.text.eq_ignore_ascii_case("host") {
        context.error(
            Diagnostic::error(name.span, "the host is no field here")
                .help("that of a check stands beside its path: host=\"app.internal\""),
        );
        return None;
    }
    let name = editable(name, context)?;
    plain_value(value.text, value.span, context).then(|| (name, value.text.to_owned()))
}
