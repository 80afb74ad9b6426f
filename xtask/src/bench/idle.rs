//! Memory of connections that wait for their next request.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use super::rig::Rig;
use super::samples::{Idle, Samples};
use super::scenario::{Door, Scenario};
use super::{Options, answer, cost, load};
use crate::shell::{Fail, Outcome};

/// Enough to see that a figure is no accident: memory varies far less than time.
const ROUNDS_MAX: usize = 2;

/// How long connections are idle before they are weighed: what a proxy still does after its last
/// response is done by then, for all of them alike.
const IDLE_WAIT: Duration = Duration::from_secs(3);

/// Grows each contender, freshly started, by the wanted connections.
pub(super) fn measure(
    rig: &mut Rig,
    scenario: &Scenario,
    options: &Options,
    samples: &mut Samples,
) -> Outcome {
    rig.stop_all();
    for _ in 0..options.rounds().min(ROUNDS_MAX) {
        for turn in 0..rig.len() {
            rig.restart(turn)?;
            answer::check(rig.address(turn, scenario.door), scenario)?;
            let idle = grow((rig, turn, scenario.door), options.idle_connections())?;
            eprintln!("  {:<12} {:.0} bytes each", rig.label(turn), idle.bytes_each);
            samples.add_idle(rig.label(turn), idle);
        }
    }
    rig.stop_all();
    Ok(())
}

fn grow((rig, turn, door): (&Rig, usize, Door), connections: usize) -> Outcome<Idle> {
    let pid = rig.pid(turn)?;
    let before = cost::resident_bytes(pid);
    let mut command = rig.load_command(&rig.own_load());
    command.arg("idle").arg(rig.address(turn, door).to_string());
    match door {
        Door::Plain => {}
        Door::H2c => _ = command.arg("--h2"),
        Door::Tls => _ = command.arg("--tls"),
    }
    command.args(["--connections", &connections.to_string()]);
    let failed = |cause: std::io::Error| Fail::new(format!("{}: {cause}", rig.label(turn)));
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(failed)?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
    }
    std::thread::sleep(IDLE_WAIT);
    let after = cost::resident_bytes(pid);
    drop(child.stdin.take());
    child.wait().map_err(failed)?;
    let open = load::own(&line)?.requests;
    if open == 0 {
        return Err(Fail::new("nothing was opened"));
    }
    let bytes_each = after.saturating_sub(before) as f64 / open as f64;
    Ok(Idle { bytes_each, resident_bytes: after })
}
