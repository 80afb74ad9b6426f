//! What a picker promises, policy by policy.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use weir_balance::{
    Admin, Cause, Cluster, EjectRules, MemberPlan, Outcome, Pick, Picker, Policy, Rules,
    ServerIndex, Standing, Tried,
};

const POLICIES: [Policy; 7] = [
    Policy::P2c,
    Policy::RoundRobin,
    Policy::LeastRequests,
    Policy::Random,
    Policy::First,
    Policy::Hash,
    Policy::Maglev,
];

fn plans(weights: &[u16]) -> Vec<MemberPlan> {
    let plan = |(at, weight): (usize, &u16)| MemberPlan::new(&format!("10.0.0.{at}:80"), *weight);
    weights.iter().enumerate().map(plan).collect()
}

fn cluster(weights: &[u16], rules: Rules, now: Instant) -> Arc<Cluster> {
    Arc::new(Cluster::new(plans(weights), rules, None, now))
}

fn rules(policy: Policy) -> Rules {
    Rules { policy, ..Rules::default() }
}

fn pick(picker: &mut Picker, now: Instant) -> Option<u32> {
    pick_not(picker, now, &[])
}

fn pick_not(picker: &mut Picker, now: Instant, not: &[u32]) -> Option<u32> {
    let mut tried = Tried::new();
    not.iter().for_each(|server| tried.add(ServerIndex(*server)));
    match picker.pick(now, None, &tried) {
        Pick::Server(server) => Some(server.0),
        _ => None,
    }
}

/// Picks and releases at once. Returns how often each server was picked.
fn counts(picker: &mut Picker, picks: usize, now: Instant) -> HashMap<u32, usize> {
    let mut counts = HashMap::new();
    for _ in 0..picks {
        let server = pick(picker, now).unwrap();
        picker.release(ServerIndex(server));
        *counts.entry(server).or_default() += 1;
    }
    counts
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn weights_are_kept_to_a_percent() {
    let now = Instant::now();
    let weights = [1, 2, 3, 4, 10, 0];
    let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    for policy in [Policy::P2c, Policy::RoundRobin, Policy::Random, Policy::LeastRequests] {
        let mut picker = Picker::new(cluster(&weights, rules(policy), now), 0);
        let counts = if policy == Policy::LeastRequests {
            // Requests that never end fill the servers in proportion.
            let mut counts = HashMap::new();
            for _ in 0..100_000 {
                *counts.entry(pick(&mut picker, now).unwrap()).or_default() += 1;
            }
            counts
        } else {
            counts(&mut picker, 100_000, now)
        };
        for (server, weight) in (0..).zip(weights) {
            let share = counts.get(&server).copied().unwrap_or(0) as f64 / 100_000.0;
            let error = (share - f64::from(weight) / all).abs();
            assert!(error < 0.01, "{policy:?}: server {server} is off by {error}");
        }
    }
}

#[test]
fn hashing_shares_keys_by_weight() {
    let now = Instant::now();
    for (policy, error_max) in [(Policy::Hash, 0.02), (Policy::Maglev, 0.01)] {
        let mut picker = Picker::new(cluster(&[1, 1, 2], rules(policy), now), 0);
        let counts = counts(&mut picker, 100_000, now);
        for (server, share) in [(0, 0.25), (1, 0.25), (2, 0.5)] {
            let error = (counts[&server] as f64 / 100_000.0 - share).abs();
            assert!(error < error_max, "{policy:?}: server {server} is off by {error}");
        }
    }
}

#[test]
fn a_changed_weight_counts_from_the_next_pick() {
    let now = Instant::now();
    for policy in POLICIES.into_iter().filter(|policy| *policy != Policy::First) {
        let cluster = cluster(&[1, 1], rules(policy), now);
        let mut picker = Picker::new(Arc::clone(&cluster), 0);
        counts(&mut picker, 10, now);
        cluster.set_weight(ServerIndex(0), Some(0));
        assert_eq!(counts(&mut picker, 50, now).get(&0), None, "{policy:?}");
        cluster.set_weight(ServerIndex(0), None);
        assert!(counts(&mut picker, 200, now)[&0] > 50, "{policy:?}");
    }
}

#[test]
fn the_tried_are_left_out_and_the_last_resort_is_aside() {
    let now = Instant::now();
    for policy in POLICIES {
        let cluster = cluster(&[1, 1, 1], rules(policy), now);
        let mut picker = Picker::new(Arc::clone(&cluster), 0);
        for _ in 0..20 {
            assert_eq!(pick_not(&mut picker, now, &[0, 2]), Some(1), "{policy:?}");
        }
        assert_eq!(
            cluster.note(ServerIndex(1), Outcome::Unreachable, now),
            Some(Cause::Unreachable)
        );
        for _ in 0..20 {
            assert_ne!(pick(&mut picker, now), Some(1), "{policy:?}");
        }
        assert_eq!(pick_not(&mut picker, now, &[0, 2]), Some(1), "{policy:?}");
        assert_eq!(pick_not(&mut picker, now, &[0, 1, 2]), None, "{policy:?}");
    }
}

#[test]
fn a_server_is_avoided_for_twice_as_long_each_time() {
    let now = Instant::now();
    let cluster = cluster(&[1, 1, 1], rules(Policy::RoundRobin), now);
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    let one = ServerIndex(1);
    assert_eq!(cluster.note(one, Outcome::Unreachable, now), Some(Cause::Unreachable));
    assert_eq!(cluster.note(one, Outcome::Unreachable, now), None, "it is out already");
    assert_eq!(counts(&mut picker, 30, now + seconds(9)).get(&1), None);
    let back = now + seconds(11);
    assert_eq!(counts(&mut picker, 30, back)[&1], 10);
    assert_eq!(cluster.note(one, Outcome::Unreachable, back), Some(Cause::Unreachable));
    assert_eq!(counts(&mut picker, 30, back + seconds(19)).get(&1), None);
    assert_eq!(counts(&mut picker, 30, back + seconds(21))[&1], 10);
}

#[test]
fn errors_in_a_row_eject_and_an_answer_between_does_not() {
    let now = Instant::now();
    let eject = EjectRules { consecutive_errors: 3, max_percent: 50, ..EjectRules::default() };
    let cluster = cluster(&[1; 3], Rules { eject, ..rules(Policy::RoundRobin) }, now);
    let note = |server, outcome| cluster.note(ServerIndex(server), outcome, now);
    let (failed, fine) = (Outcome::Failed(seconds(1)), Outcome::Answered(Some(seconds(1))));
    for outcome in [failed, failed, fine, failed, failed] {
        assert_eq!(note(0, outcome), None);
    }
    assert_eq!(note(0, failed), Some(Cause::ConsecutiveErrors));
    for _ in 0..10 {
        assert_eq!(note(1, failed), None, "two of three are more than half");
    }
    assert_eq!(note(1, Outcome::Unreachable), Some(Cause::Unreachable), "dead is dead");
}

#[test]
fn peers_are_compared_once_an_interval() {
    let now = Instant::now();
    let eject = EjectRules { success_rate_points: 20, ..EjectRules::default() };
    let cluster = cluster(&[1; 4], Rules { eject, ..rules(Policy::P2c) }, now);
    for server in 0..4 {
        for n in 0..100 {
            let fails = server == 2 && n % 2 == 0;
            let took = Duration::from_millis(5);
            let outcome = if fails { Outcome::Failed(took) } else { Outcome::Answered(Some(took)) };
            cluster.note(ServerIndex(server), outcome, now);
        }
    }
    assert_eq!(cluster.compare(now + seconds(1)), []);
    assert_eq!(cluster.compare(now + seconds(10)), [(ServerIndex(2), Cause::SuccessRate)]);
    assert_eq!(cluster.compare(now + seconds(10)), []);
    let standing = cluster.standing(ServerIndex(2), now + seconds(10));
    assert!(matches!(standing, Standing::Ejected(Cause::SuccessRate, _)), "{standing:?}");
}

#[test]
fn probes_and_operators_take_servers_out() {
    let now = Instant::now();
    let cluster = cluster(&[1; 3], rules(Policy::RoundRobin), now);
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    assert!(cluster.set_probe(ServerIndex(0), false, now));
    assert!(!cluster.set_probe(ServerIndex(0), false, now), "no news");
    assert_eq!(counts(&mut picker, 30, now).get(&0), None);
    assert_eq!(cluster.standing(ServerIndex(0), now), Standing::Failing);
    cluster.set_admin(ServerIndex(1), Admin::Drain, now);
    assert_eq!(counts(&mut picker, 30, now)[&2], 30);
    assert!(picker.pick_bound(ServerIndex(1), now, &Tried::new()), "its own clients stay");
    cluster.set_admin(ServerIndex(1), Admin::Down, now);
    assert!(!picker.pick_bound(ServerIndex(1), now, &Tried::new()));
    assert!(cluster.set_probe(ServerIndex(0), true, now));
    cluster.set_admin(ServerIndex(1), Admin::Ready, now);
    assert_eq!(counts(&mut picker, 30, now).len(), 3);
}

#[test]
fn below_the_panic_threshold_all_are_used_again() {
    let now = Instant::now();
    let cluster = cluster(&[1; 10], rules(Policy::Random), now);
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    (0..7).for_each(|server| _ = cluster.set_probe(ServerIndex(server), false, now));
    assert_eq!(counts(&mut picker, 300, now).len(), 3);
    assert!(!picker.panics());
    cluster.set_probe(ServerIndex(7), false, now);
    assert_eq!(counts(&mut picker, 300, now).len(), 10);
    assert!(picker.panics());
    (8..10).for_each(|server| _ = cluster.set_probe(ServerIndex(server), false, now));
    assert_eq!(counts(&mut picker, 300, now).len(), 10, "none is well: any may be");
}

#[test]
fn tiers_spill_what_they_cannot_take_and_backups_wait() {
    let now = Instant::now();
    let mut plans = plans(&[1; 10]);
    plans[4..8].iter_mut().for_each(|plan| plan.tier = 1);
    plans[8..].iter_mut().for_each(|plan| plan.is_backup = true);
    let cluster = Arc::new(Cluster::new(plans, rules(Policy::Random), None, now));
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    let mut share = |out: std::ops::Range<u32>, of: std::ops::Range<u32>| {
        (0..10).for_each(|at| _ = cluster.set_probe(ServerIndex(at), !out.contains(&at), now));
        let counts = counts(&mut picker, 10_000, now);
        of.map(|server| counts.get(&server).copied().unwrap_or(0)).sum::<usize>()
    };
    assert_eq!(share(0..0, 0..4), 10_000);
    assert_eq!(share(0..1, 0..4), 10_000, "three of four are enough");
    let first = share(0..2, 0..4);
    assert!((6_800..7_200).contains(&first), "half are good for 70 %: {first}");
    assert_eq!(share(0..4, 4..8), 10_000);
    assert_eq!(share(0..8, 8..10), 10_000);
}

#[test]
fn requests_stay_in_the_zone_that_can_take_them() {
    let now = Instant::now();
    let mut plans = plans(&[1; 8]);
    plans[..4].iter_mut().for_each(|plan| plan.is_near = true);
    let cluster = Arc::new(Cluster::new(plans, rules(Policy::Random), None, now));
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    let mut near = || {
        let counts = counts(&mut picker, 10_000, now);
        (0..4).map(|server| counts.get(&server).copied().unwrap_or(0)).sum::<usize>()
    };
    assert_eq!(near(), 10_000);
    (0..2).for_each(|server| _ = cluster.set_probe(ServerIndex(server), false, now));
    assert!((6_800..7_200).contains(&near()), "two of four are good for 70 %");
    (2..4).for_each(|server| _ = cluster.set_probe(ServerIndex(server), false, now));
    assert_eq!(near(), 0);
}

#[test]
fn who_has_recovered_warms_up() {
    let now = Instant::now();
    let slow = Rules { slow_start: seconds(60), ..rules(Policy::Random) };
    let cluster = cluster(&[1; 2], slow, now);
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    assert!(counts(&mut picker, 1_000, now)[&0] > 400, "at the start all are equal");
    cluster.set_probe(ServerIndex(0), false, now);
    let back = now + seconds(5);
    cluster.set_probe(ServerIndex(0), true, back);
    assert_eq!(cluster.standing(ServerIndex(0), back), Standing::Warming);
    let mut share = |after| counts(&mut picker, 10_000, back + seconds(after))[&0];
    let shares = [share(0), share(30), share(61)];
    assert!((600..1_200).contains(&shares[0]), "{shares:?}");
    assert!((2_900..3_800).contains(&shares[1]), "{shares:?}");
    assert!((4_700..5_300).contains(&shares[2]), "{shares:?}");
    assert_eq!(cluster.standing(ServerIndex(0), back + seconds(61)), Standing::Up);
}

#[test]
fn full_servers_get_no_more() {
    let now = Instant::now();
    for policy in POLICIES {
        let cluster = cluster(&[1; 4], Rules { active_max: 3, ..rules(policy) }, now);
        let mut picker = Picker::new(Arc::clone(&cluster), 0);
        for _ in 0..12 {
            assert!(pick(&mut picker, now).is_some(), "{policy:?}");
        }
        for server in 0..4 {
            assert_eq!(cluster.vitals(ServerIndex(server)).unwrap().active(), 3, "{policy:?}");
        }
        assert_eq!(picker.pick(now, None, &Tried::new()), Pick::Full, "{policy:?}");
        picker.release(ServerIndex(2));
        assert_eq!(pick(&mut picker, now), Some(2), "{policy:?}");
    }
}

#[test]
fn workers_see_what_the_others_do() {
    let now = Instant::now();
    let cluster = cluster(&[1; 4], rules(Policy::LeastRequests), now);
    let mut workers: Vec<_> =
        (0..4).map(|offset| Picker::new(Arc::clone(&cluster), offset)).collect();
    for _ in 0..100 {
        workers.iter_mut().for_each(|worker| _ = pick(worker, now));
    }
    for server in 0..4 {
        let active = cluster.vitals(ServerIndex(server)).unwrap().active();
        assert!((98..=102).contains(&active), "{active}");
    }
}

#[test]
fn one_that_leaves_moves_no_other_keys() {
    let now = Instant::now();
    for policy in [Policy::Hash, Policy::Maglev] {
        let find = |cluster: &Arc<Cluster>, key: u64| {
            let mut picker = Picker::new(Arc::clone(cluster), 0);
            (0..20_000)
                .map(|n| {
                    let pick =
                        picker.pick(now, Some(weir_balance::hash::mix(key + n)), &Tried::new());
                    let Pick::Server(server) = pick else { panic!("{pick:?}") };
                    picker.release(server);
                    cluster.vitals(server).unwrap().id()
                })
                .collect::<Vec<_>>()
        };
        let whole = cluster(&[1; 100], rules(policy), now);
        let before = find(&whole, 7);
        let gone = whole.vitals(ServerIndex(42)).unwrap().id();
        let moved = |after: &[u64]| {
            let others = before.iter().zip(after).filter(|(before, _)| **before != gone);
            others.filter(|(before, after)| before != after).count()
        };
        whole.set_probe(ServerIndex(42), false, now);
        assert_eq!(moved(&find(&whole, 7)), 0, "{policy:?}: out for a while");
        let mut rest = plans(&[1; 100]);
        rest.remove(42);
        let rest = Arc::new(Cluster::new(rest, rules(policy), None, now));
        let moved = moved(&find(&rest, 7));
        assert!(moved <= 400, "{policy:?}: removed, {moved} of 20,000 other keys moved");
    }
}

#[test]
fn a_hot_key_stays_within_the_bound() {
    let now = Instant::now();
    for policy in [Policy::Hash, Policy::Maglev] {
        let cluster = cluster(&[1; 10], rules(policy), now);
        let mut picker = Picker::new(Arc::clone(&cluster), 0);
        for count in 1..=1000_u32 {
            let pick = picker.pick(now, Some(1), &Tried::new());
            assert!(matches!(pick, Pick::Server(_)), "{pick:?}");
            let most = (f64::from(count) / 10.0 * 1.25).ceil() as u32;
            for server in 0..10 {
                let active = cluster.vitals(ServerIndex(server)).unwrap().active();
                assert!(active <= most, "{policy:?}: {active} of {count}, {most} at the most");
            }
        }
    }
}

#[test]
fn a_large_cluster_is_used_in_parts() {
    let now = Instant::now();
    let subset = |seed| {
        let rules = Rules { subset: 20, subset_seed: seed, ..rules(Policy::Random) };
        let cluster = cluster(&[1; 1000], rules, now);
        let used = counts(&mut Picker::new(Arc::clone(&cluster), 0), 2_000, now);
        (cluster, used)
    };
    let (cluster, one) = subset(1);
    let (_, other) = subset(2);
    assert_eq!((one.len(), other.len()), (20, 20));
    assert!(one.keys().filter(|server| other.contains_key(server)).count() < 10);
    let gone = *one.keys().next().unwrap();
    cluster.set_probe(ServerIndex(gone), false, now);
    let after = counts(&mut Picker::new(cluster, 0), 2_000, now);
    assert_eq!(after.len(), 20);
    assert_eq!(after.keys().filter(|server| one.contains_key(server)).count(), 19);
}

#[test]
fn what_is_known_outlives_a_change_of_servers() {
    let now = Instant::now();
    let before = cluster(&[1; 3], rules(Policy::RoundRobin), now);
    before.set_admin(ServerIndex(1), Admin::Drain, now);
    before.note(ServerIndex(2), Outcome::Unreachable, now);
    let after =
        Cluster::new(plans(&[1; 4])[1..].to_vec(), before.rules().clone(), Some(&before), now);
    assert_eq!(after.standing(ServerIndex(0), now), Standing::Draining);
    assert!(matches!(after.standing(ServerIndex(1), now), Standing::Ejected(..)));
    assert_eq!(after.standing(ServerIndex(2), now), Standing::Up);
    after.set_admin(ServerIndex(0), Admin::Ready, now);
    before.retire(&after);
    let late = counts(&mut Picker::new(before, 0), 100, now);
    assert_eq!(late.into_iter().collect::<Vec<_>>(), [(1, 100)], "not the one that has left");
}

#[test]
fn repeats_are_bounded_by_number_too() {
    let now = Instant::now();
    let cluster = cluster(&[1], Rules { repeating_max: 2, ..Rules::default() }, now);
    let later = now + seconds(100);
    assert!(cluster.begin_repeat(later) && cluster.begin_repeat(later));
    assert!(!cluster.begin_repeat(later));
    cluster.end_repeat();
    assert!(cluster.begin_repeat(later));
    assert!(cluster.begin_wait(1) && !cluster.begin_wait(1));
}

proptest! {
    /// Whatever happens to servers: who is picked may be picked, and nobody is picked that is
    /// down or weighs nothing, while there is anybody else.
    #[test]
    fn only_who_may_is_picked(
        policy in 0..POLICIES.len(),
        weights in proptest::collection::vec(0..5_u16, 1..12),
        events in proptest::collection::vec((0..12_u32, 0..6_u8), 0..40),
    ) {
        let now = Instant::now();
        let cluster = cluster(&weights, rules(POLICIES[policy]), now);
        let mut picker = Picker::new(Arc::clone(&cluster), 3);
        for (at, (server, event)) in (0..).zip(events) {
            let now = now + seconds(at);
            let server = ServerIndex(server);
            match event {
                0 => _ = cluster.note(server, Outcome::Unreachable, now),
                1 => _ = cluster.note(server, Outcome::Answered(Some(seconds(1))), now),
                2 => _ = cluster.set_probe(server, at % 2 == 0, now),
                3 => cluster.set_admin(server, Admin::Down, now),
                4 => cluster.set_admin(server, Admin::Ready, now),
                _ => cluster.set_weight(server, Some(at as u16 % 3)),
            }
            let may = |server: u32| {
                let server = ServerIndex(server);
                cluster.weight(server).is_some_and(|weight| weight > 0)
                    && cluster.vitals(server).unwrap().admin() == Admin::Ready
            };
            let any = (0..weights.len() as u32).any(may);
            let picked = pick(&mut picker, now);
            prop_assert_eq!(picked.is_some(), any);
            if let Some(server) = picked {
                prop_assert!(may(server));
            }
        }
    }
}
