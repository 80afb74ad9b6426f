//! What the configuration says of balancing, setting by setting.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::time::Duration;

use weir_config::{
    AddressFamily, CircuitBreaker, DiscoverySource, HashKey, ListFormat, Policy, SameSite,
    Upstream, load_servers, load_text,
};

fn upstream(text: &str) -> Upstream {
    let text = format!("listen \":80\"\nupstream \"app\" {{\n{text}\n}}\n");
    load_text("test", &text).unwrap().upstreams.remove(0)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn without_a_word_the_defaults_are_safe() {
    let app = upstream("server \"10.0.0.1:80\"");
    assert_eq!(app.balance.policy, Policy::P2c);
    assert_eq!((app.balance.bound_percent, app.panic_percent, app.subset), (25, 30, 0));
    assert_eq!((app.eject.connect_failures, app.eject.consecutive_errors), (1, 0));
    assert_eq!((app.eject.base, app.eject.max), (seconds(10), seconds(300)));
    assert_eq!((app.retry.attempts, app.retry.budget_percent), (2, 20));
    assert!(app.retry.on.connect && app.retry.on.reset && !app.retry.on.timeout);
    assert!(app.retry.on.statuses.is_empty() && app.retry.per_try.is_none());
    assert_eq!(app.circuit_breaker, CircuitBreaker::default());
    assert_eq!((app.connections.max, app.connections.queue), (u32::MAX, 0));
    assert!(app.sticky.is_none() && app.slow_start.is_zero() && app.deadline_header.is_none());
}

#[test]
fn servers_have_weights_zones_and_tiers() {
    let app = upstream(
        "server \"10.0.0.1:80\" weight=0 zone=\"a\"\nserver \"10.0.0.2:80\" backup=#true tier=3",
    );
    let [one, other] = app.servers.as_slice() else { unreachable!() };
    assert_eq!((one.weight, one.zone.as_deref(), one.backup, one.tier), (0, Some("a"), false, 0));
    assert_eq!((other.weight, other.zone.as_deref()), (1, None));
    assert_eq!((other.backup, other.tier), (true, 3));
    let text = "listen \":80\"\nzone \"a\"\n";
    assert_eq!(load_text("test", text).unwrap().zone.as_deref(), Some("a"));
}

#[test]
fn every_policy_has_its_word() {
    let policies = [
        ("hash", Policy::Hash),
        ("maglev", Policy::Maglev),
        ("p2c", Policy::P2c),
        ("round-robin", Policy::RoundRobin),
        ("least-requests", Policy::LeastRequests),
        ("random", Policy::Random),
        ("first", Policy::First),
    ];
    for (word, policy) in policies {
        let text = format!(
            "server \"10.0.0.1:80\"\nbalance \"{word}\"\nconnections max=7 queue=9 \
             queue-timeout=\"3s\""
        );
        let app = upstream(&text);
        assert_eq!(app.balance.policy, policy);
        assert_eq!(app.balance.key.is_some(), word == "hash" || word == "maglev");
        assert_eq!((app.connections.max, app.connections.queue), (7, 9));
        assert_eq!(app.connections.queue_timeout, seconds(3));
    }
}

#[test]
fn keys_are_parts_of_a_request() {
    let key = |text: &str| {
        let text = format!("server \"10.0.0.1:80\"\nbalance \"hash\" key=\"{text}\" bound=\"50%\"");
        let balance = upstream(&text).balance;
        assert_eq!(balance.bound_percent, 50);
        balance.key.unwrap()
    };
    let client = |v4_bits, v6_bits| HashKey::ClientIp { v4_bits, v6_bits };
    assert_eq!(key("client-ip"), client(32, 64));
    assert_eq!(key("client-ip/24"), client(24, 64));
    assert_eq!(key("client-ip/24/56"), client(24, 56));
    assert_eq!(
        (key("path"), key("uri"), key("host")),
        (HashKey::Path, HashKey::Uri, HashKey::Host)
    );
    assert_eq!(key("header:X-User"), HashKey::Header("x-user".to_owned()));
    assert_eq!(key("cookie:Session"), HashKey::Cookie("Session".to_owned()));
    assert_eq!(key("query:q"), HashKey::Query("q".to_owned()));
}

#[test]
fn ejection_and_what_surrounds_it() {
    let app = upstream(
        "server \"10.0.0.1:80\"
        eject connect-failures=2 consecutive-errors=5 base=\"30s\" max=\"1h\" max-percent=20 \
            interval=\"5s\" success-rate=15 latency=300 volume=10
        slow-start \"20s\"
        panic-threshold \"45%\"
        subset size=12
        circuit-breaker requests=100 retries=3
        deadline-header \"X-Left\"",
    );
    let eject = &app.eject;
    assert_eq!((eject.connect_failures, eject.consecutive_errors), (2, 5));
    assert_eq!((eject.base, eject.max, eject.interval), (seconds(30), seconds(3600), seconds(5)));
    assert_eq!((eject.max_percent, eject.success_rate_points), (20, 15));
    assert_eq!((eject.latency_percent, eject.volume_min), (300, 10));
    assert_eq!((app.slow_start, app.panic_percent, app.subset), (seconds(20), 45, 12));
    assert_eq!(app.circuit_breaker, CircuitBreaker { requests_max: 100, retries_max: 3 });
    assert_eq!(app.deadline_header.as_deref(), Some("X-Left"));
}

#[test]
fn retries_are_told_when_and_how_often() {
    let app = upstream(
        "server \"10.0.0.1:80\"
        retry attempts=3 on=\"timeout\" \"502\" \"503\" budget=\"5%\" budget-min=\"2/s\" \
            per-try=\"1s\" body-bytes-max=\"64KiB\"",
    );
    let retry = &app.retry;
    assert_eq!((retry.attempts, retry.budget_percent, retry.budget_per_s_min), (3, 5, 2));
    assert!(retry.on.timeout && !retry.on.connect && !retry.on.reset);
    assert_eq!(retry.on.statuses, [502, 503]);
    assert_eq!((retry.per_try, retry.body_bytes_max), (Some(seconds(1)), 64 << 10));
}

#[test]
fn a_sticky_cookie_has_its_attributes() {
    let app = upstream(
        "server \"10.0.0.1:80\"
        sticky cookie=\"at\" secret=\"0123456789abcdef\" max-age=\"1h\" path=\"/app\" \
            domain=\"example.com\" secure=#true http-only=#false same-site=\"none\"",
    );
    let sticky = app.sticky.unwrap();
    assert_eq!((sticky.cookie.as_str(), sticky.path.as_str()), ("at", "/app"));
    assert_eq!(sticky.secret.as_deref(), Some("0123456789abcdef"));
    assert_eq!(sticky.domain.as_deref(), Some("example.com"));
    assert_eq!((sticky.max_age, sticky.secure), (Some(seconds(3600)), Some(true)));
    assert!(!sticky.http_only && sticky.same_site == SameSite::None);
}

#[test]
fn servers_are_found_by_dns_files_and_documents() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("servers.json");
    std::fs::write(&file, r#"{"server": ["10.0.0.1:80", {"_": "b.test:80", "weight": 7}]}"#)
        .unwrap();
    let app = upstream(&format!(
        "discover {{
            srv \"_http._tcp.App.internal\"
            file {file:?}
            http \"https://consul.test/servers?a=b\" interval=\"1s\" timeout=\"3s\" \
                 body-bytes-max=\"1KiB\" {{ header \"X-Token\" \"t\"; }}
        }}
        servers-max 5"
    ));
    assert!(app.servers.is_empty());
    assert_eq!(app.servers_max, 5);
    let [srv, file, document] = app.discovery.as_slice() else { unreachable!() };
    assert_eq!(srv.source, DiscoverySource::Srv("_http._tcp.app.internal".into()));
    let DiscoverySource::File { servers, .. } = &file.source else { unreachable!() };
    let weights: Vec<_> = servers.iter().map(|one| (one.address.to_string(), one.weight)).collect();
    assert_eq!(weights, [("10.0.0.1:80".into(), 1), ("b.test:80".into(), 7)]);
    let DiscoverySource::Http(document) = &document.source else { unreachable!() };
    assert_eq!((document.interval, document.timeout), (seconds(1), seconds(3)));
    assert_eq!((document.body_bytes_max, document.headers.len()), (1024, 1));
    assert_eq!(upstream("server \"10.0.0.1:80\"").servers_max, 10_000);
}

#[test]
fn a_list_of_servers_holds_nothing_else() {
    let servers = load_servers("list", "server \"10.0.0.1:80\" tier=2\n", ListFormat::Kdl).unwrap();
    assert_eq!((servers.len(), servers[0].tier), (1, 2));
    assert!(load_servers("list", "{}", ListFormat::Json).unwrap().is_empty());
    let text = "server \"10.0.0.1:80\"\nlisten \":80\"\n";
    let report = load_servers("list", text, ListFormat::Kdl).unwrap_err();
    assert!(report.to_string().contains("list:2:1"), "{report}");
}

#[test]
fn dns_is_asked_as_the_resolver_says() {
    let text = "listen \":80\"\nresolver \"10.0.0.53\" \"127.0.0.1:5353\" ttl-min=\"2s\" \
                ttl-max=\"1m\" timeout=\"1s\" family=\"ipv6\"\n";
    let resolving = load_text("test", text).unwrap().resolving;
    let servers: Vec<_> = resolving.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["10.0.0.53:53", "127.0.0.1:5353"]);
    assert_eq!((resolving.ttl_min, resolving.ttl_max), (seconds(2), seconds(60)));
    assert_eq!((resolving.timeout, resolving.family), (seconds(1), AddressFamily::V6));
}
