//! Where requests of a route go besides, instead, or not at all.

use std::time::Duration;

use super::action::proxy;
use super::{Context, balance, key, route};
use crate::check::Item;
use crate::model::{Failover, Maintenance, Mirror, Proxy, RetryOn, Split, SplitTarget};
use crate::report::Diagnostic;

/// When clients are told to come again where nothing is said.
const RETRY_AFTER: Duration = Duration::from_secs(300);

pub(super) fn split(item: &Item, context: &mut Context) -> Option<Split> {
    let key = item.prop("key").and_then(|text| key::hash_key(text, context));
    let target = |item: &Item| {
        let weight = item.integer("weight").unwrap_or(1);
        Some(SplitTarget { weight, proxy: proxy(item, context)? })
    };
    let targets: Vec<_> = item.all("to").filter_map(target).collect();
    if item.whole && targets.is_empty() {
        context.error(
            Diagnostic::error(item.span, "`split` has no part")
                .help("for example split { to \"app\" weight=95; to \"next\" weight=5; }"),
        );
        return None;
    }
    if item.whole && targets.iter().all(|target| target.weight == 0) {
        let message = "every part has the weight 0, so nobody would be served";
        context.error(Diagnostic::error(item.span, message));
    }
    let mut seen: Vec<&Proxy> = Vec::new();
    for target in &targets {
        let proxy = &target.proxy;
        if let Some(before) = seen.iter().find(|known| known.upstream == proxy.upstream) {
            let message = format!("`{}` is a part already", proxy.upstream);
            let error = Diagnostic::error(proxy.span, message).mark(before.span, "first here");
            context.error(error.help("give the one part the sum of both weights"));
        }
        seen.push(proxy);
    }
    Some(Split { key, targets, span: item.span })
}

/// The failover of a `proxy` or `to` for this upstream.
pub(super) fn failover(
    item: &Item,
    upstream: &str,
    context: &mut Context,
) -> Option<Box<Failover>> {
    let item = item.first("failover")?;
    let to = proxy(item, context)?;
    if to.upstream == upstream {
        context.error(
            Diagnostic::error(to.span, "this is the upstream that has failed")
                .help("name another one; further servers of the same are tried by `retry`"),
        );
    }
    let conditions: Vec<_> = item.prop_texts("on").collect();
    let on = if conditions.is_empty() { usual() } else { balance::retry_on(&conditions, context) };
    Some(Box::new(Failover { to, on }))
}

fn usual() -> RetryOn {
    RetryOn { connect: true, reset: true, timeout: true, statuses: vec![502, 503, 504] }
}

/// Parts of a whole that a sample is given in.
const WHOLE: u32 = 100_000;

const COPY_BYTES_MAX: u64 = 64 << 10;
const COPIES_MAX: u32 = 64;
const COPY_TIMEOUT: Duration = Duration::from_secs(10);

/// The mirror of a route, which must send its requests somewhere itself.
pub(super) fn mirror(route: &Item, is_proxied: bool, context: &mut Context) -> Option<Mirror> {
    let item = route.first("mirror")?;
    if route.whole && !is_proxied {
        context.error(
            Diagnostic::error(item.span, "a mirror copies what goes to an upstream")
                .help("add `proxy` or `split`"),
        );
    }
    let sample = item.prop("sample").map_or(Some(100), |text| balance::percent(text, context))?;
    Some(Mirror {
        to: proxy(item, context)?,
        sample: sample * (WHOLE / 100),
        body_bytes_max: item.size("body-bytes-max").unwrap_or(COPY_BYTES_MAX),
        in_flight_max: item.integer("in-flight-max").unwrap_or(COPIES_MAX),
        timeout: item.duration("timeout").unwrap_or(COPY_TIMEOUT),
    })
}

/// How a route or a site is closed, if it is.
pub(super) fn maintenance(item: &Item, context: &mut Context) -> Option<Maintenance> {
    let item = item.first("maintenance")?;
    let except = item.all("except").map(|item| route::predicates(item, context)).collect();
    let retry_after = item.duration("retry-after").unwrap_or(RETRY_AFTER);
    let is_enabled = item.bool("enabled") != Some(false);
    is_enabled.then_some(Maintenance { retry_after, except, span: item.span })
}
