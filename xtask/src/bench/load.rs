//! One turn of load on one contender, and what it cost.

use std::process::Command;

use super::cost::{self, Cost};
use super::rig::Rig;
use super::samples::{Counts, Sample};
use super::scenario::{Door, Exchange, Scenario, Work};
use crate::shell::{self, Fail, Outcome};

/// What a load generator says about its run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) elapsed_s: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

/// A short load so that pools are filled, caches warm and code compiled.
pub(super) fn warm_up(rig: &Rig, turn: usize, scenario: &Scenario) -> Outcome {
    let exchange = match scenario.work {
        // What came before the rounds was an answer by the same door.
        _ if scenario.door != Door::Plain => return Ok(()),
        Work::Get { path, body_bytes, connections } => {
            let (upload_bytes, close, requests_max) = (0, false, None);
            Exchange { path, body_bytes, upload_bytes, close, connections, requests_max }
        }
        Work::Exchange(exchange) => {
            Exchange { requests_max: exchange.requests_max.map(|_| 1), ..exchange }
        }
        _ => return Ok(()),
    };
    let said = own(&shell::output(&mut own_command(rig, turn, exchange, 0.3))?)?;
    if said.requests > 0 {
        return Ok(());
    }
    Err(Fail::new(format!("{}: {} fails under load", rig.label(turn), scenario.name)))
}

/// One measured turn.
pub(super) fn measure(
    rig: &Rig,
    turn: usize,
    scenario: &Scenario,
    seconds: u32,
) -> Outcome<Sample> {
    costed(rig, turn, || load(rig, turn, scenario, seconds))
}

/// What a load costs a contender.
pub(super) fn costed(
    rig: &Rig,
    turn: usize,
    load: impl FnOnce() -> Outcome<Said>,
) -> Outcome<Sample> {
    let pid = rig.pid(turn)?;
    let before = Cost::of_tree(pid);
    let said = load()?;
    let (user_us, system_us) = (Cost::of_tree(pid) - before).split_us();
    if said.requests == 0 {
        return Err(Fail::new(format!("{}: no request was answered", rig.label(turn))));
    }
    let requests = said.requests as f64;
    Ok(Sample {
        user_us: user_us / requests,
        system_us: system_us / requests,
        memory_bytes: cost::resident_bytes(pid),
        said,
        origin: Counts::default(),
    })
}

fn load(rig: &Rig, turn: usize, scenario: &Scenario, seconds: u32) -> Outcome<Said> {
    let target = rig.address(turn, scenario.door).to_string();
    match scenario.work {
        Work::Get { path, connections, .. } => {
            let target = (rig, turn, scenario.door);
            wrk(&shell::output(&mut wrk_command(target, path, connections, seconds))?)
        }
        Work::Exchange(exchange) => {
            let seconds = if exchange.requests_max.is_some() { 30.0 } else { f64::from(seconds) };
            own(&shell::output(&mut own_command(rig, turn, exchange, seconds))?)
        }
        Work::H2 { path, connections, streams, .. } => {
            let scheme = if scenario.door == Door::Tls { "https" } else { "http" };
            let mut command = rig.load_command("h2load".as_ref());
            command.args(["-t1", &format!("-c{connections}"), &format!("-m{streams}")]);
            command.args([format!("-D{seconds}"), format!("{scheme}://{target}{path}")]);
            h2load(&shell::output(&mut command)?)
        }
        Work::Handshakes { resume } => {
            let mut command = rig.load_command(&rig.own_load());
            command.args(["handshakes", &target, "--seconds", &seconds.to_string()]);
            own(&shell::output(command.args(resume.then_some("--resume")))?)
        }
        Work::Download { path, requests, .. } => {
            let mut command = rig.load_command(&rig.own_load());
            command.args(["downloads", &target, "--path", path]);
            own(&shell::output(command.args(["--requests", &requests.to_string()]))?)
        }
        Work::Idle | Work::Hit(_) | Work::Objects(_) => {
            Err(Fail::new(format!("{} is measured in another way", scenario.name)))
        }
    }
}

/// `wrk` against a contender.
pub(super) fn wrk_command(
    (rig, turn, door): (&Rig, usize, Door),
    path: &str,
    connections: u32,
    seconds: u32,
) -> Command {
    let mut command = rig.load_command("wrk".as_ref());
    command.args(["-t1", "--latency", &format!("-c{connections}"), &format!("-d{seconds}s")]);
    let scheme = if door == Door::Tls { "https" } else { "http" };
    command.arg(format!("{scheme}://{}{path}", rig.address(turn, door)));
    command
}

fn own_command(rig: &Rig, turn: usize, exchange: Exchange, seconds: f64) -> Command {
    let mut command = rig.load_command(&rig.own_load());
    command.arg("exchange").arg(rig.address(turn, Door::Plain).to_string());
    command.args(["--path", exchange.path, "--seconds", &seconds.to_string()]);
    command.args(["--upload-bytes", &exchange.upload_bytes.to_string()]);
    command.args(["--connections", &exchange.connections.to_string()]);
    if let Some(requests) = exchange.requests_max {
        command.args(["--requests", &requests.to_string()]);
    }
    if exchange.close {
        command.arg("--close");
    }
    command
}

/// Reads the line of our own generator.
pub(super) fn own(text: &str) -> Outcome<Said> {
    let value = |name: &str| {
        let word = text.split_whitespace().find_map(|word| word.strip_prefix(name));
        let number = word.and_then(|word| word.strip_prefix('=')?.parse::<u64>().ok());
        number.ok_or_else(|| Fail::new(format!("no {name} in what the load said: {text}")))
    };
    Ok(Said {
        requests: value("requests")?,
        errors: value("errors")?,
        elapsed_s: value("elapsed_us")? as f64 / 1e6,
        p50_us: value("p50_us")? as f64,
        p99_us: value("p99_us")? as f64,
    })
}

/// Reads the report of `h2load`. Answers that are not good count as errors, and so does what was
/// asked before the time was over and never answered.
pub(super) fn h2load(text: &str) -> Outcome<Said> {
    let mut said = Said::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["finished", "in", elapsed, ..] => {
                said.elapsed_s = duration_us(elapsed).unwrap_or(0.0) / 1e6;
            }
            ["requests:", ref counts @ ..] => {
                let count = |what: &str| {
                    let at = counts.iter().position(|word| *word == what)?;
                    counts.get(at.checked_sub(1)?)?.parse::<u64>().ok()
                };
                said.requests = count("succeeded").unwrap_or(0);
                said.errors = count("failed").unwrap_or(0);
            }
            ["time", "for", "request:", _, _, mean, ..] => {
                said.p50_us = duration_us(mean).unwrap_or(0.0);
            }
            _ => {}
        }
    }
    if said.requests > 0 { Ok(said) } else { Err(Fail::new(format!("h2load said: {text}"))) }
}

/// Reads the report of `wrk --latency`.
pub(super) fn wrk(text: &str) -> Outcome<Said> {
    let mut said = Said::default();
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["50%", latency] => said.p50_us = duration_us(latency).unwrap_or(0.0),
            ["99%", latency] => said.p99_us = duration_us(latency).unwrap_or(0.0),
            [requests, "requests", "in", elapsed, ..] => {
                said.requests = requests.parse().unwrap_or(0);
                said.elapsed_s = duration_us(elapsed.trim_end_matches(',')).unwrap_or(0.0) / 1e6;
            }
            ["Socket", "errors:", ref kinds @ ..] => {
                let counts =
                    kinds.iter().filter_map(|word| word.trim_end_matches(',').parse::<u64>().ok());
                said.errors += counts.sum::<u64>();
            }
            ["Non-2xx", .., count] => said.errors += count.parse::<u64>().unwrap_or(1),
            _ => {}
        }
    }
    if said.elapsed_s > 0.0 { Ok(said) } else { Err(Fail::new(format!("wrk said: {text}"))) }
}

/// `12.3us`, `4.5ms`, `6.7s` or `1.2m`.
fn duration_us(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 6e7)];
    units.iter().find_map(|(unit, us)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "Running 2s test @ http://127.0.0.1:1/small
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   369.07us  223.50us   4.76ms   96.22%
  Latency Distribution
     50%  309.00us
     99%    1.14ms
  227258 requests in 2.00s, 53.53MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 5
Requests/sec: 113529.60
";

    #[test]
    fn the_report_of_wrk_is_understood() {
        let said = wrk(WRK).unwrap();
        let wanted =
            Said { requests: 227_258, errors: 8, elapsed_s: 2.0, p50_us: 309.0, p99_us: 1140.0 };
        assert_eq!(said, wanted);
        assert!(wrk("unable to connect").is_err());
    }

    #[test]
    fn the_report_of_h2load_is_understood() {
        let text = "finished in 2.00s, 31075.50 req/s, 5.00MB/s
requests: 62151 total, 62251 started, 62151 done, 62150 succeeded, 1 failed, 1 errored, 0 timeout
status codes: 62150 2xx, 0 3xx, 1 4xx, 0 5xx
time for request:      400us      5.00ms      2.06ms       300us    70.00%
";
        let said = h2load(text).unwrap();
        let wanted =
            Said { requests: 62_150, errors: 1, elapsed_s: 2.0, p50_us: 2060.0, p99_us: 0.0 };
        assert_eq!(said, wanted);
        assert!(h2load("unable to connect").is_err());
    }

    #[test]
    fn the_line_of_our_own_load_is_understood() {
        let said = own("requests=8 errors=1 bytes=16 elapsed_us=2500000 p50_us=3 p99_us=4\n");
        let wanted = Said { requests: 8, errors: 1, elapsed_s: 2.5, p50_us: 3.0, p99_us: 4.0 };
        assert_eq!(said.unwrap(), wanted);
        assert!(own("requests=8").is_err());
    }
}
