//! Tests of the metrics as a whole: counting, exposition, carrying over, and the manual page.

use std::fmt::Write;
use std::time::Duration;

use super::exposition::render;
use super::strict::{Samples, read};
use super::table::{Kind, families};
use super::*;
use crate::caching::Shelf;

fn shape() -> Shape {
    let servers = vec!["10.0.0.1:80".to_owned(), "10.0.0.2:80".to_owned()];
    Shape {
        workers: 2,
        routes: vec!["example.com/api/*".into(), "quoted \"\\\n/*".into()],
        upstreams: vec![
            UpstreamNames { name: "app".into(), servers, cluster: None, left_out: 3 },
            UpstreamNames {
                name: "db".into(),
                servers: vec!["db:5432".into()],
                ..UpstreamNames::default()
            },
        ],
        shelves: Vec::new(),
        words: Words {
            refusals: vec!["obs_fold"],
            faults: vec!["connection_refused"],
            ..Words::default()
        },
    }
}

fn samples(metrics: &Metrics) -> Samples {
    let mut text = String::new();
    render(metrics, &mut text);
    read(&text).unwrap()
}

/// Everything that is counted of the cache, on the first route.
fn count_cache(worker: &LabelledMetrics) {
    use cache::status::Forward;
    let cached = |outcome| Cached { outcome, store: 0 };
    worker.cached(0, cached(CacheOutcome::Hit), 100);
    worker.cached(0, cached(CacheOutcome::Revalidated), 50);
    worker.cached(0, cached(CacheOutcome::Miss), 7);
    worker.cached(0, cached(CacheOutcome::Bypass), 7);
    worker.cached(0, Cached { outcome: CacheOutcome::Failed, store: 9 }, 7);
    worker.cache_forward(0, Forward::VaryMiss);
    worker.cache_stored(0);
    worker.cache_not_kept(0, "set-cookie");
    worker.cache_not_kept(0, "incomplete");
    worker.cache_not_kept(0, "a reason of the future");
    worker.cache_refreshed(0, Refreshed::Fetched);
    worker.cache_filled(0, Duration::from_millis(3));
}

const SERVER: ServerAt = ServerAt { upstream: 0, server: 1 };

#[test]
fn an_untouched_registry_is_valid_and_small() {
    let samples = samples(&Metrics::new(shape()));
    assert_eq!(samples["weir_client_received_bytes_total"], "0");
    assert_eq!(samples["weir_workers"], "2");
    assert!(samples.keys().all(|series| !series.contains("example.com")));
}

#[test]
fn workers_are_summed() {
    let metrics = Metrics::new(shape());
    for (worker, amount) in [(0, 5), (1, 7)] {
        let worker = metrics.worker(worker);
        worker.request(0, 200, Duration::from_millis(2));
        worker.add(Counter::BytesIn, amount);
        worker.rise(Gauge::ConnectionsOpen);
    }
    metrics.worker(1).fall(Gauge::ConnectionsOpen);
    let samples = samples(&metrics);
    let labels = "route=\"example.com/api/*\"";
    assert_eq!(samples[&format!("weir_requests_total{{{labels},status=\"2xx\"}}")], "2");
    assert_eq!(samples["weir_responses_total{status=\"200\"}"], "2");
    assert_eq!(samples["weir_client_received_bytes_total"], "12");
    assert_eq!(samples["weir_connections_open"], "1");
    let seconds = "weir_request_duration_seconds";
    assert_eq!(samples[&format!("{seconds}_bucket{{{labels},le=\"0.001\"}}")], "0");
    assert_eq!(samples[&format!("{seconds}_bucket{{{labels},le=\"0.0025\"}}")], "2");
    assert_eq!(samples[&format!("{seconds}_sum{{{labels}}}")], "0.004000000");
}

#[test]
fn a_gauge_may_fall_on_another_worker_than_it_rose_on() {
    let metrics = Metrics::new(shape());
    metrics.worker(0).rise(Gauge::TunnelsOpen);
    metrics.worker(1).fall(Gauge::TunnelsOpen);
    assert_eq!(metrics.level(Gauge::TunnelsOpen), 0);
}

#[test]
fn every_family_shows_what_was_counted() {
    let metrics = Metrics::new(shape());
    let worker = metrics.worker(0);
    worker.request(1, 404, Duration::from_micros(1));
    worker.request(NO_ROUTE, 0, Duration::from_secs(500));
    worker.upstream_connect(SERVER, Duration::from_micros(300));
    worker.upstream_response(SERVER, 502, Duration::from_micros(800));
    worker.upstream_fault(SERVER);
    worker.retry(1);
    worker.failover(0);
    worker.hedged(0, true);
    worker.mirrored(0, crate::mirror::Mirrored::Dropped);
    worker.pool_hit(0);
    worker.pool_miss(0);
    worker.pool_idle(0, 3);
    worker.refusal("obs_fold");
    worker.refusal("a code of the future");
    worker.fault("connection_refused");
    worker.limit("uri-bytes-max");
    worker.timeout("first-byte");
    metrics.log_counts().add_dropped(4);
    metrics.probe(SERVER, true);
    metrics.probe(SERVER, false);
    metrics.probe(SERVER, false);
    metrics.discovery("app", "srv", true);
    metrics.discovery("app", "srv", false);
    metrics.discovery("app", "srv", false);
    let samples = samples(&metrics);
    let server = "upstream=\"app\",server=\"10.0.0.2:80\"";
    for (series, value) in [
        ("weir_requests_total{route=\"quoted \\\"\\\\\\n/*\",status=\"4xx\"}", "1"),
        ("weir_requests_total{route=\"none\",status=\"none\"}", "1"),
        ("weir_request_duration_seconds_bucket{route=\"none\",le=\"100.0\"}", "0"),
        ("weir_request_duration_seconds_bucket{route=\"none\",le=\"+Inf\"}", "1"),
        ("weir_responses_total{status=\"none\"}", "1"),
        (&format!("weir_upstream_responses_total{{{server},status=\"5xx\"}}"), "1"),
        (&format!("weir_upstream_faults_total{{{server}}}"), "1"),
        (&format!("weir_upstream_connect_seconds_count{{{server}}}"), "1"),
        (&format!("weir_upstream_first_byte_seconds_sum{{{server}}}"), "0.000800000"),
        (&format!("weir_upstream_probes_total{{{server},result=\"passed\"}}"), "1"),
        (&format!("weir_upstream_probes_total{{{server},result=\"failed\"}}"), "2"),
        ("weir_upstream_retries_total{upstream=\"db\"}", "1"),
        ("weir_mirrored_requests_total{upstream=\"app\",result=\"dropped\"}", "1"),
        ("weir_upstream_hedges_total{upstream=\"app\",result=\"heard\"}", "1"),
        ("weir_upstream_failovers_total{upstream=\"app\"}", "1"),
        ("weir_discovery_total{upstream=\"app\",source=\"srv\",result=\"changed\"}", "1"),
        ("weir_discovery_total{upstream=\"app\",source=\"srv\",result=\"failed\"}", "2"),
        ("weir_upstream_servers_left_out{upstream=\"app\"}", "3"),
        ("weir_pool_hits_total{upstream=\"app\"}", "1"),
        ("weir_pool_misses_total{upstream=\"app\"}", "1"),
        ("weir_pool_idle{upstream=\"app\"}", "3"),
        ("weir_refusals_total{reason=\"obs_fold\"}", "1"),
        ("weir_refusals_total{reason=\"other\"}", "1"),
        ("weir_faults_total{kind=\"connection_refused\"}", "1"),
        ("weir_limits_hit_total{limit=\"uri-bytes-max\"}", "1"),
        ("weir_timeouts_total{timeout=\"first-byte\"}", "1"),
        ("weir_access_log_lines_total{outcome=\"dropped\"}", "4"),
    ] {
        assert_eq!(samples.get(series).map(String::as_str), Some(value), "{series}");
    }
}

#[test]
fn what_the_cache_did_is_shown_by_route_and_summed_by_store() {
    let shelf = |name: &str| {
        let store = config::CacheStore { name: name.to_owned(), ..config::CacheStore::unnamed() };
        Shelf::compile(&store, &[])
    };
    let metrics = Metrics::new(Shape { shelves: vec![shelf("")], ..shape() });
    count_cache(&metrics.worker(0));
    count_cache(&metrics.worker(1));
    let shown = samples(&metrics);
    for (series, labels, value) in [
        ("requests_total", "outcome=\"hit\"", "2"),
        ("requests_total", "outcome=\"revalidated\"", "2"),
        ("requests_total", "outcome=\"miss\"", "2"),
        ("requests_total", "outcome=\"bypass\"", "2"),
        ("requests_total", "outcome=\"failed\"", "2"),
        ("forwards_total", "reason=\"vary-miss\"", "2"),
        ("not_kept_total", "reason=\"set-cookie\"", "2"),
        ("not_kept_total", "reason=\"incomplete\"", "2"),
        ("not_kept_total", "reason=\"other\"", "2"),
        ("refreshes_total", "result=\"fetched\"", "2"),
        ("fill_seconds_bucket", "le=\"0.005\"", "2"),
        ("fill_seconds_bucket", "le=\"0.0025\"", "0"),
    ] {
        let series = format!("weir_cache_{series}{{route=\"example.com/api/*\",{labels}}}");
        assert_eq!(shown.get(&series).map(String::as_str), Some(value), "{series}");
    }
    assert_eq!(shown["weir_cache_sent_bytes_total{route=\"example.com/api/*\"}"], "300");
    assert_eq!(shown["weir_cache_stores_total{route=\"example.com/api/*\"}"], "2");
    let totals = StoreTotals { hits: 4, misses: 2, sent_bytes: 300 };
    assert_eq!(metrics.store_totals(0), totals);
    assert_eq!(metrics.store_totals(1), StoreTotals::default());
    // A reload keeps the sums by the name of the store.
    let next = metrics.next(Shape { shelves: vec![shelf("new"), shelf("")], ..shape() });
    assert_eq!(next.store_totals(0).hit_ratio(), None);
    assert_eq!(next.store_totals(1), totals);
}

#[test]
fn indices_beyond_the_shape_are_harmless() {
    let metrics = Metrics::new(shape());
    let worker = metrics.worker(99);
    worker.request(77, 999, Duration::ZERO);
    worker.upstream_fault(ServerAt { upstream: 0, server: 2 });
    worker.upstream_fault(ServerAt { upstream: 9, server: 0 });
    worker.retry(9);
    metrics.probe(ServerAt { upstream: 0, server: 2 }, true);
    let samples = samples(&metrics);
    assert_eq!(samples["weir_requests_total{route=\"none\",status=\"none\"}"], "1");
    assert!(samples.keys().all(|series| !series.starts_with("weir_upstream_faults")));
}

#[test]
fn routes_of_one_label_share_their_cells() {
    let routes = vec!["a/*".to_owned(), "b/*".to_owned(), "a/*".to_owned()];
    let metrics = Metrics::new(Shape { workers: 1, routes, ..Shape::default() });
    let worker = metrics.worker(0);
    for route in 0..3 {
        worker.request(route, 200, Duration::ZERO);
    }
    let samples = samples(&metrics);
    assert_eq!(samples["weir_requests_total{route=\"a/*\",status=\"2xx\"}"], "2");
    assert_eq!(samples["weir_requests_total{route=\"b/*\",status=\"2xx\"}"], "1");
}

#[test]
fn what_keeps_its_label_keeps_its_count_over_a_reload() {
    let old = Metrics::new(shape());
    let draining = old.worker(0);
    draining.request(0, 200, Duration::ZERO);
    draining.upstream_fault(SERVER);
    old.probe(SERVER, true);
    let mut shape = shape();
    shape.workers = 1;
    shape.routes.insert(0, "new/*".into());
    shape.upstreams.reverse();
    let new = old.next(shape);
    new.worker(0).request(1, 200, Duration::ZERO);
    draining.request(0, 200, Duration::ZERO);
    draining.request(1, 200, Duration::ZERO);
    new.worker(0).request(0, 200, Duration::ZERO);
    let samples = samples(&new);
    assert_eq!(samples["weir_requests_total{route=\"example.com/api/*\",status=\"2xx\"}"], "3");
    assert_eq!(samples["weir_requests_total{route=\"new/*\",status=\"2xx\"}"], "1");
    assert_eq!(
        samples["weir_requests_total{route=\"quoted \\\"\\\\\\n/*\",status=\"2xx\"}"], "1",
        "first counted by an exchange of the old generation"
    );
    let server = "upstream=\"app\",server=\"10.0.0.2:80\"";
    assert_eq!(samples[&format!("weir_upstream_faults_total{{{server}}}")], "1");
    assert_eq!(samples[&format!("weir_upstream_probes_total{{{server},result=\"passed\"}}")], "1");
    assert_eq!(samples["weir_config_generation"], "2");
    assert_eq!(samples["weir_workers"], "1");
}

#[test]
fn readers_run_beside_writers() {
    let metrics = Metrics::new(shape());
    std::thread::scope(|scope| {
        for index in 0..2 {
            let metrics = &metrics;
            scope.spawn(move || {
                let worker = metrics.worker(index);
                for _ in 0..20_000 {
                    worker.request(0, 200, Duration::from_micros(700));
                }
            });
        }
        for _ in 0..50 {
            samples(&metrics);
        }
    });
    assert_eq!(metrics.responses(200), 40_000);
}

#[test]
fn the_table_follows_the_rules_of_names() {
    let mut names = std::collections::BTreeSet::new();
    for family in families() {
        assert!(names.insert(family.name), "{} is declared twice", family.name);
        let ours = family.name.starts_with("weir_") || family.name.starts_with("process_");
        assert!(ours, "{}", family.name);
        assert!(!family.name.ends_with("_total") && !family.name.ends_with("_info"));
        assert!(family.unit.is_empty() || family.name.ends_with(family.unit), "{}", family.name);
        assert!(family.help.ends_with('.') && !family.help.contains(['\n', '\\', '"']));
        assert!(family.kind != Kind::Histogram || family.unit == "seconds");
    }
}

#[test]
fn the_manual_page_is_made_from_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = manual_page();
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page, "run the test with WEIR_BLESS=1 to write docs/metrics.md again");
}

const MANUAL_HEAD: &str = "\
# Metrics

The `admin` listener serves these at `/metrics` as OpenMetrics 1.0 text, which Prometheus and its
relatives read. Counting costs no lock: every worker counts in memory of its own, and a scrape
adds the workers up.

- Labels come from the configuration and from fixed lists, never from traffic, so no client can
  make the number of series grow. `route` is the pattern of a route, `upstream` and `server` are
  names as written. Requests that matched no route have `route=\"none\"`; requests whose client
  left before an answer have `status=\"none\"`.
- A labelled series appears when it has first counted something; until then it is zero.
- Durations are histograms with buckets at 1, 2.5 and 5 of every decade from 100 µs to 100 s.
- The `process_` family has the names that every Prometheus client library uses.
- A reload keeps the counts of routes, upstreams and servers that keep their names; a restart
  begins at zero, and `process_start_time_seconds` tells when that was.

| name | type | labels | meaning |
|---|---|---|---|
";

fn manual_page() -> String {
    let mut page = MANUAL_HEAD.to_owned();
    for family in families() {
        let suffix = match family.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (family.kind.as_str(), labels.join(" "));
        writeln!(page, "| `{}{suffix}` | {kind} | {labels} | {} |", family.name, family.help)
            .unwrap();
    }
    page
}
