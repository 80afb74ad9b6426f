//! The picker from outside: exact shares, who is set aside and who comes back.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::time::{Duration, Instant};

use proptest::prelude::*;
use weir_balance::{Picker, Report, ServerIndex, Settings, Tried};

const FAIL_TIME: Duration = Duration::from_secs(10);

fn picker(weights: &[u32]) -> Picker {
    Picker::new(weights, Settings { fail_time: FAIL_TIME, ..Settings::default() })
}

fn pick(picker: &mut Picker, now: Instant) -> Option<u32> {
    picker.pick(now, &Tried::new()).map(|server| server.0)
}

fn shares(picker: &mut Picker, count: usize, picks: u32, now: Instant) -> Vec<u32> {
    let mut shares = vec![0; count];
    for _ in 0..picks {
        shares[pick(picker, now).unwrap() as usize] += 1;
    }
    shares
}

#[test]
fn every_cycle_is_exact() {
    let now = Instant::now();
    for weights in [vec![1], vec![1, 1, 1], vec![5, 1, 1], vec![7, 3, 2, 0, 9], vec![1; 100]] {
        let mut picker = picker(&weights);
        for _ in 0..50 {
            let cycle = weights.iter().sum();
            assert_eq!(shares(&mut picker, weights.len(), cycle, now), weights);
        }
    }
}

#[test]
fn workers_begin_with_different_servers() {
    let now = Instant::now();
    let first = |offset| {
        pick(&mut Picker::new(&[1, 1, 1], Settings { offset, ..Settings::default() }), now)
    };
    assert_eq!([0, 1, 2, 3].map(first), [Some(0), Some(1), Some(2), Some(0)]);
}

#[test]
fn no_servers_no_pick() {
    let now = Instant::now();
    assert_eq!(pick(&mut picker(&[]), now), None);
    assert_eq!(pick(&mut picker(&[0, 0]), now), None);
    picker(&[]).report(ServerIndex(3), Report::Unreachable, now);
}

#[test]
fn a_retry_goes_elsewhere() {
    let now = Instant::now();
    let mut picker = picker(&[1, 1, 1]);
    let mut tried = Tried::new();
    for _ in 0..3 {
        let server = picker.pick(now, &tried).unwrap();
        assert!(!tried.contains(server));
        tried.add(server);
    }
    assert_eq!(picker.pick(now, &tried), None);
}

#[test]
fn an_unreachable_server_is_set_aside_for_the_fail_time() {
    let start = Instant::now();
    let mut picker = picker(&[1, 1, 2]);
    picker.report(ServerIndex(1), Report::Unreachable, start);
    assert!(picker.is_aside(ServerIndex(1), start));
    let before = start + FAIL_TIME - Duration::from_millis(1);
    assert_eq!(shares(&mut picker, 3, 300, before), [100, 0, 200]);
    let back = start + FAIL_TIME;
    assert!(!picker.is_aside(ServerIndex(1), back));
    let after = shares(&mut picker, 3, 400, back);
    assert!(after[1].abs_diff(100) <= 1, "its share and no burst to catch up: {after:?}");
}

#[test]
fn a_server_is_back_as_soon_as_it_is_reached() {
    let now = Instant::now();
    let mut picker = picker(&[1, 1]);
    picker.report(ServerIndex(0), Report::Unreachable, now);
    picker.report(ServerIndex(0), Report::Reached, now);
    assert_eq!(shares(&mut picker, 2, 10, now), [5, 5]);
    picker.report(ServerIndex(0), Report::Reached, now);
    assert_eq!(shares(&mut picker, 2, 10, now), [5, 5]);
}

#[test]
fn when_all_are_set_aside_the_longest_waiting_is_asked() {
    let start = Instant::now();
    let later = |seconds| start + Duration::from_secs(seconds);
    let mut picker = picker(&[1, 1, 0]);
    picker.report(ServerIndex(1), Report::Unreachable, later(0));
    picker.report(ServerIndex(0), Report::Unreachable, later(1));
    assert_eq!(pick(&mut picker, later(2)), Some(1));
    picker.report(ServerIndex(1), Report::Unreachable, later(2));
    assert_eq!(pick(&mut picker, later(3)), Some(0));
    let mut tried = Tried::new();
    tried.add(ServerIndex(0));
    assert_eq!(picker.pick(later(3), &tried), Some(ServerIndex(1)));
}

#[test]
fn weights_change_live() {
    let now = Instant::now();
    let mut picker = picker(&[1, 1]);
    assert_eq!(shares(&mut picker, 2, 10, now), [5, 5]);
    picker.set_weight(ServerIndex(0), 3);
    let after = shares(&mut picker, 2, 400, now);
    assert!(after[0].abs_diff(300) <= 2, "{after:?}");
    picker.set_weight(ServerIndex(0), 0);
    assert_eq!(shares(&mut picker, 2, 10, now), [0, 10]);
    picker.report(ServerIndex(0), Report::Unreachable, now);
    picker.set_weight(ServerIndex(0), 1);
    assert_eq!(shares(&mut picker, 2, 10, now), [0, 10]);
    let after = shares(&mut picker, 2, 100, now + FAIL_TIME);
    assert!(after[0].abs_diff(50) <= 1, "{after:?}");
}

#[test]
fn marks_are_inherited_when_servers_change() {
    let now = Instant::now();
    let mut old = picker(&[1, 1]);
    old.report(ServerIndex(1), Report::Unreachable, now);
    let mut new = picker(&[1, 1, 1]);
    new.inherit(&old, |server| server.0.checked_sub(1).map(ServerIndex));
    assert_eq!(shares(&mut new, 3, 10, now), [5, 5, 0]);
    assert!(shares(&mut new, 3, 9, now + FAIL_TIME)[2] > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn shares_are_right_within_one_percent(
        weights in prop::collection::vec(1_u32..100, 1..20),
        offset: u32,
    ) {
        let picks = 100_000;
        let mut picker = Picker::new(&weights, Settings { offset, ..Settings::default() });
        let counted = shares(&mut picker, weights.len(), picks, Instant::now());
        let total: u32 = weights.iter().sum();
        for (weight, count) in weights.iter().zip(counted) {
            let fair = f64::from(picks) * f64::from(*weight) / f64::from(total);
            let error = (f64::from(count) - fair).abs();
            prop_assert!(error <= fair / 100.0, "{count} instead of {fair}");
        }
    }

    /// No server gets two turns more in a row than an even spread allows.
    #[test]
    fn turns_are_spread(weights in prop::collection::vec(1_u32..50, 2..12)) {
        let mut picker = picker(&weights);
        let now = Instant::now();
        let total: u32 = weights.iter().sum();
        let mut last = vec![None; weights.len()];
        for turn in 0..total * 2 {
            let server = pick(&mut picker, now).unwrap() as usize;
            if let Some(before) = last[server].replace(turn) {
                let (gap, even) = (turn - before, total.div_ceil(weights[server]));
                // Others' turns bunch up by at most one each.
                prop_assert!(gap <= even + weights.len() as u32, "{gap} instead of {even}");
            }
        }
    }

    #[test]
    fn marks_and_weights_never_lose_a_server(
        steps in prop::collection::vec((0_u32..4, 0_u32..4, 0_u64..15), 1..200),
    ) {
        let mut picker = picker(&[3, 2, 1, 1]);
        let mut now = Instant::now();
        for (action, server, seconds) in steps {
            let server = ServerIndex(server);
            now += Duration::from_secs(seconds);
            match action {
                0 => picker.report(server, Report::Unreachable, now),
                1 => picker.report(server, Report::Reached, now),
                2 => picker.set_weight(server, seconds as u32 % 4),
                _ => drop(picker.pick(now, &Tried::new())),
            }
        }
        now += FAIL_TIME;
        for server in 0..4 {
            picker.set_weight(ServerIndex(server), 1);
        }
        let counted = shares(&mut picker, 4, 400, now);
        prop_assert!(counted.iter().all(|count| count.abs_diff(100) <= 2), "{counted:?}");
    }
}
