//! System calls per request, counted by strace in a pass of its own, since tracing slows what
//! it watches too much for a time to mean anything.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::rig::{self, Rig};
use super::scenario::{Door, Hit, Scenario, Work};
use super::{cost, load};
use crate::shell::{self, Fail, Outcome};

const SECONDS: u32 = 2;

/// The system calls of one contender.
#[derive(Debug, PartialEq)]
pub(super) struct Calls {
    pub(super) label: String,
    pub(super) per_request: f64,
    /// The calls made most, with how often per request.
    pub(super) most: Vec<(String, f64)>,
}

/// Counts for the first scenario of small GETs, if there is one.
pub(super) fn measure(rig: &mut Rig, scenarios: &[Scenario]) -> Outcome<Vec<Calls>> {
    let small = scenarios.iter().find_map(|scenario| match scenario.work {
        Work::Get { path, connections, .. } | Work::Hit(Hit { path, connections, .. })
            if scenario.door == Door::Plain =>
        {
            Some((scenario, path, connections))
        }
        _ => None,
    });
    let Some((scenario, path, connections)) = small else { return Ok(Vec::new()) };
    eprintln!("system calls");
    rig.take(scenario)?;
    rig.start_all()?;
    let turns = (0..rig.len()).filter(|turn| rig.can(*turn, scenario));
    turns.map(|turn| one(rig, turn, path, connections)).collect()
}

fn one(rig: &Rig, turn: usize, path: &str, connections: u32) -> Outcome<Calls> {
    let table = rig.folder().join("strace.txt");
    let mut strace = rig.load_command("strace".as_ref());
    strace.args(["-c", "-f", "-qq", "-o"]).arg(&table);
    for pid in cost::tree(rig.pid(turn)?) {
        strace.args(["-p", &pid.to_string()]);
    }
    let mut tracer = strace.spawn().map_err(|cause| Fail::new(format!("strace: {cause}")))?;
    std::thread::sleep(Duration::from_millis(300));
    let said = shell::output(&mut load::wrk_command(
        (rig, turn, Door::Plain),
        path,
        connections,
        SECONDS,
    ))?;
    rig::signal(tracer.id(), Signal::INT);
    tracer.wait().map_err(|cause| Fail::new(format!("strace: {cause}")))?;
    let text = fs::read_to_string(&table).map_err(|cause| Fail::at(&table, cause))?;
    let calls = counted(rig.label(turn), &text, load::wrk(&said)?.requests);
    eprintln!("  {:<12} {:.2} a request", calls.label, calls.per_request);
    Ok(calls)
}

/// Reads the table of `strace -c`: the fourth column counts, the last one names.
fn counted(label: &str, table: &str, requests: u64) -> Calls {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let count = words.get(3)?.parse::<u64>().ok()?;
        Some(((*words.last()?).to_owned(), count as f64 / requests.max(1) as f64))
    };
    let mut rows: Vec<(String, f64)> = table.lines().filter_map(row).collect();
    let total = rows.iter().find(|(name, _)| name == "total").map_or(0.0, |(_, count)| *count);
    rows.retain(|(name, count)| name != "total" && *count >= 0.01);
    rows.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    rows.truncate(6);
    Calls { label: label.to_owned(), per_request: total, most: rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_understood() {
        let table = "% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           3       200           writev
 40.00    0.000400           1       400        20 recvfrom
  0.00    0.000000           0         0           brk
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           1       600        20 total
";
        let calls = counted("weir", table, 100);
        assert_eq!(calls.per_request, 6.0);
        let most = vec![("recvfrom".to_owned(), 4.0), ("writev".to_owned(), 2.0)];
        assert_eq!(calls.most, most);
    }
}
