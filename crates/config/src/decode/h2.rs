//! What HTTP/2 may cost.

use super::Context;
use crate::check::Item;
use crate::model::Http2;
use crate::report::Diagnostic;

/// Every window starts with this many bytes (RFC 9113 §6.9.2).
const WINDOW_MIN: u64 = 65_535;
const STREAM_WINDOW_MAX: u64 = 16 << 20;
const CONNECTION_WINDOW_MAX: u64 = 1 << 30;
/// One frame of the default size.
const SEND_MIN: u64 = 16 << 10;
const SEND_MAX: u64 = 1 << 30;

pub(super) fn http2(item: &Item, context: &mut Context) -> Http2 {
    let default = Http2::default();
    let mut size = |name, min, max| size_within(item, name, (min, max), context);
    let stream_window = size("stream-window", WINDOW_MIN, STREAM_WINDOW_MAX);
    let connection_window = size("connection-window", WINDOW_MIN, CONNECTION_WINDOW_MAX);
    let send_bytes_max = size("send-bytes-max", SEND_MIN, SEND_MAX);
    let window = |size: Option<u64>| size.and_then(|size| u32::try_from(size).ok());
    Http2 {
        streams_max: item.integer("streams-max").unwrap_or(default.streams_max),
        stream_window: window(stream_window).unwrap_or(default.stream_window),
        connection_window: window(connection_window).unwrap_or(default.connection_window),
        send_bytes_max: send_bytes_max.unwrap_or(default.send_bytes_max),
        abuse_budget: item.integer("abuse-budget").unwrap_or(default.abuse_budget),
        abuse_refill: item.integer("abuse-refill").unwrap_or(default.abuse_refill),
        span: item.span,
    }
}

/// A size from `min` to `max`, bounds included; says so if it is another.
fn size_within(
    item: &Item,
    name: &'static str,
    (min, max): (u64, u64),
    context: &mut Context,
) -> Option<u64> {
    let bytes = item.size(name)?;
    if (min..=max).contains(&bytes) {
        return Some(bytes);
    }
    let text = item.prop(name)?;
    let (min, max) = (written(min), written(max));
    let message = format!("expected a size from \"{min}\" to \"{max}\", found {:?}", text.text);
    context.error(Diagnostic::error(text.span, message));
    None
}

/// A size as people write it.
fn written(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| bytes.is_multiple_of(1 << shift));
    unit.map_or_else(|| format!("{bytes}B"), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}
