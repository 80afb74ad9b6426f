//! What a pick costs with ten, a thousand and ten thousand servers, by policy:
//! `cargo run --release -p weir-balance --example pick_scale`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use weir_balance::{Cluster, MemberPlan, Pick, Picker, Policy, Rules, Tried, hash};

const PICKS: u64 = 200_000;
const ROUNDS: usize = 9;

/// Requests that run while others are picked.
const RUNNING: usize = 64;

const POLICIES: [(&str, Policy); 7] = [
    ("p2c", Policy::P2c),
    ("round-robin", Policy::RoundRobin),
    ("least-requests", Policy::LeastRequests),
    ("random", Policy::Random),
    ("first", Policy::First),
    ("hash", Policy::Hash),
    ("maglev", Policy::Maglev),
];

fn main() {
    println!("| ns a pick and release | 10 servers | 1,000 | 10,000 |");
    println!("|---|---:|---:|---:|");
    for (name, policy) in POLICIES {
        let costs = [10, 1_000, 10_000].map(|servers| cost_ns(policy, servers));
        println!("| {name} | {:.0} | {:.0} | {:.0} |", costs[0], costs[1], costs[2]);
    }
}

/// The fastest of several rounds.
fn cost_ns(policy: Policy, servers: u32) -> f64 {
    let plans =
        (0..servers).map(|at| MemberPlan::new(&format!("10.0.0.{at}:80"), 1 + at as u16 % 3));
    let rules = Rules { policy, active_max: 1_000, ..Rules::default() };
    let now = Instant::now();
    let cluster = Arc::new(Cluster::new(plans.collect(), rules, None, now));
    let mut picker = Picker::new(cluster, 0);
    let mut running = std::collections::VecDeque::with_capacity(RUNNING + 1);
    let mut fastest = f64::MAX;
    for round in 0..ROUNDS {
        let began = Instant::now();
        for pick in 0..PICKS {
            let key = hash::mix(pick + round as u64);
            if let Pick::Server(server) = picker.pick(now, Some(key), &Tried::new()) {
                running.push_back(black_box(server));
            }
            if running.len() > RUNNING
                && let Some(server) = running.pop_front()
            {
                picker.release(server);
            }
        }
        fastest = fastest.min(began.elapsed().as_nanos() as f64 / PICKS as f64);
    }
    fastest
}
