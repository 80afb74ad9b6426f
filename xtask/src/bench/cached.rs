//! Turns of scenarios with a cache: filled first, then measured while the origin counts.

use std::process::Command;
use std::time::Duration;

use super::rig::Rig;
use super::samples::{Counts, Samples};
use super::scenario::{Door, Hit, Likeness, Objects, Order, Scenario, Work};
use super::{Options, answer, load};
use crate::shell::{self, Fail, Outcome};

/// After this, objects of `Likeness::Brief` are stale wherever seconds are counted in whole.
const BRIEF_WAIT: Duration = Duration::from_millis(2_100);

/// The alternating rounds of one scenario. Who does not answer from its cache is left out.
pub(super) fn measure(
    rig: &mut Rig,
    scenario: &Scenario,
    options: &Options,
    samples: &mut Samples,
) -> Outcome {
    rig.start_all()?;
    let mut turns = Vec::new();
    for turn in 0..rig.len() {
        if !rig.can(turn, scenario) {
            continue;
        }
        let refusal = match scenario.work {
            Work::Objects(objects) => fill(rig, turn, objects, options)?,
            Work::Hit(hit) => warm_up(rig, turn, scenario, hit)?,
            _ => None,
        };
        match refusal {
            None => turns.push(turn),
            Some(reason) => rig.leave_out(turn, scenario.name, &reason),
        }
    }
    for round in 0..options.rounds() {
        for turn in turns.iter().copied() {
            let before = rig.counts()?;
            let mut sample = load::costed(rig, turn, || match scenario.work {
                Work::Objects(objects) => {
                    let shorter = shortened(objects, options);
                    let skip = shorter.warm_up + round as u64 * shorter.requests;
                    own((rig, turn), shorter, shorter.order, (skip, shorter.requests))
                }
                Work::Hit(hit) => wrk((rig, turn, scenario.door), hit, options.seconds()),
                _ => Err(Fail::new("this scenario has no cache")),
            })?;
            sample.origin = rig.counts()? - before;
            sample.memory_bytes = rig.memory_bytes(turn)?;
            eprintln!("  {:<12} {}", rig.label(turn), sample.line());
            samples.add(scenario.name, rig.label(turn), sample);
        }
    }
    Ok(())
}

/// The counts of the origin from what it says.
pub(super) fn counted(text: &str) -> Outcome<Counts> {
    let value = |name: &str| {
        let word = text.split_whitespace().find_map(|word| word.strip_prefix(name));
        let number = word.and_then(|word| word.strip_prefix('=')?.parse().ok());
        number.ok_or_else(|| Fail::new(format!("no {name} in what the origin said: {text}")))
    };
    Ok(Counts { asked: value("asked")?, validated: value("validated")? })
}

/// Asks until it is kept, with the right answer each time; says why it is no hit if it is none.
fn warm_up(rig: &Rig, turn: usize, scenario: &Scenario, hit: Hit) -> Outcome<Option<String>> {
    // The whole first: not everyone keeps it when a part is asked for.
    wrk((rig, turn, scenario.door), Hit { range: None, ..hit }, 1)?;
    let labelled = |fail| Fail::new(format!("{}: {fail}", rig.label(turn)));
    answer::check(rig.address(turn, scenario.door), scenario).map_err(labelled)?;
    wrk((rig, turn, scenario.door), hit, 1)?;
    let before = rig.counts()?;
    answer::check(rig.address(turn, scenario.door), scenario)?;
    Ok(verdict(rig.counts()? - before, Counts::default()))
}

/// Makes the first requests of the sequence; says why the cache does not do what it is here for,
/// if it does not.
fn fill(rig: &Rig, turn: usize, objects: Objects, options: &Options) -> Outcome<Option<String>> {
    let shorter = shortened(objects, options);
    let said = own((rig, turn), shorter, shorter.warm_up_order, (0, shorter.warm_up))?;
    if said.errors > said.requests / 1_000 {
        return Ok(Some(format!("{} errors while it was filled", said.errors)));
    }
    let ask = || own((rig, turn), shorter, Order::InTurn, (1, 1));
    let wanted = if objects.likeness == Likeness::Brief {
        std::thread::sleep(BRIEF_WAIT);
        Counts { asked: 1, validated: 1 }
    } else {
        ask()?;
        Counts::default()
    };
    let before = rig.counts()?;
    ask()?;
    Ok(verdict(rig.counts()? - before, wanted))
}

/// Why what the origin saw of one request is not what it should have seen.
fn verdict(seen: Counts, wanted: Counts) -> Option<String> {
    let Counts { asked, validated } = seen;
    let reason = || format!("the origin was asked {asked} times, {validated} of them answered 304");
    (seen != wanted).then(reason)
}

/// Fewer requests for a quick run, and fewer objects where each has to be met with again.
fn shortened(objects: Objects, options: &Options) -> Objects {
    let (part, fewer) = match (options.quick, objects.order) {
        (false, _) => (1, 1),
        (true, Order::Zipf) => (10, 1),
        (true, Order::InTurn | Order::Even) => (2, 2),
    };
    let (warm_up, requests) = (objects.warm_up / part, objects.requests / part);
    Objects { warm_up, requests, count: objects.count / fewer, ..objects }
}

fn wrk(target: (&Rig, usize, Door), hit: Hit, seconds: u32) -> Outcome<load::Said> {
    let mut command = load::wrk_command(target, hit.path, hit.connections, seconds);
    if let Some(range) = hit.range {
        command.args(["-H", &format!("Range: {range}")]);
    }
    load::wrk(&shell::output(&mut command)?)
}

fn own(
    (rig, turn): (&Rig, usize),
    objects: Objects,
    order: Order,
    (skip, requests): (u64, u64),
) -> Outcome<load::Said> {
    let mut command: Command = rig.load_command(&rig.own_load());
    command.arg("objects").arg(rig.address(turn, Door::Plain).to_string());
    command.args(["--family", objects.likeness.name(), "--order", order.name()]);
    for (name, value) in [
        ("--bytes", objects.bytes),
        ("--count", objects.count),
        ("--skip", skip),
        ("--requests", requests),
    ] {
        command.args([name, &value.to_string()]);
    }
    command.args(["--alpha", ZIPF_ALPHA]);
    load::own(&shell::output(&mut command)?)
}

/// Between what is reported of pages (0.8) and of video (1.0 and more).
const ZIPF_ALPHA: &str = "0.95";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_origin_says_is_understood() {
        let counts = counted("asked=12 validated=3").unwrap();
        assert_eq!(counts, Counts { asked: 12, validated: 3 });
        assert!(counted("asked=12").is_err());
    }
}
