//! The report of a run: ratios first, then every scenario in full.

use std::fmt::Write;
use std::fs;

use super::Options;
use super::samples::{Sample, Samples, median};
use super::scenario::{Scenario, Work};
use super::suite::Suite;
use super::syscalls::Calls;
use super::table::Table;
use crate::shell::{self, Fail, Outcome, Root};

/// What there is to tell.
pub(super) struct Report<'a> {
    pub(super) options: &'a Options,
    pub(super) suite: &'a Suite,
    pub(super) scenarios: &'a [Scenario],
    pub(super) samples: &'a Samples,
    pub(super) calls: &'a [Calls],
    pub(super) versions: Vec<(String, String)>,
    /// Who had no part in what, and why.
    pub(super) left_out: &'a [String],
}

impl Report<'_> {
    /// Prints the report, and keeps it if the run was a whole one.
    pub(super) fn publish(&self, root: &Root) -> Outcome {
        let text = self.text(root);
        println!("{text}");
        let Options { quick, only, scenario, suite, .. } = self.options;
        if *quick || !only.is_empty() || !scenario.is_empty() {
            return Ok(());
        }
        let day = shell::output(root.command("date").args(["-u", "+%Y-%m-%d"]))?;
        let folder = root.join("bench/results");
        let path = folder.join(format!("{suite}-{}.md", day.trim()));
        fs::create_dir_all(&folder).map_err(|cause| Fail::at(&folder, cause))?;
        fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))
    }

    fn text(&self, root: &Root) -> String {
        let mut text = format!(
            "# {}: CPU time per request\n\n{}",
            self.options.suite,
            self.circumstances(root)
        );
        write!(text, "\n## {} in parts of each peer\n\n{}", self.first(), self.ratios()).ok();
        let aims = self.aims();
        if !aims.is_empty() {
            write!(text, "\n## What was aimed at\n\n{aims}").ok();
        }
        if !self.left_out.is_empty() {
            writeln!(text, "\nLeft out:\n\n- {}.", self.left_out.join(";\n- ")).ok();
        }
        for scenario in self.scenarios {
            let table = match scenario.work {
                Work::Idle => self.idle(),
                Work::Hit(_) | Work::Objects(_) => self.cached(scenario),
                _ => self.turns(scenario),
            };
            write!(text, "\n## {}: {}\n\n{table}", scenario.name, scenario.title).ok();
        }
        if !self.calls.is_empty() {
            write!(text, "\n## System calls per small GET\n\n{}", self.calls()).ok();
        }
        text
    }

    /// Whom the others are compared with.
    fn first(&self) -> &str {
        self.versions.first().map_or("", |(label, _)| label)
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().map(|(label, _)| label.as_str())
    }

    fn circumstances(&self, root: &Root) -> String {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("unknown", |(_, model)| model);
        let kernel = shell::output(root.command("uname").arg("-r")).unwrap_or_default();
        let (rounds, seconds) = (self.options.rounds(), self.options.seconds());
        let mut text = format!(
            "{model}, Linux {}. Proxies with one worker on one core, load and origin on another; \
             {rounds} rounds in turn, {seconds} s each. CPU is user and system time of the proxy's \
             processes divided by answered requests; ratios are medians over the rounds' pairs, \
             other figures medians over the rounds.\n\n",
            kernel.trim()
        );
        for (label, version) in &self.versions {
            writeln!(text, "- {label}: {version}").ok();
        }
        if !self.suite.note.is_empty() {
            writeln!(text, "\n{}", self.suite.note).ok();
        }
        text
    }

    fn ratios(&self) -> Table {
        let peers: Vec<&str> = self.labels().skip(1).collect();
        let mut table = Table::new(std::iter::once("scenario").chain(peers.iter().copied()));
        for scenario in self.scenarios {
            let ratio = |peer: &&str| match scenario.work {
                Work::Idle => {
                    let each = |label| self.samples.idle(label, |idle| idle.bytes_each);
                    Some(each(self.first())? / each(peer)?)
                }
                _ => self.samples.ratio(scenario.name, self.first(), peer),
            };
            let cells =
                peers.iter().map(|peer| ratio(peer).map_or(String::new(), |r| format!("{r:.2}")));
            table.row(std::iter::once(scenario.name.to_owned()).chain(cells));
        }
        table
    }

    fn turns(&self, scenario: &Scenario) -> Table {
        let head = [
            "proxy",
            "CPU µs",
            "user",
            "system",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "RSS MiB",
            "ratio",
            "errors",
        ];
        let mut table = Table::new(head);
        for label in self.labels() {
            let turns = self.samples.of(scenario.name, label);
            let ratio = self.samples.ratio(scenario.name, self.first(), label).unwrap_or(0.0);
            let errors = turns.iter().map(|turn| turn.said.errors).sum::<u64>().to_string();
            let first = std::iter::once(label.to_owned()).chain(middles(&turns));
            table.row(first.chain([format!("{ratio:.2}"), errors]));
        }
        table
    }

    /// Only who was measured; hits and validations are over all rounds together.
    fn cached(&self, scenario: &Scenario) -> Table {
        let head = [
            "proxy",
            "CPU µs",
            "user",
            "system",
            "requests/s",
            "p50 µs",
            "p99 µs",
            "MiB",
            "hits %",
            "304 %",
            "ratio",
            "errors",
        ];
        let mut table = Table::new(head);
        for label in self.labels() {
            let turns = self.samples.of(scenario.name, label);
            let (Some(hits), Some(validated)) = (
                self.samples.hits(scenario.name, label),
                self.samples.validated(scenario.name, label),
            ) else {
                continue;
            };
            let ratio = self.samples.ratio(scenario.name, self.first(), label);
            let errors = turns.iter().map(|turn| turn.said.errors).sum::<u64>().to_string();
            let first = std::iter::once(label.to_owned()).chain(middles(&turns));
            table.row(first.chain([
                format!("{:.2}", hits * 100.0),
                format!("{:.2}", validated * 100.0),
                ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
                errors,
            ]));
        }
        table
    }

    fn aims(&self) -> Table {
        let mut table = Table::new(["aim", "found", "verdict"]);
        let labels: Vec<&str> = self.labels().collect();
        for aim in self.suite.aims {
            let Some(verdict) = aim.verdict(self.samples, &labels) else { continue };
            let is_met = if verdict.is_met { "met" } else { "missed" };
            table.row([verdict.wanted, verdict.found, is_met.to_owned()]);
        }
        table
    }

    fn idle(&self) -> Table {
        let mut table = Table::new(["proxy", "bytes per connection", "RSS MiB with all of them"]);
        for label in self.labels() {
            let each = self.samples.idle(label, |idle| idle.bytes_each);
            let all = self.samples.idle(label, |idle| idle.resident_bytes as f64);
            let mebibytes = all.unwrap_or(0.0) / f64::from(1 << 20);
            table.row([label.to_owned(), figure(each.unwrap_or(0.0)), figure(mebibytes)]);
        }
        table
    }

    fn calls(&self) -> Table {
        let mut table = Table::new(["proxy", "calls", "most of them"]);
        for calls in self.calls {
            let most = calls.most.iter().map(|(name, count)| format!("{name} {count:.2}"));
            let most = most.collect::<Vec<_>>().join(", ");
            table.row([calls.label.clone(), format!("{:.2}", calls.per_request), most]);
        }
        table
    }
}

/// The cells from CPU to memory: medians over the turns.
fn middles(turns: &[&Sample]) -> [String; 7] {
    let of: [fn(&Sample) -> f64; 7] = [
        Sample::cpu_us,
        |turn| turn.user_us,
        |turn| turn.system_us,
        Sample::rate,
        |turn| turn.said.p50_us,
        |turn| turn.said.p99_us,
        |turn| turn.memory_bytes as f64 / f64::from(1 << 20),
    ];
    of.map(|of| figure(median(turns.iter().map(|turn| of(turn))).unwrap_or(0.0)))
}

/// Three digits or more that mean something.
fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
