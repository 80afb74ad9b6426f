//! Our verdicts against those of `http-cache-semantics`, which somebody else wrote: may what
//! answered one request answer another one, some time later, without asking the origin?

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports by panicking")]

// Left out, because the two are known to differ there, and why:
// - `Set-Cookie`: the oracle keeps it only where it is `public`; RFC 9111 §7.3 lets it be kept.
// - `proxy-revalidate`: the oracle takes it for a lifetime of zero; §5.2.2.8 speaks of stale
//   responses alone.
// - a `Date` other than now: the oracle does not count the apparent age of §4.2.3.
// - an odd or repeated `Age`: we take the response for old, the oracle ignores the field.
// - `must-understand`, `stale-while-revalidate`, targeted fields: the oracle does not know them.
// - `max-stale` with `s-maxage` or `no-cache`: the oracle lets the client have it; §5.2.2.10 and
//   §5.2.2.4 do not. Exactly as stale as `max-stale` says: the oracle says no, §5.2.1.2 yes.
// - `max-stale` for what has neither lifetime nor validator: we do not keep that at all.
// - statuses beyond its list: §3 lets those with a lifetime of their own be kept.

use std::time::{Duration, UNIX_EPOCH};

use http_cache_semantics::{CacheOptions, CachePolicy};
use http1::{Headers, RequestHead, ResponseHead};
use proptest::prelude::*;
use weir_cache::date;
use weir_cache::directives::RequestDirectives;
use weir_cache::freshness::Times;
use weir_cache::reuse::{Reuse, reuse};
use weir_cache::storable::{Policy, storable};
use weir_cache::vary::Selection;

const NOW: u64 = 1_700_000_000;

type Fields = Vec<(&'static str, String)>;

fn headers(fields: &Fields) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}

fn ours(first: &Fields, status: u16, response: &Fields, second: &Fields, later: u64) -> bool {
    let request = RequestHead { headers: headers(first), ..RequestHead::default() };
    let head = ResponseHead { status, headers: headers(response), ..ResponseHead::default() };
    let times = Times { request: NOW, response: NOW };
    let Ok(stored) = storable(&request, &head, times, &Policy::default()) else { return false };
    let second = headers(second);
    let directives = RequestDirectives::read(&second);
    let usable = reuse(&stored.terms, &directives, NOW + later);
    Selection::of(&head.headers, &request.headers).matches(&second)
        && matches!(usable, Reuse::Fresh | Reuse::Stale)
}

fn theirs(first: &Fields, status: u16, response: &Fields, second: &Fields, later: u64) -> bool {
    let request = |fields: &Fields| {
        let mut builder = http::Request::builder().uri("http://a.test/");
        for (name, value) in fields {
            builder = builder.header(*name, value);
        }
        builder.body(()).unwrap()
    };
    let mut builder = http::Response::builder().status(status);
    for (name, value) in response {
        builder = builder.header(*name, value);
    }
    let response = builder.body(()).unwrap();
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let options = CacheOptions { shared: true, ..CacheOptions::default() };
    let policy = CachePolicy::new_options(&request(first), &response, at(NOW), options);
    policy.is_storable()
        && policy.before_request(&request(second), at(NOW + later)).satisfies_without_revalidation()
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 1..20_u32, Just(100), Just(10_000)]
}

fn response_directive() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => number().prop_map(|seconds| format!("max-age={seconds}")),
        2 => number().prop_map(|seconds| format!("s-maxage={seconds}")),
        1 => Just("public".to_owned()),
        1 => Just("private".to_owned()),
        1 => Just("no-store".to_owned()),
        1 => Just("no-cache".to_owned()),
        1 => Just("must-revalidate".to_owned()),
        1 => Just("extension=\"private, no-store\"".to_owned()),
    ]
}

fn request_directive() -> impl Strategy<Value = String> {
    prop_oneof![
        number().prop_map(|seconds| format!("max-age={seconds}")),
        number().prop_map(|seconds| format!("min-fresh={seconds}")),
        Just("max-stale=1000003".to_owned()),
        Just("no-cache".to_owned()),
        Just("no-store".to_owned()),
    ]
}

/// One directive of each name: which of two counts is a choice (§4.2.1).
fn joined(mut directives: Vec<String>) -> Option<String> {
    let name = |text: &String| text.split('=').next().unwrap_or_default().to_owned();
    directives.sort_by_key(name);
    directives.dedup_by_key(|text| name(text));
    (!directives.is_empty()).then(|| directives.join(", "))
}

prop_compose! {
    fn request()(
        directives in prop::collection::vec(request_directive(), 0..2),
        is_authorized in prop::bool::weighted(0.15),
        selected in prop::option::weighted(0.5, 0..2_u8),
    ) -> Fields {
        let mut fields = vec![("host", "a.test".to_owned())];
        fields.extend(joined(directives).map(|value| ("cache-control", value)));
        if is_authorized {
            fields.push(("authorization", "x".to_owned()));
        }
        fields.extend(selected.map(|value| ("x-selected", value.to_string())));
        fields
    }
}

prop_compose! {
    fn response()(
        directives in prop::collection::vec(response_directive(), 0..4),
        expires in prop::option::weighted(0.3, -20..200_i64),
        modified in prop::option::weighted(0.4, 0..500_000_u64),
        age in prop::option::weighted(0.3, number()),
        varies in prop::bool::weighted(0.3),
    ) -> Fields {
        let mut fields = vec![("date", date::format(NOW))];
        fields.extend(joined(directives).map(|value| ("cache-control", value)));
        let at = |shift: i64| date::format(NOW.saturating_add_signed(shift));
        fields.extend(expires.map(|shift| ("expires", at(shift))));
        fields.extend(modified.map(|ago| ("last-modified", date::format(NOW - ago))));
        fields.extend(age.map(|age| ("age", age.to_string())));
        if varies {
            fields.push(("vary", "X-Selected".to_owned()));
        }
        fields
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn both_say_the_same(
        first in request(),
        status in prop::sample::select(vec![200_u16, 203, 204, 300, 301, 302, 307, 404, 410, 501]),
        response in response(),
        second in request(),
        later in prop_oneof![Just(0_u64), 1..30_u64, Just(150), Just(20_000)],
    ) {
        let has = |fields: &Fields, words: &[&str]| {
            let mut values = fields.iter().filter(|(name, _)| *name == "cache-control");
            values.any(|(_, value)| words.iter().any(|word| value.contains(word)))
        };
        let is_known = has(&response, &["s-maxage", "no-cache"]);
        let is_worth_keeping = has(&response, &["max-age"])
            || response.iter().any(|(name, _)| ["expires", "last-modified"].contains(name));
        if has(&second, &["max-stale"]) && (is_known || !is_worth_keeping) {
            return Ok(());
        }
        let ours = ours(&first, status, &response, &second, later);
        let theirs = theirs(&first, status, &response, &second, later);
        prop_assert_eq!(ours, theirs, "ours is the first");
    }
}
