//! `cargo xtask bench NAME`: Weir and its peers measured side by side in one run.
//!
//! A suite is a list of scenarios in a file of its own. In each round every contender has its
//! turn at each scenario, so that what the machine does beside falls on all of them alike.

mod answer;
mod cache;
mod cache_peer;
mod cached;
mod certificate;
mod contender;
mod cost;
mod h1;
mod h2;
mod idle;
mod load;
mod peer;
mod report;
mod rig;
mod samples;
mod scenario;
mod suite;
mod syscalls;
mod table;
mod tls;

use std::path::PathBuf;

use clap::Args;

use crate::setup::{self, Purpose};
use crate::shell::{self, Fail, Outcome, Root};

use report::Report;
use rig::Rig;
use samples::Samples;
use scenario::{Scenario, Work};
use suite::Suite;

const SUITES: [&Suite; 4] = [&h1::SUITE, &h2::SUITE, &tls::SUITE, &cache::SUITE];

/// What is measured, against whom, and how long.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The suite: h1, h2, tls or cache
    #[arg(default_value = "h1")]
    suite: String,
    /// Turns of each contender at each scenario
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one turn, in whole seconds
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// One round of one second and fewer idle connections: to see that all of it works
    #[arg(long)]
    quick: bool,
    /// Only these contenders, for example weir,nginx
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only scenarios whose name begins so
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,
    /// A build of Weir as PATH or LABEL=PATH, repeatable; the first one is what others are
    /// compared with. Without it, target/release/weir is built and taken
    #[arg(long, value_name = "LABEL=PATH")]
    weir: Vec<String>,
}

impl Options {
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    fn seconds(&self) -> u32 {
        if self.quick { 1 } else { self.seconds.max(1) }
    }

    fn idle_connections(&self) -> usize {
        if self.quick { 2_000 } else { 10_000 }
    }

    fn wants(&self, label: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| label.starts_with(wanted.as_str()))
    }

    fn scenarios(&self, all: &[Scenario]) -> Vec<Scenario> {
        let wanted = |scenario: &&Scenario| {
            self.scenario.is_empty() || self.scenario.iter().any(|s| scenario.name.starts_with(s))
        };
        all.iter().filter(wanted).copied().collect()
    }
}

/// Runs a suite and writes its report to standard output and below bench/results.
pub fn run(root: &Root, options: &Options) -> Outcome {
    let suite = SUITES.iter().find(|suite| suite.name == options.suite).ok_or_else(|| {
        let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
        let (wanted, names) = (&options.suite, names.join(", "));
        Fail::new(format!("there is no suite {wanted}; there are: {names}"))
    })?;
    setup::run(root, Purpose::Bench)?;
    shell::run(&mut root.cargo(["build", "--release", "--quiet", "--package", "weir-bench"]))?;
    let weirs = weirs(root, options)?;
    let contenders = contender::all(root, &weirs, suite.peers, options)?;
    let scenarios = options.scenarios(suite.scenarios);
    if scenarios.is_empty() {
        return Err(Fail::new("no scenario of that name"));
    }
    let mut rig = Rig::new(root, contenders)?;
    let mut samples = Samples::default();
    for scenario in &scenarios {
        eprintln!("{}: {}", scenario.name, scenario.title);
        rig.take(scenario)?;
        match scenario.work {
            Work::Idle => idle::measure(&mut rig, scenario, options, &mut samples)?,
            Work::Hit(_) | Work::Objects(_) => {
                cached::measure(&mut rig, scenario, options, &mut samples)?;
            }
            _ => measure(&mut rig, scenario, options, &mut samples)?,
        }
    }
    let calls = syscalls::measure(&mut rig, &scenarios)?;
    let (versions, left_out) = (rig.versions(), rig.left_out());
    let (scenarios, samples, calls) = (&*scenarios, &samples, &*calls);
    Report { options, suite, scenarios, samples, calls, versions, left_out }.publish(root)
}

/// The alternating rounds of one scenario, after a correct answer of everyone.
fn measure(
    rig: &mut Rig,
    scenario: &Scenario,
    options: &Options,
    samples: &mut Samples,
) -> Outcome {
    rig.start_all()?;
    let turns: Vec<usize> = (0..rig.len()).filter(|turn| rig.can(*turn, scenario)).collect();
    for turn in turns.iter().copied() {
        answer::check(rig.address(turn, scenario.door), scenario)?;
        load::warm_up(rig, turn, scenario)?;
    }
    for _ in 0..options.rounds() {
        for turn in turns.iter().copied() {
            let sample = load::measure(rig, turn, scenario, options.seconds())?;
            eprintln!("  {:<12} {}", rig.label(turn), sample.line());
            samples.add(scenario.name, rig.label(turn), sample);
        }
    }
    Ok(())
}

/// The builds of Weir under test with their labels.
fn weirs(root: &Root, options: &Options) -> Outcome<Vec<(String, PathBuf)>> {
    if options.weir.is_empty() && options.wants("weir") {
        shell::run(&mut root.cargo(["build", "--release", "--quiet", "--package", "weir"]))?;
        return Ok(vec![("weir".to_owned(), root.target().join("release/weir"))]);
    }
    let split = |(number, given): (usize, &String)| {
        let (label, path) = given.split_once('=').unwrap_or(("", given));
        let label = match (label, number) {
            ("", 0) => "weir".to_owned(),
            ("", _) => format!("weir-{}", number + 1),
            (label, _) => label.to_owned(),
        };
        let path = root.join(path);
        if path.is_file() { Ok((label, path)) } else { Err(Fail::at(&path, "no such program")) }
    };
    options.weir.iter().enumerate().map(split).collect()
}
