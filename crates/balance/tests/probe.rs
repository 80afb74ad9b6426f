//! Verdicts by rows of probes, and how long the next one is waited for.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::time::Duration;

use proptest::prelude::*;
use weir_balance::probe::{Initial, ProbeState, Rules, Standing};

const RULES: Rules = Rules {
    healthy: 2,
    unhealthy: 3,
    interval: Duration::from_secs(5),
    fast_interval: Duration::from_secs(1),
    jitter_percent: 10,
    initial: Initial::Up,
};

/// The verdicts after each of these probes: `+` passed, `-` failed; `U`, `D` or `.` for none.
fn verdicts(rules: &Rules, probes: &str) -> String {
    let mut state = ProbeState::new(rules);
    let verdict = |probe| match state.note(rules, probe == '+') {
        Some(Standing::Up) => 'U',
        Some(Standing::Down) => 'D',
        None => '.',
    };
    probes.chars().map(verdict).collect()
}

#[test]
fn only_enough_in_a_row_change_a_standing() {
    assert_eq!(verdicts(&RULES, "+++++"), ".....");
    assert_eq!(verdicts(&RULES, "--+--+--"), "........");
    assert_eq!(verdicts(&RULES, "+---"), "...D");
    assert_eq!(verdicts(&RULES, "-----"), "..D..");
    assert_eq!(verdicts(&RULES, "---+-+-++"), "..D.....U");
    assert_eq!(verdicts(&RULES, "---++---++"), "..D.U..D.U");
}

#[test]
fn a_server_that_begins_down_must_pass() {
    let rules = Rules { initial: Initial::Down, ..RULES };
    assert_eq!(ProbeState::new(&rules).standing(), Standing::Down);
    assert_eq!(verdicts(&rules, "++---"), ".U..D");
    // That it is down is told once it is known and not only assumed.
    assert_eq!(verdicts(&rules, "-----"), "..D..");
    assert_eq!(verdicts(&rules, "+-+-++"), ".....U");
}

#[test]
fn a_first_probe_may_decide_alone_but_no_later_one() {
    let rules = Rules { initial: Initial::Probe, ..RULES };
    assert_eq!(ProbeState::new(&rules).standing(), Standing::Down);
    assert_eq!(verdicts(&rules, "+--+---"), "U.....D");
    assert_eq!(verdicts(&rules, "-+-++"), "D...U");
}

#[test]
fn a_contested_standing_is_probed_fast() {
    let mut state = ProbeState::new(&RULES);
    let mut wait_after = |passed| {
        let _seen_elsewhere = state.note(&RULES, passed);
        state.next_wait(&RULES, 0)
    };
    let (usual, fast) = (RULES.interval, RULES.fast_interval);
    assert_eq!(wait_after(true), usual);
    assert_eq!([wait_after(false), wait_after(false)], [fast; 2]);
    assert_eq!(wait_after(true), usual, "the row has ended");
    assert_eq!([wait_after(false), wait_after(false)], [fast; 2]);
    assert_eq!([wait_after(false), wait_after(false)], [usual; 2], "it is settled that it is down");
    assert_eq!([wait_after(true), wait_after(true)], [fast, usual]);
}

#[test]
fn waits_are_shortened_by_the_jitter_at_most() {
    let state = ProbeState::new(&RULES);
    assert_eq!(state.next_wait(&RULES, u32::MAX), Duration::from_millis(4500));
    let steady = Rules { jitter_percent: 0, ..RULES };
    assert_eq!(state.next_wait(&steady, u32::MAX), steady.interval);
    assert_eq!(RULES.first_wait(u32::MAX), RULES.fast_interval);
    let unknown = Rules { initial: Initial::Probe, ..RULES };
    assert_eq!(unknown.first_wait(u32::MAX), Duration::ZERO);
}

fn initial() -> impl Strategy<Value = Initial> {
    prop_oneof![Just(Initial::Up), Just(Initial::Down), Just(Initial::Probe)]
}

proptest! {
    /// Told verdicts are those of a plain look back over the results.
    #[test]
    fn a_verdict_needs_its_number_in_a_row(
        (healthy, unhealthy) in (1..6_u32, 1..6_u32),
        initial in initial(),
        probes in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let rules = Rules { healthy, unhealthy, initial, ..RULES };
        let mut state = ProbeState::new(&rules);
        for end in 1..=probes.len() {
            let seen = &probes[..end];
            let last = *seen.last().unwrap();
            let row = seen.iter().rev().take_while(|passed| **passed == last).count() as u32;
            let before = state.standing();
            let verdict = state.note(&rules, last);
            let after = state.standing();
            let is_first = end == 1 && initial == Initial::Probe;
            if before != after {
                prop_assert_eq!(verdict, Some(after));
                let needed = if last { healthy } else { unhealthy };
                prop_assert!(is_first || row >= needed, "{} in a row", row);
            }
            if row >= healthy.max(unhealthy) {
                prop_assert_eq!(after == Standing::Up, last);
            }
            prop_assert_eq!(last, verdict.map_or(last, |told| told == Standing::Up));
        }
    }

    /// What flaps within the thresholds changes nothing.
    #[test]
    fn short_rows_of_failures_never_take_a_server_out(
        rows in prop::collection::vec((1..3_usize, 1..20_usize), 0..50),
    ) {
        let mut state = ProbeState::new(&RULES);
        for (failed, passed) in rows {
            for result in [vec![false; failed], vec![true; passed]].concat() {
                prop_assert_eq!(state.note(&RULES, result), None);
            }
        }
        prop_assert_eq!(state.standing(), Standing::Up);
    }

    #[test]
    fn waits_keep_their_bounds(
        random in any::<u32>(),
        jitter_percent in 0..=100_u32,
        probes in prop::collection::vec(any::<bool>(), 0..20),
    ) {
        let rules = Rules { jitter_percent, ..RULES };
        let mut state = ProbeState::new(&rules);
        probes.iter().for_each(|passed| { let _told = state.note(&rules, *passed); });
        let wait = state.next_wait(&rules, random);
        let floor = |wait: Duration| wait * (100 - jitter_percent) / 100;
        prop_assert!(wait >= floor(rules.fast_interval) && wait <= rules.interval);
        prop_assert!(wait <= rules.fast_interval || wait >= floor(rules.interval));
    }
}
