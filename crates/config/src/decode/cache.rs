//! Stores of responses, and what a route keeps in them.

use super::headers::{editable, field_name};
use super::{Context, address, route};
use crate::check::Item;
use crate::model::{CacheDisk, CacheKey, CacheStore, RouteCache};
use crate::report::Diagnostic;

pub(super) fn store(item: &Item, context: &mut Context) -> CacheStore {
    let usual = CacheStore::unnamed();
    let name = item.arg("name").map(|name| name.text.to_owned()).unwrap_or_default();
    let memory_bytes_max = item.size("memory").unwrap_or(usual.memory_bytes_max);
    let disk = item.first("disk").and_then(|node| disk(node, context));
    let most = disk.as_ref().map_or(memory_bytes_max, |disk| disk.bytes_max / DISK_OBJECT_PART);
    let object_bytes_usual = match &disk {
        Some(_) => most,
        None => usual.object_bytes_max.min(memory_bytes_max / 4),
    };
    let object_bytes_max = item.size("object-bytes-max").unwrap_or(object_bytes_usual);
    if item.whole && object_bytes_max > most.max(memory_bytes_max) {
        let message = "an object cannot be larger than the store that it is kept in";
        let help = match disk {
            Some(_) => "one object gets at most a quarter of the disk's `size`",
            None => "make `memory` larger, or the object smaller",
        };
        context.error(Diagnostic::error(item.span, message).help(help));
    }
    let no_vary_search_bytes_max =
        item.size("no-vary-search-bytes-max").unwrap_or(usual.no_vary_search_bytes_max);
    let span = Some(item.span);
    CacheStore { name, memory_bytes_max, object_bytes_max, no_vary_search_bytes_max, disk, span }
}

/// One object takes at most one part in this many of a disk.
const DISK_OBJECT_PART: u64 = 4;

/// A smaller disk would be busy with making room.
const DISK_BYTES_MIN: u64 = 1 << 20;

/// Bytes that may wait to be written where nothing else is said.
const QUEUE_BYTES_MAX: u64 = 64 << 20;

fn disk(item: &Item, context: &mut Context) -> Option<CacheDisk> {
    let directory = item.arg("directory")?;
    if directory.text.is_empty() {
        context.error(Diagnostic::error(directory.span, "the path of a directory is missing"));
        return None;
    }
    let Some(bytes_max) = item.size("size") else {
        if item.whole {
            let message = "a disk of the cache needs a `size`";
            let help = format!("for example: disk {:?} size=\"20GiB\"", directory.text);
            context.error(Diagnostic::error(item.span, message).help(help));
        }
        return None;
    };
    if bytes_max < DISK_BYTES_MIN {
        let message = "a disk of the cache has at least 1MiB";
        context.error(Diagnostic::error(item.span, message).help("20GiB is a usual size"));
        return None;
    }
    let queue_bytes_max = item.size("queue-bytes-max").unwrap_or(QUEUE_BYTES_MAX);
    Some(CacheDisk { directory: context.beside(directory), bytes_max, queue_bytes_max })
}

/// The cache of a route, which must have responses to keep.
pub(super) fn cache(route: &Item, is_proxied: bool, context: &mut Context) -> Option<RouteCache> {
    let item = route.first("cache")?;
    if route.whole && !is_proxied {
        context.error(
            Diagnostic::error(item.span, "the cache keeps what comes from an upstream")
                .help("add `proxy` or `split`"),
        );
    }
    if let (Some(ttl), Some(_)) = (item.prop("ttl"), item.prop("override-ttl")) {
        let message = "`override-ttl` counts for all responses, so `ttl` for none";
        context.error(Diagnostic::error(ttl.span, message).help("keep one of them"));
    }
    let purge_from = item.first("purge").into_iter().flat_map(|node| node.arg_texts("network"));
    Some(RouteCache {
        store: item.arg("store").map(|name| name.text.to_owned()).unwrap_or_default(),
        ttl: item.duration("ttl"),
        override_ttl: item.duration("override-ttl"),
        error_ttl: item.duration("error-ttl"),
        stale_while_revalidate: item.duration("stale-while-revalidate"),
        stale_if_error: item.duration("stale-if-error"),
        status: item.bool("status") != Some(false),
        shows_key: item.bool("show-key") == Some(true),
        client_directives: item.bool("client-directives") != Some(false),
        key: item.first("key").map(|item| key(item, context)).unwrap_or_default(),
        post_body_bytes_max: item
            .first("post")
            .map(|post| post.size("body-bytes-max").unwrap_or(POST_BODY_BYTES_MAX)),
        bypass: item.all("bypass").map(|item| route::predicates(item, context)).collect(),
        purge_from: purge_from.filter_map(|text| address::network(text, context)).collect(),
        span: item.span,
    })
}

/// Bytes of a POST's body by which its response is known, where nothing is said.
const POST_BODY_BYTES_MAX: u64 = 64 << 10;

fn key(item: &Item, context: &mut Context) -> CacheKey {
    let device_header = device_header(item, context);
    let texts = |name: &str| item.prop_texts(name).map(|text| text.text.to_owned()).collect();
    let headers = item.prop_texts("header").filter_map(|text| field_name(text, context));
    CacheKey {
        sort_query: item.bool("sort-query") == Some(true),
        headers: headers.map(|name| name.to_ascii_lowercase()).collect(),
        query_allow: texts("query"),
        query_deny: texts("ignore-query"),
        cookies: texts("cookie"),
        device_header,
    }
}

/// The field that tells the origin the class of device, where that is part of the key.
fn device_header(item: &Item, context: &mut Context) -> Option<String> {
    let header = item.prop("device-header");
    if item.bool("device") == Some(true) {
        return header.map_or_else(|| Some("X-Device".to_owned()), |name| editable(name, context));
    }
    if let Some(header) = header {
        let message = "no class of device is told where it is not part of the key";
        context.error(Diagnostic::error(header.span, message).help("add `device=#true`"));
    }
    None
}
