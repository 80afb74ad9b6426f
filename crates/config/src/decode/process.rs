//! Limits, timeouts and small policies of the whole process.

use super::Context;
use super::headers::field_name;
use crate::check::Item;
use crate::model::{Limits, PathForward, PathPolicy, RequestIdMode, RequestIdPolicy, Timeouts};

pub(super) fn limits(item: &Item) -> Limits {
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
        tls_handshakes_per_client: item
            .rate("tls-handshakes-per-client")
            .unwrap_or(default.tls_handshakes_per_client),
        span: item.span,
    }
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
