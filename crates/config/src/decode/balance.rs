//! Who gets a request, and what happens when servers fail.

use std::time::Duration;

use super::headers::{field_name, is_token_char};
use super::{Context, Text, key};
use crate::check::Item;
use crate::model::{Balance, Eject, HashKey, Hedge, Policy, Retry, RetryOn, SameSite, Sticky};
use crate::report::Diagnostic;
use crate::scalar;

pub(super) fn balance(item: &Item, context: &mut Context) -> Balance {
    let default = Balance::default();
    let bound = item.prop("bound").and_then(|text| percent(text, context));
    let policy = item.arg("policy").map(|text| policy(text.text)).unwrap_or_default();
    let hashes = matches!(policy, Policy::Hash | Policy::Maglev);
    let strays = [item.prop("key"), item.prop("bound")].into_iter().flatten();
    if let Some(stray) = strays.into_iter().find(|_| item.whole && !hashes) {
        context.error(
            Diagnostic::error(stray.span, "only `hash` and `maglev` know this property")
                .help("write balance \"hash\" key=\"cookie:session\""),
        );
    }
    let key = item.prop("key").map(|text| key::hash_key(text, context));
    Balance {
        policy,
        key: if hashes { key.unwrap_or_else(|| Some(HashKey::default())) } else { None },
        bound_percent: bound.unwrap_or(default.bound_percent),
    }
}

fn policy(word: &str) -> Policy {
    Policy::ALL.into_iter().find(|policy| policy.word() == word).unwrap_or_default()
}

/// The first server is never full where there is no limit.
pub(super) fn check_first(upstream: &Item, context: &mut Context) {
    let policy = upstream.first("balance").and_then(|item| item.arg("policy"));
    let Some(policy) = policy.filter(|policy| policy.text == "first") else { return };
    let connections = upstream.first("connections");
    if upstream.whole && connections.is_none_or(|item| item.integer::<u32>("max").is_none()) {
        context.error(
            Diagnostic::error(policy.span, "`first` goes on to the next server when one is full")
                .help("say when that is: connections max=1000"),
        );
    }
}

/// A share in percent.
pub(super) fn percent(text: Text<'_>, context: &mut Context) -> Option<u32> {
    let percent = scalar::percent(text.text);
    if percent.is_none() {
        let message = format!("expected a share such as \"20%\", found {:?}", text.text);
        context.error(Diagnostic::error(text.span, message).help("from \"0%\" to \"100%\""));
    }
    percent
}

pub(super) fn slow_start(upstream: &Item) -> Duration {
    let time = upstream.first("slow-start").and_then(|item| item.arg("time"));
    time.and_then(|text| scalar::duration(text.text).ok()).unwrap_or_default()
}

pub(super) fn panic_percent(upstream: &Item, context: &mut Context) -> u32 {
    let share = upstream.first("panic-threshold").and_then(|item| item.arg("share"));
    share.and_then(|text| percent(text, context)).unwrap_or(30)
}

pub(super) fn deadline_header(upstream: &Item, context: &mut Context) -> Option<String> {
    let name = upstream.first("deadline-header").and_then(|item| item.arg("name"))?;
    field_name(name, context)
}

pub(super) fn eject(item: &Item, context: &mut Context) -> Eject {
    let default = Eject::default();
    let eject = Eject {
        consecutive_errors: item.integer("consecutive-errors").unwrap_or(0),
        connect_failures: item.integer("connect-failures").unwrap_or(default.connect_failures),
        base: item.duration("base").unwrap_or(default.base),
        max: item.duration("max").unwrap_or(default.max),
        max_percent: item.integer("max-percent").unwrap_or(default.max_percent),
        interval: item.duration("interval").unwrap_or(default.interval),
        success_rate_points: item.integer("success-rate").unwrap_or(0),
        latency_percent: item.integer("latency").unwrap_or(0),
        volume_min: item.integer("volume").unwrap_or(default.volume_min),
    };
    if let Some(max) = item.prop("max").filter(|_| eject.max < eject.base) {
        context.error(
            Diagnostic::error(max.span, "the longest time is shorter than the first one")
                .help("`max` is at least `base`"),
        );
    }
    eject
}

pub(super) fn retry(item: &Item, context: &mut Context) -> Retry {
    let default = Retry::default();
    let conditions: Vec<_> = item.prop_texts("on").collect();
    let on = if conditions.is_empty() { default.on } else { retry_on(&conditions, context) };
    let budget = item.prop("budget").and_then(|text| percent(text, context));
    Retry {
        attempts: item.integer("attempts").unwrap_or(default.attempts),
        on,
        budget_percent: budget.unwrap_or(default.budget_percent),
        budget_per_s_min: item.rate("budget-min").unwrap_or(default.budget_per_s_min),
        per_try: item.duration("per-try"),
        body_bytes_max: item.size("body-bytes-max").unwrap_or(0),
    }
}

pub(super) fn hedge(item: &Item, context: &mut Context) -> Hedge {
    let mut hedge = Hedge::default();
    if let Some(text) = item.prop("after")
        && let Some(after_percent) = percent(text, context)
    {
        hedge.after_percent = after_percent;
        if !(50..=99).contains(&after_percent) {
            context.error(
                Diagnostic::error(text.span, "a late request is slower than 50% to 99% of all")
                    .help("for example after=\"95%\""),
            );
        }
    }
    if let Some(text) = item.prop("budget")
        && let Some(budget_percent) = percent(text, context)
    {
        hedge.budget_percent = budget_percent;
        if budget_percent == 0 {
            context.error(
                Diagnostic::error(text.span, "no second server could ever be asked")
                    .help("leave `hedge` out, or give it a share such as \"5%\""),
            );
        }
    }
    hedge
}

pub(super) fn retry_on(conditions: &[Text<'_>], context: &mut Context) -> RetryOn {
    let mut on = RetryOn { connect: false, reset: false, timeout: false, statuses: Vec::new() };
    for text in conditions {
        match text.text {
            "connect" => on.connect = true,
            "reset" => on.reset = true,
            "timeout" => on.timeout = true,
            other => match other.parse().ok().filter(|status| (400..600).contains(status)) {
                Some(status) => on.statuses.push(status),
                None => context.error(
                    Diagnostic::error(text.span, format!("{other:?} is no failure to retry on"))
                        .help("one of \"connect\", \"reset\", \"timeout\", or a status from 400"),
                ),
            },
        }
    }
    on
}

pub(super) fn sticky(item: &Item, context: &mut Context) -> Option<Sticky> {
    let cookie = match item.prop("cookie") {
        Some(name) if name.text.is_empty() || !name.text.chars().all(is_token_char) => {
            let message = format!("{:?} cannot be the name of a cookie", name.text);
            context.error(Diagnostic::error(name.span, message));
            return None;
        }
        name => name.map_or("weir", |name| name.text),
    };
    let bad = |text: &Text<'_>| {
        text.text.is_empty() || text.text.contains(|c: char| c == ';' || c == ',' || c <= ' ')
    };
    let attributes = [item.prop("path"), item.prop("domain")];
    if let Some(text) = attributes.iter().flatten().find(|text| bad(text)) {
        context.error(Diagnostic::error(text.span, "this cannot be an attribute of a cookie"));
        return None;
    }
    let secret = item.prop("secret");
    if let Some(short) = secret.filter(|secret| secret.text.len() < 16) {
        context.error(
            Diagnostic::error(short.span, "a secret that can be guessed is none")
                .help("use at least 16 characters, for example from `openssl rand -hex 16`"),
        );
    }
    let [path, domain] = attributes.map(|text| text.map(|text| text.text.to_owned()));
    Some(Sticky {
        cookie: cookie.to_owned(),
        secret: secret.map(|secret| secret.text.to_owned()),
        max_age: item.duration("max-age"),
        path: path.unwrap_or_else(|| "/".to_owned()),
        domain,
        secure: item.bool("secure"),
        http_only: item.bool("http-only").unwrap_or(true),
        same_site: match item.prop("same-site").map(|text| text.text) {
            Some("strict") => SameSite::Strict,
            Some("none") => SameSite::None,
            _ => SameSite::Lax,
        },
    })
}
