//! The metrics as OpenMetrics 1.0 text, for a scraper.
//!
//! Routes and servers that have counted nothing yet are left out, so that a configuration of ten
//! thousand routes costs a scrape only what is in use.

use std::fmt::Write;

use super::cells::{
    CLASS_LABELS, Cell, Classes, Coded, Fixed, RouteCells, ServerCells, UpstreamCells,
};
use super::histogram::{BOUNDS_NS, Histogram, Summed};
use super::shape::distinct;
use super::table::{COUNTERS, Family, GAUGES, KEYED, Keyed, Kind};
use super::{Metrics, Registry, cached, clusters, compressed, discovery, process, stores};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The buckets that are shown, in the canonical number form of the format, and which of our
/// bounds they are. The finer ones in between stay inside.
const SHOWN: [(&str, u64); 19] = [
    ("0.0001", 100_000),
    ("0.00025", 250_000),
    ("0.0005", 500_000),
    ("0.001", 1_000_000),
    ("0.0025", 2_500_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.025", 25_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.25", 250_000_000),
    ("0.5", 500_000_000),
    ("1.0", 1_000_000_000),
    ("2.5", 2_500_000_000),
    ("5.0", 5_000_000_000),
    ("10.0", 10_000_000_000),
    ("25.0", 25_000_000_000),
    ("50.0", 50_000_000_000),
    ("100.0", 100_000_000_000),
];

/// Appends the whole exposition to `text`.
pub fn render(metrics: &Metrics, text: &mut String) {
    for (family, counter) in COUNTERS {
        let mut writer = FamilyWriter::begin(text, family);
        writer.sample(&[], metrics.total(counter));
    }
    for (family, gauge) in GAUGES {
        let mut writer = FamilyWriter::begin(text, family);
        writer.sample(&[], metrics.level(gauge));
    }
    for (family, keyed) in KEYED {
        let mut writer = FamilyWriter::begin(text, family);
        render_keyed(metrics, keyed, &mut writer);
    }
    text.push_str("# EOF\n");
}

fn render_keyed(metrics: &Metrics, keyed: Keyed, out: &mut FamilyWriter<'_>) {
    let registry = metrics.registry.as_ref();
    let words = &registry.shared.words;
    let log = &registry.shared.log;
    match keyed {
        Keyed::Requests => out.classes_by_route(registry),
        Keyed::RequestDuration => out.durations_by_route(registry),
        Keyed::Responses => out.statuses(metrics),
        Keyed::UpstreamResponses => out.classes_by_server(registry),
        Keyed::UpstreamFaults => out.faults_by_server(registry),
        Keyed::UpstreamConnect => out.durations_by_server(registry, |cells| &cells.connect),
        Keyed::UpstreamFirstByte => out.durations_by_server(registry, |cells| &cells.first_byte),
        Keyed::Probes => out.probes_by_server(registry),
        Keyed::Retries => out.by_upstream(registry, |cells| cells.retries.value()),
        Keyed::Failovers => out.by_upstream(registry, |cells| cells.failovers.value()),
        Keyed::Hedges => out.by_result(registry, ["heard", "left"], |cells| &cells.hedges),
        Keyed::Mirrored => {
            let results = ["sent", "dropped", "failed"];
            out.by_result(registry, results, |cells| &cells.mirrored);
        }
        Keyed::ServerUp => clusters::up(registry, out),
        Keyed::ServerWeight => clusters::weights(registry, out),
        Keyed::ServerActive => clusters::active(registry, out),
        Keyed::ServerLatency => clusters::latencies(registry, out),
        Keyed::ServerEjections => clusters::ejections(registry, out),
        Keyed::Servers => discovery::servers(registry, out),
        Keyed::ServersLeftOut => discovery::left_out(registry, out),
        Keyed::Discovery => discovery::results(registry, out),
        Keyed::UpstreamWaiting => clusters::waiting(registry, out),
        Keyed::PoolHits => out.by_upstream(registry, |cells| cells.pool_hits.value()),
        Keyed::PoolMisses => out.by_upstream(registry, |cells| cells.pool_misses.value()),
        Keyed::PoolIdle => out.by_upstream(registry, |cells| cells.pool_idle.value()),
        Keyed::CompressResponses => compressed::responses(registry, out),
        Keyed::CompressTaken => compressed::taken_bytes(registry, out),
        Keyed::CompressGiven => compressed::given_bytes(registry, out),
        Keyed::CompressSkipped => compressed::skipped(registry, out),
        Keyed::CacheRequests => cached::requests(registry, out),
        Keyed::CacheSentBytes => cached::sent_bytes(registry, out),
        Keyed::CacheForwards => cached::forwards(registry, out),
        Keyed::CacheStores => cached::stores(registry, out),
        Keyed::CacheNotKept => cached::not_kept(registry, out),
        Keyed::CacheRefreshes => cached::refreshes(registry, out),
        Keyed::CacheFill => cached::fills(registry, out),
        Keyed::CacheObjects => stores::sample(registry, out, |numbers| numbers.objects),
        Keyed::CacheBytes => stores::sample(registry, out, |numbers| numbers.bytes),
        Keyed::CacheEvictions => stores::sample(registry, out, |numbers| numbers.evicted),
        Keyed::Refusals => out.coded(registry, &words.refusals, |fixed| &fixed.refusals),
        Keyed::Faults => out.coded(registry, &words.faults, |fixed| &fixed.faults),
        Keyed::Limits => out.coded(registry, &words.limits, |fixed| &fixed.limits),
        Keyed::Timeouts => out.coded(registry, &words.timeouts, |fixed| &fixed.timeouts),
        Keyed::AccessLogLines => {
            out.sample(&["written"], log.written());
            out.sample(&["dropped"], log.dropped());
        }
        Keyed::AccessLogErrors => out.sample(&[], log.errors()),
        Keyed::CertificateExpiry => {
            for (file, not_after_s) in metrics.certificates() {
                out.sample(&[&file], not_after_s);
            }
        }
        Keyed::CertificateFaults => out.sample(&[], metrics.certificate_faults()),
        Keyed::Workers => out.sample(&[], metrics.workers() as u64),
        Keyed::ConfigGeneration => out.sample(&[], metrics.generation()),
        Keyed::Build => out.sample(&[env!("CARGO_PKG_VERSION")], 1),
        Keyed::ProcessStart => out.sample(&[], metrics.started_unix_s()),
        Keyed::ProcessCpu => out.cpu_seconds(),
        Keyed::ProcessMemory => out.sample_if_known(process::resident_bytes()),
        Keyed::ProcessDescriptors => out.sample_if_known(process::descriptors()),
        of_disk => stores::disk(registry, out, of_disk),
    }
}

/// Writes the samples of one family.
pub(super) struct FamilyWriter<'a> {
    text: &'a mut String,
    family: Family,
}

impl<'a> FamilyWriter<'a> {
    fn begin(text: &'a mut String, family: Family) -> Self {
        let mut writer = Self { text, family };
        writer.push(&["# TYPE ", family.name, " ", family.kind.as_str(), "\n"]);
        if !family.unit.is_empty() {
            writer.push(&["# UNIT ", family.name, " ", family.unit, "\n"]);
        }
        writer.push(&["# HELP ", family.name, " ", family.help, "\n"]);
        writer
    }

    pub(super) fn sample(&mut self, values: &[&str], number: u64) {
        let suffix = match self.family.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.line(suffix, values, None);
        self.number(number);
    }

    /// Where the system does not say (no `/proc`), the family stays empty.
    fn sample_if_known(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.sample(&[], number);
        }
    }

    /// A duration in seconds, to the microsecond.
    pub(super) fn sample_us(&mut self, values: &[&str], us: u64) {
        self.line("", values, None);
        _ = writeln!(self.text, "{}.{:06}", us / 1_000_000, us % 1_000_000);
    }

    fn cpu_seconds(&mut self) {
        if let Some(used) = process::cpu_time() {
            self.line("_total", &[], None);
            _ = writeln!(self.text, "{}.{:02}", used.as_secs(), used.subsec_millis() / 10);
        }
    }

    /// Most servers and routes never show most classes, and a missing series reads as zero.
    pub(super) fn sample_unless_zero(&mut self, values: &[&str], number: u64) {
        if number != 0 {
            self.sample(values, number);
        }
    }

    fn histogram(&mut self, values: &[&str], summed: &Summed) {
        let count = summed.count();
        for (le, bound_ns) in SHOWN {
            let at = BOUNDS_NS.partition_point(|bound| *bound < bound_ns);
            self.line("_bucket", values, Some(le));
            self.number(summed.up_to(at));
        }
        self.line("_bucket", values, Some("+Inf"));
        self.number(count);
        self.line("_count", values, None);
        self.number(count);
        self.line("_sum", values, None);
        let (seconds, rest_ns) = (summed.sum_ns / 1_000_000_000, summed.sum_ns % 1_000_000_000);
        _ = writeln!(self.text, "{seconds}.{rest_ns:09}");
    }

    fn line(&mut self, suffix: &str, values: &[&str], le: Option<&str>) {
        self.push(&[self.family.name, suffix]);
        let names = self.family.labels.iter().copied().zip(values.iter().copied());
        let mut opening = '{';
        for (name, value) in names.chain(le.map(|bound| ("le", bound))) {
            self.text.push(opening);
            self.push(&[name, "=\""]);
            escape_label(value, self.text);
            self.text.push('"');
            opening = ',';
        }
        self.text.push_str(if opening == ',' { "} " } else { " " });
    }

    fn number(&mut self, number: u64) {
        _ = writeln!(self.text, "{number}");
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
    }

    fn statuses(&mut self, metrics: &Metrics) {
        self.sample_unless_zero(&["none"], metrics.responses(0));
        for status in 100..600 {
            self.sample_unless_zero(&[&status.to_string()], metrics.responses(status));
        }
    }

    fn classes_by_route(&mut self, registry: &Registry) {
        for at in distinct(&registry.labels.routes) {
            let Some(label) = registry.labels.routes.get(at) else { continue };
            let used: Vec<_> = registry.routes_used(at).map(|cells| &cells.classes).collect();
            self.classes(&[label], &used);
        }
    }

    fn classes_by_server(&mut self, registry: &Registry) {
        for (at, upstream, server) in registry.servers() {
            let used: Vec<_> = registry.servers_used(at).map(|cells| &cells.classes).collect();
            self.classes(&[upstream, server], &used);
        }
    }

    fn classes(&mut self, labels: &[&str], used: &[&Classes]) {
        for (class, name) in CLASS_LABELS.into_iter().enumerate() {
            let number = used.iter().map(|classes| classes.at(class).value()).sum();
            self.sample_unless_zero(&[labels, &[name]].concat(), number);
        }
    }

    fn durations_by_route(&mut self, registry: &Registry) {
        for at in distinct(&registry.labels.routes) {
            let Some(label) = registry.labels.routes.get(at) else { continue };
            let summed = summed(registry.routes_used(at).map(|cells| &cells.duration));
            self.histogram_unless_empty(&[label], &summed);
        }
    }

    fn durations_by_server(
        &mut self,
        registry: &Registry,
        of: impl Fn(&ServerCells) -> &Histogram,
    ) {
        for (at, upstream, server) in registry.servers() {
            let summed = summed(registry.servers_used(at).map(&of));
            self.histogram_unless_empty(&[upstream, server], &summed);
        }
    }

    pub(super) fn histogram_unless_empty(&mut self, labels: &[&str], summed: &Summed) {
        if summed.count() != 0 {
            self.histogram(labels, summed);
        }
    }

    fn faults_by_server(&mut self, registry: &Registry) {
        for (at, upstream, server) in registry.servers() {
            let number = registry.servers_used(at).map(|cells| cells.faults.value()).sum();
            self.sample_unless_zero(&[upstream, server], number);
        }
    }

    fn probes_by_server(&mut self, registry: &Registry) {
        for (at, upstream, server) in registry.servers() {
            for (result, number) in registry.probes.results(at) {
                self.sample_unless_zero(&[upstream, server, result], number);
            }
        }
    }

    fn by_upstream(&mut self, registry: &Registry, of: impl Fn(&UpstreamCells) -> u64) {
        for at in distinct(&registry.labels.upstreams) {
            let Some(label) = registry.labels.upstreams.get(at) else { continue };
            let cells = registry.blocks.iter().filter_map(|block| block.upstreams.get(at));
            let number = cells.map(|cells| of(cells)).fold(0, u64::wrapping_add);
            self.sample(&[label], number);
        }
    }

    fn by_result<const N: usize>(
        &mut self,
        registry: &Registry,
        results: [&str; N],
        of: impl Fn(&UpstreamCells) -> &[Cell; N],
    ) {
        for at in distinct(&registry.labels.upstreams) {
            let Some(label) = registry.labels.upstreams.get(at) else { continue };
            for (result, name) in results.into_iter().enumerate() {
                let cells = registry.blocks.iter().filter_map(|block| block.upstreams.get(at));
                let counted = cells.filter_map(|cells| of(cells).get(result));
                self.sample_unless_zero(&[label, name], counted.map(|cell| cell.value()).sum());
            }
        }
    }

    fn coded(&mut self, registry: &Registry, words: &[&str], of: impl Fn(&Fixed) -> &Coded) {
        for (at, word) in words.iter().copied().chain(["other"]).enumerate() {
            let cells = registry.blocks.iter().map(|block| of(&block.fixed).at(at));
            self.sample_unless_zero(&[word], cells.map(|cell| cell.value()).sum());
        }
    }
}

impl Registry {
    pub(super) fn routes_used(&self, at: usize) -> impl Iterator<Item = &RouteCells> {
        self.blocks.iter().filter_map(move |block| block.routes.get(at)?.used())
    }

    fn servers_used(&self, at: usize) -> impl Iterator<Item = &ServerCells> {
        self.blocks.iter().filter_map(move |block| block.servers.get(at)?.used())
    }

    fn servers(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        distinct(&self.labels.servers).into_iter().filter_map(|at| {
            let (upstream, server) = self.labels.servers.get(at)?;
            Some((at, upstream.as_str(), server.as_str()))
        })
    }
}

fn summed<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Summed {
    let mut summed = Summed::default();
    histograms.for_each(|histogram| summed.add(histogram));
    summed
}

fn escape_label(value: &str, text: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
