//! What the configuration says of balancing, as crate `balance` takes it.

use balance::{Allowance, EjectRules, HedgeRules, Policy, Rules};

/// The rules of an upstream.
pub(super) fn rules(upstream: &config::Upstream) -> Rules {
    let retry = &upstream.retry;
    Rules {
        policy: policy(upstream.balance.policy),
        active_max: upstream.connections.max,
        eject: eject(&upstream.eject),
        slow_start: upstream.slow_start,
        panic_percent: upstream.panic_percent,
        bound_percent: upstream.balance.bound_percent,
        subset: upstream.subset as usize,
        subset_seed: if upstream.subset > 0 { balance::hash::stable(&machine()) } else { 0 },
        repeats: Allowance { percent: retry.budget_percent, per_s_min: retry.budget_per_s_min },
        repeating_max: upstream.circuit_breaker.retries_max,
        hedge: upstream.hedge.as_ref().map(hedge),
    }
}

fn hedge(hedge: &config::Hedge) -> HedgeRules {
    // Little traffic has few late requests: nothing is given beside the share.
    let budget = Allowance { percent: hedge.budget_percent, per_s_min: 0 };
    HedgeRules { after_percent: hedge.after_percent, budget }
}

/// What tells this machine from others.
fn machine() -> Vec<u8> {
    rustix::system::uname().nodename().to_bytes().to_vec()
}

fn policy(policy: config::Policy) -> Policy {
    match policy {
        config::Policy::P2c => Policy::P2c,
        config::Policy::RoundRobin => Policy::RoundRobin,
        config::Policy::LeastRequests => Policy::LeastRequests,
        config::Policy::Random => Policy::Random,
        config::Policy::First => Policy::First,
        config::Policy::Hash => Policy::Hash,
        config::Policy::Maglev => Policy::Maglev,
    }
}

fn eject(eject: &config::Eject) -> EjectRules {
    EjectRules {
        consecutive_errors: eject.consecutive_errors,
        connect_failures: eject.connect_failures,
        base: eject.base,
        max: eject.max,
        max_percent: eject.max_percent,
        interval: eject.interval,
        success_rate_points: eject.success_rate_points,
        latency_percent: eject.latency_percent,
        volume_min: eject.volume_min,
    }
}
