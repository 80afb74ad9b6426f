//! What the configuration says of where requests go besides, instead, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::time::Duration;

use weir_config::{
    Action, Failover, HashKey, Hedge, HostPolicy, Predicate, Route, Split, ValueMatch, load_text,
};

const UPSTREAMS: &str = "listen \":80\"\n\
                         upstream \"app\" { server \"10.0.0.1:80\"; }\n\
                         upstream \"next\" { server \"10.0.0.2:80\"; }\n\
                         upstream \"third\" { server \"10.0.0.3:80\"; }\n";

fn site(text: &str) -> Vec<Route> {
    load_text("test", &format!("{UPSTREAMS}site {{\n{text}\n}}\n")).unwrap().sites.remove(0).routes
}

fn route(text: &str) -> Route {
    site(&format!("route \"/*\" {{ {text}; }}")).remove(0)
}

fn split(text: &str) -> Split {
    match route(&format!("split {text}")).action {
        Action::Split(split) => split,
        other => panic!("{other:?}"),
    }
}

fn failover(text: &str) -> Failover {
    match route(&format!("proxy \"app\" {{ failover \"next\" {text}; }}")).action {
        Action::Proxy(proxy) => *proxy.failover.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_split_has_parts_in_their_order() {
    let split = split(
        "key=\"cookie:sid\" { to \"next\" weight=0; \
         to \"app\" { host \"a.test\"; failover \"third\"; }; }",
    );
    assert_eq!(split.key, Some(HashKey::Cookie("sid".to_owned())));
    let [next, app] = split.targets.as_slice() else { panic!("{split:?}") };
    assert_eq!((next.weight, next.proxy.upstream.as_str()), (0, "next"));
    assert_eq!((app.weight, &app.proxy.host), (1, &HostPolicy::Literal("a.test".to_owned())));
    assert_eq!(app.proxy.failover.as_ref().unwrap().to.upstream, "third");
}

#[test]
fn a_failover_follows_what_is_named_and_else_what_is_usual() {
    let usual = failover("").on;
    assert!(usual.connect && usual.reset && usual.timeout);
    assert_eq!(usual.statuses, [502, 503, 504]);
    let named = failover("on=\"connect\" \"404\" { host \"upstream\"; }");
    assert!(named.on.connect && !named.on.reset && !named.on.timeout);
    assert_eq!((named.on.statuses, named.to.host), (vec![404], HostPolicy::Upstream));
}

#[test]
fn a_mirror_is_bounded_without_a_word() {
    let usual = route("mirror \"next\"; proxy \"app\"").mirror.unwrap();
    assert_eq!((usual.sample, usual.body_bytes_max), (100_000, 64 << 10));
    assert_eq!((usual.in_flight_max, usual.timeout), (64, Duration::from_secs(10)));
    let text = "mirror \"next\" sample=\"7%\" body-bytes-max=\"1KiB\" in-flight-max=3 \
                timeout=\"2s\"; proxy \"app\"";
    let mirror = route(text).mirror.unwrap();
    assert_eq!((mirror.sample, mirror.body_bytes_max), (7_000, 1 << 10));
    assert_eq!((mirror.in_flight_max, mirror.timeout), (3, Duration::from_secs(2)));
}

#[test]
fn a_site_closes_its_routes_but_those_that_say_otherwise() {
    let routes = site(
        "maintenance { except client=\"10.0.0.0/8\" header=\"X-Team\"; \
         except cookie=\"ops\" value=\"1\"; }\n\
         route \"/a\" { respond 200; }\n\
         route \"/b\" { maintenance retry-after=\"1m\"; respond 200; }\n\
         route \"/c\" { maintenance enabled=#false; respond 200; }",
    );
    let [site, own, open] = routes.as_slice() else { panic!("{routes:?}") };
    let closed = site.maintenance.as_ref().unwrap();
    assert_eq!((closed.retry_after, closed.except.len()), (Duration::from_mins(5), 2));
    assert_eq!(closed.except[0].len(), 2);
    let cookie =
        Predicate::Cookie { name: "ops".to_owned(), value: ValueMatch::Exact("1".to_owned()) };
    assert_eq!(closed.except[1], [cookie]);
    let own = own.maintenance.as_ref().unwrap();
    assert_eq!((own.retry_after, own.except.len()), (Duration::from_mins(1), 0));
    assert!(open.maintenance.is_none());
}

#[test]
fn a_hedge_is_there_where_it_is_written() {
    let hedge = |text: &str| {
        let text =
            format!("listen \":80\"\nupstream \"a\" {{ server \"10.0.0.1:80\"\n{text}\n}}\n");
        load_text("test", &text).unwrap().upstreams.remove(0).hedge
    };
    assert_eq!(hedge(""), None);
    assert_eq!(hedge("hedge"), Some(Hedge { after_percent: 95, budget_percent: 5 }));
    let written = Hedge { after_percent: 99, budget_percent: 1 };
    assert_eq!(hedge("hedge after=\"99%\" budget=\"1%\""), Some(written));
}
