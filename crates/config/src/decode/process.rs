//! Limits, timeouts and small policies of the whole process.

use super::Context;
use super::headers::field_name;
use crate::check::Item;
use crate::model::{Limits, PathForward, PathPolicy, RequestIdMode, RequestIdPolicy, Timeouts};
use crate::report::Diagnostic;

pub(super) fn limits(item: &Item, context: &mut Context) -> Limits {
    let default = Limits::default();
    Limits {
        header_bytes_max: item.size("header-bytes-max").unwrap_or(default.header_bytes_max),
        headers_max: item.integer("headers-max").unwrap_or(default.headers_max),
        uri_bytes_max: item.size("uri-bytes-max").unwrap_or(default.uri_bytes_max),
        body_bytes_max: item.size("body-bytes-max"),
        connections_max: item.integer("connections-max").unwrap_or(default.connections_max),
        connections_per_client_max: item
            .integer("connections-per-client-max")
            .unwrap_or(default.connections_per_client_max),
        memory_max: item.size("memory-max").unwrap_or(default.memory_max),
        udp_flows_max: item.integer("udp-flows-max").unwrap_or(default.udp_flows_max),
        tls_hello_bytes_max: hello_bytes(item, context).unwrap_or(default.tls_hello_bytes_max),
        tls_handshakes_per_client: item
            .rate("tls-handshakes-per-client")
            .unwrap_or(default.tls_handshakes_per_client),
        span: item.span,
    }
}

/// Less is no message, and more is none that an honest client sends.
const HELLO_BYTES: std::ops::RangeInclusive<u64> = 512..=64 << 10;

fn hello_bytes(item: &Item, context: &mut Context) -> Option<u64> {
    let bytes = item.size("tls-hello-bytes-max")?;
    if !HELLO_BYTES.contains(&bytes) {
        let span = item.prop("tls-hello-bytes-max").map_or(item.span, |text| text.span);
        let message = "a ClientHello has from \"512B\" to \"64KiB\"";
        context.error(Diagnostic::error(span, message));
    }
    Some(bytes)
}

pub(super) fn timeouts(item: &Item) -> Timeouts {
    let default = Timeouts::default();
    Timeouts {
        request_header: item.duration("request-header").unwrap_or(default.request_header),
        tls_handshake: item.duration("tls-handshake").unwrap_or(default.tls_handshake),
        client_idle: item.duration("client-idle").unwrap_or(default.client_idle),
        body_idle: item.duration("body-idle").unwrap_or(default.body_idle),
        shutdown: item.duration("shutdown").unwrap_or(default.shutdown),
        tunnel_idle: item.duration("tunnel-idle").unwrap_or(default.tunnel_idle),
        udp_idle: item.duration("udp-idle").unwrap_or(default.udp_idle),
        tcp_idle: item.duration("tcp-idle").unwrap_or(default.tcp_idle),
        body_rate_min: item.byte_rate("body-rate-min").unwrap_or(default.body_rate_min),
        span: item.span,
    }
}

pub(super) fn request_id(item: &Item, context: &mut Context) -> RequestIdPolicy {
    let default = RequestIdPolicy::default();
    let mode = match item.arg("mode").map(|mode| mode.text) {
        Some("make") => RequestIdMode::Make,
        Some("off") => RequestIdMode::Off,
        _ => RequestIdMode::Keep,
    };
    let header = item.prop("header").and_then(|name| field_name(name, context));
    RequestIdPolicy { mode, header: header.unwrap_or(default.header), span: item.span }
}

pub(super) fn path_policy(item: &Item) -> PathPolicy {
    let default = PathPolicy::default();
    let forward = match item.prop("forward").map(|form| form.text) {
        Some("canonical") => PathForward::Canonical,
        _ => default.forward,
    };
    let merge_slashes = item.bool("merge-slashes").unwrap_or(default.merge_slashes);
    PathPolicy { merge_slashes, forward }
}

pub(super) fn workers(item: &Item) -> Option<u16> {
    let (count, _) = item.arg_integers("count").next()?;
    u16::try_from(count).ok()
}
