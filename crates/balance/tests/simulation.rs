//! Clusters under load in virtual time: seeded, so that every run is the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_balance::{
    Allowance, Cause, Cluster, EjectRules, HedgeRules, MemberPlan, Outcome, Pick, Picker, Policy,
    Random, Rules, ServerIndex, Tried,
};

/// What a server does with a request: the time it takes, and whether it answers.
type Behaviour = fn(server: u32, now_ms: u64, random: &mut Random) -> (u64, bool);

/// End of a request in microseconds, its worker, server, beginning and success.
type Running = (u64, usize, u32, u64, bool);

/// A cluster with its workers and the requests that run.
struct World {
    cluster: Arc<Cluster>,
    workers: Vec<Picker>,
    start: Instant,
    now_us: u64,
    running: BinaryHeap<Reverse<Running>>,
    random: Random,
    /// Times of those that ended, in microseconds.
    took_us: Vec<u64>,
    failed: usize,
    sent: usize,
}

impl World {
    fn new(servers: usize, workers: u32, rules: Rules) -> Self {
        let start = Instant::now();
        let plans = (0..servers).map(|at| MemberPlan::new(&format!("s{at}"), 1)).collect();
        let cluster = Arc::new(Cluster::new(plans, rules, None, start));
        let workers = (0..workers).map(|at| Picker::new(Arc::clone(&cluster), at)).collect();
        Self {
            cluster,
            workers,
            start,
            now_us: 0,
            running: BinaryHeap::new(),
            random: Random::new(42),
            took_us: Vec::new(),
            failed: 0,
            sent: 0,
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    /// Ends what is over by now.
    fn settle(&mut self) {
        while let Some(Reverse((end_us, worker, server, began_us, good))) = self.running.peek() {
            if *end_us > self.now_us {
                return;
            }
            let (worker, server, took_us, good) =
                (*worker, ServerIndex(*server), end_us - began_us, *good);
            let at = self.start + Duration::from_micros(*end_us);
            self.running.pop();
            let took = Duration::from_micros(took_us);
            let outcome = if good { Outcome::Answered(Some(took)) } else { Outcome::Failed(took) };
            self.cluster.note(server, outcome, at);
            self.workers[worker].release(server);
            self.took_us.push(took_us);
            self.failed += usize::from(!good);
        }
    }

    /// Sends a request now, on any worker.
    fn send(&mut self, behaviour: Behaviour) -> u32 {
        let worker = self.random.below(self.workers.len());
        let now = self.now();
        let Pick::Server(server) = self.workers[worker].pick(now, None, &Tried::new()) else {
            panic!("no server");
        };
        let (takes_us, good) = behaviour(server.0, self.now_us / 1000, &mut self.random);
        self.sent += 1;
        self.running.push(Reverse((self.now_us + takes_us, worker, server.0, self.now_us, good)));
        server.0
    }

    /// Lets requests come at this rate for this time. Returns how many each server got.
    fn load(&mut self, per_s: u64, for_s: u64, behaviour: Behaviour) -> Vec<usize> {
        let mut counts = vec![0; self.cluster.len()];
        for _ in 0..per_s * for_s {
            // Arrivals as of many independent clients.
            self.now_us += ((-(1.0 - self.random.unit()).ln()) * 1e6 / per_s as f64) as u64;
            self.settle();
            let now = self.now();
            self.cluster.compare(now);
            counts[self.send(behaviour) as usize] += 1;
        }
        counts
    }

    fn p99_us(&mut self) -> u64 {
        self.took_us.sort_unstable();
        self.took_us[self.took_us.len() * 99 / 100]
    }
}

fn rules(policy: Policy) -> Rules {
    Rules { policy, ..Rules::default() }
}

#[test]
fn a_server_ten_times_slower_spoils_the_tail_of_turns_and_not_of_choices() {
    let slow: Behaviour = |server, _, random| {
        let spread = 500 + random.below(1000) as u64;
        (if server == 0 { 20 * spread } else { 2 * spread }, true)
    };
    let p99 = |policy| {
        let mut world = World::new(10, 4, rules(policy));
        world.load(2_000, 30, slow);
        world.p99_us()
    };
    let (turns, choices) = (p99(Policy::RoundRobin), p99(Policy::P2c));
    assert!(choices * 2 <= turns, "{choices} us, {turns} us by turns");
    let least = p99(Policy::LeastRequests);
    assert!(least <= turns, "{least} us");
}

/// It accepts and never answers: what it gets ends in a time-out.
#[test]
fn a_half_dead_server_is_found_out() {
    let half_dead: Behaviour = |server, _, random| {
        if server == 3 { (2_000_000, false) } else { (1_000 + random.below(1000) as u64, true) }
    };
    let eject = EjectRules { consecutive_errors: 5, ..EjectRules::default() };
    let mut world = World::new(10, 4, Rules { eject, ..rules(Policy::P2c) });
    let counts = world.load(1_000, 60, half_dead);
    let got = counts[3] as f64 / 60_000.0;
    assert!(got < 0.005, "{got} of all requests");
    let vitals = world.cluster.vitals(ServerIndex(3)).unwrap();
    assert!(vitals.ejections_total(Cause::ConsecutiveErrors) > 0 || counts[3] < 60);
}

#[test]
fn a_server_that_flaps_stays_out_for_longer_and_longer() {
    let flapping: Behaviour = |server, now_ms, _| (1_000, server != 0 || now_ms % 4000 < 2000);
    let eject =
        EjectRules { consecutive_errors: 3, base: Duration::from_secs(1), ..EjectRules::default() };
    let mut world = World::new(5, 2, Rules { eject, ..rules(Policy::RoundRobin) });
    world.load(500, 20, flapping);
    let early = world.failed;
    world.load(500, 100, flapping);
    let late = (world.failed - early) / 5;
    assert!(early > 0 && late * 2 <= early, "{early} in the first 20 s, then {late} in each 20 s");
}

#[test]
fn when_every_server_fails_half_the_time_retries_stay_in_the_budget() {
    let repeats = Allowance { percent: 20, per_s_min: 10 };
    let cluster = World::new(3, 1, Rules { repeats, ..Rules::default() }).cluster;
    let start = Instant::now();
    let mut random = Random::new(1);
    let (mut clients, mut sent) = (0_u32, 0_u32);
    for ms in 0..60_000_u64 {
        let now = start + Duration::from_millis(ms);
        clients += 1;
        cluster.deposit();
        sent += 1;
        for _ in 0..2 {
            if random.below(2) == 0 || !cluster.begin_repeat(now) {
                break;
            }
            cluster.end_repeat();
            sent += 1;
        }
    }
    let extra = f64::from(sent - clients) / f64::from(clients);
    // A fifth, and ten a second of a thousand.
    assert!((0.19..0.215).contains(&extra), "{extra} more than the clients sent");
}

#[test]
fn a_server_that_recovers_is_not_run_over() {
    let rules = Rules { slow_start: Duration::from_secs(10), ..rules(Policy::P2c) };
    let mut world = World::new(10, 4, rules);
    let fast: Behaviour = |_, _, random| (1_000 + random.below(500) as u64, true);
    world.load(2_000, 5, fast);
    let now = world.now();
    world.cluster.set_probe(ServerIndex(0), false, now);
    assert_eq!(world.load(2_000, 5, fast)[0], 0);
    let now = world.now();
    world.cluster.set_probe(ServerIndex(0), true, now);
    let first = world.load(2_000, 1, fast)[0];
    assert!((5..100).contains(&first), "{first} in the first second, 200 is its share");
    world.load(2_000, 10, fast);
    let whole = world.load(2_000, 5, fast)[0];
    assert!((700..1_300).contains(&whole), "{whole} in five seconds, 1,000 is its share");
}

#[test]
fn workers_do_not_herd() {
    let mut world = World::new(8, 16, rules(Policy::LeastRequests));
    let steady: Behaviour = |_, _, _| (50_000, true);
    let mut most = 0;
    for _ in 0..4_000 {
        world.now_us += 500;
        world.settle();
        world.send(steady);
        let active = |at| world.cluster.vitals(ServerIndex(at)).unwrap().active();
        let loads: Vec<_> = (0..8).map(active).collect();
        most = most.max(loads.iter().max().unwrap() - loads.iter().min().unwrap());
    }
    assert!(most <= 6, "loads differ by {most}");
}

/// How long requests take, and how many second servers were asked, where any server is slow once
/// in a while.
fn hedged(hedge: Option<HedgeRules>, slow_in_a_hundred: usize) -> (Vec<u64>, usize) {
    let plans = (0..5).map(|at| MemberPlan::new(&format!("s{at}"), 1)).collect();
    let start = Instant::now();
    let cluster = Arc::new(Cluster::new(plans, Rules { hedge, ..Rules::default() }, None, start));
    let mut picker = Picker::new(Arc::clone(&cluster), 0);
    let mut random = Random::new(7);
    let (mut took_us, mut seconds) = (Vec::new(), 0);
    let mut time_us = |_: ServerIndex| {
        let usual = 1_000 + random.below(1_000) as u64;
        if random.below(100) < slow_in_a_hundred { 50 * usual } else { usual }
    };
    for at in 0..50_000_u64 {
        let now = start + Duration::from_micros(at * 200);
        let mut pick = |tried: &Tried| match picker.pick(now, None, tried) {
            Pick::Server(server) => server,
            other => panic!("{other:?}"),
        };
        let mut tried = Tried::new();
        let first = pick(&tried);
        let first_us = time_us(first);
        cluster.deposit();
        let after_us = cluster.hedge_after().map(|after| after.as_micros() as u64);
        let mut best_us = first_us;
        if let Some(after_us) = after_us.filter(|after_us| first_us > *after_us)
            && cluster.begin_hedge(now)
        {
            tried.add(first);
            let second = pick(&tried);
            assert_ne!(second, first);
            seconds += 1;
            let second_us = time_us(second);
            best_us = first_us.min(after_us + second_us);
            let second_took = Duration::from_micros(second_us.min(best_us - after_us));
            cluster.note(second, Outcome::Late(second_took), now);
            picker.release(second);
        }
        let outcome = Duration::from_micros(best_us);
        let is_late = best_us < first_us;
        let of_first =
            if is_late { Outcome::Late(outcome) } else { Outcome::Answered(Some(outcome)) };
        cluster.note(first, of_first, now);
        picker.release(first);
        took_us.push(best_us);
    }
    took_us.sort_unstable();
    (took_us, seconds)
}

const HEDGE: HedgeRules =
    HedgeRules { after_percent: 95, budget: Allowance { percent: 5, per_s_min: 0 } };

#[test]
fn a_second_server_saves_the_tail_for_a_few_requests_more() {
    let p99 = |took_us: &[u64]| took_us[took_us.len() * 99 / 100];
    let (alone, none) = hedged(None, 3);
    let (with, seconds) = hedged(Some(HEDGE), 3);
    assert_eq!(none, 0);
    assert!(p99(&with) * 2 < p99(&alone), "{} of {}", p99(&with), p99(&alone));
    assert!((500..=50_000 / 20 + 50).contains(&seconds), "{seconds}");
}

#[test]
fn when_every_server_is_slow_second_ones_stay_within_the_budget() {
    let (_, seconds) = hedged(Some(HEDGE), 60);
    assert!(seconds <= 50_000 / 20 + 50, "{seconds}");
}
