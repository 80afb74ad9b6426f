//! Passive health: servers that fail are avoided for a while, each time for longer.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::cluster::Cluster;
use crate::outlier::{self, Sample};
use crate::vitals::{Cause, Vitals};
use crate::{Outcome, ServerIndex};

/// When a server is avoided, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EjectRules {
    /// Failed requests in a row; 0 for never.
    pub consecutive_errors: u32,
    /// Attempts in a row that could not reach it; 0 for never.
    pub connect_failures: u32,
    /// How long the first time. Each further time doubles it.
    pub base: Duration,
    /// How long at the most.
    pub max: Duration,
    /// Share of the servers, in percent, that may be avoided because of failed requests. One that
    /// cannot be reached is avoided all the same.
    pub max_percent: u32,
    /// How often servers are compared with their peers.
    pub interval: Duration,
    /// Percentage points by which its success rate may lie below the mean; 0 for any.
    pub success_rate_points: u32,
    /// Times the median by which it may be slower, in percent; 0 for any.
    pub latency_percent: u32,
    /// Requests in an interval without which a server is not compared.
    pub volume_min: u32,
}

impl Default for EjectRules {
    fn default() -> Self {
        Self {
            consecutive_errors: 0,
            connect_failures: 1,
            base: Duration::from_secs(10),
            max: Duration::from_mins(5),
            max_percent: 50,
            interval: Duration::from_secs(10),
            success_rate_points: 0,
            latency_percent: 0,
            volume_min: 50,
        }
    }
}

/// What a failed request counts for at the least when latencies are compared, in microseconds.
const ERROR_US_MIN: u64 = 100_000;

/// What a server that could not be reached counts for, in microseconds.
const UNREACHABLE_US: u64 = 1_000_000;

impl Cluster {
    /// Takes note of how a request went on a server. Returns why the server is avoided from now
    /// on, if it is.
    pub fn note(&self, server: ServerIndex, outcome: Outcome, now: Instant) -> Option<Cause> {
        let vitals = self.vitals(server)?;
        let now_ms = self.ms(now);
        match outcome {
            Outcome::Answered(took) => {
                if let Some(took) = took {
                    self.note_took(vitals, took, now_ms);
                }
                vitals.requests.fetch_add(1, Relaxed);
                self.note_well(vitals);
                None
            }
            // Whether it would have answered nobody knows.
            Outcome::Late(took) => {
                self.note_took(vitals, took, now_ms);
                None
            }
            Outcome::Failed(took) => {
                let known_us = vitals.latency().us(now_ms);
                let counts_us = micros(took).max(known_us.saturating_mul(2)).max(ERROR_US_MIN);
                vitals.latency().note(counts_us, now_ms);
                vitals.requests.fetch_add(1, Relaxed);
                vitals.errors.fetch_add(1, Relaxed);
                vitals.unreached_in_a_row.store(0, Relaxed);
                let row = vitals.errors_in_a_row.fetch_add(1, Relaxed).saturating_add(1);
                let most = self.rules.eject.consecutive_errors;
                let is_due = most > 0 && row >= most && self.may_eject(now_ms);
                self.eject_if(is_due, (server, Cause::ConsecutiveErrors), now_ms)
            }
            Outcome::Unreachable => {
                vitals.latency().note(UNREACHABLE_US, now_ms);
                let row = vitals.unreached_in_a_row.fetch_add(1, Relaxed).saturating_add(1);
                let most = self.rules.eject.connect_failures;
                self.eject_if(most > 0 && row >= most, (server, Cause::Unreachable), now_ms)
            }
        }
    }

    fn note_took(&self, vitals: &Vitals, took: Duration, now_ms: u64) {
        let took_us = micros(took);
        self.note_wait(took);
        vitals.latency().note(took_us, now_ms);
        vitals.latency_sum_us.fetch_add(took_us, Relaxed);
        vitals.timed.fetch_add(1, Relaxed);
    }

    fn note_well(&self, vitals: &Vitals) {
        // Reading is cheap, and writing what is there already is not.
        if vitals.errors_in_a_row.load(Relaxed) > 0 {
            vitals.errors_in_a_row.store(0, Relaxed);
        }
        if vitals.unreached_in_a_row.load(Relaxed) > 0 {
            vitals.unreached_in_a_row.store(0, Relaxed);
            // Asked as a last resort, and reached: it need not wait for its time.
            if vitals.cause() == Cause::Unreachable && vitals.readmit() {
                self.touch();
            }
        }
    }

    /// Compares the servers with each other, once in an interval; whichever worker comes first
    /// does it. Returns those that are avoided from now on.
    pub fn compare(&self, now: Instant) -> Vec<(ServerIndex, Cause)> {
        let rules = &self.rules.eject;
        let now_ms = self.ms(now);
        let last_ms = self.shared.analysed_ms.load(Relaxed);
        let due_ms = last_ms.saturating_add(u64::try_from(rules.interval.as_millis()).unwrap_or(0));
        let taken = || self.shared.analysed_ms.compare_exchange(last_ms, now_ms, Relaxed, Relaxed);
        if now_ms < due_ms || taken().is_err() {
            return Vec::new();
        }
        let samples: Vec<_> =
            self.members.iter().map(|member| take_sample(&member.vitals)).collect();
        for member in &self.members {
            let vitals = &member.vitals;
            if vitals.ejected_until_ms(now_ms).is_none() {
                let forgiven = vitals.ejections.load(Relaxed).saturating_sub(1);
                vitals.ejections.store(forgiven, Relaxed);
            }
        }
        let mut ejected = Vec::new();
        for (at, cause) in outlier::find(&samples, rules) {
            let server = ServerIndex(u32::try_from(at).unwrap_or(u32::MAX));
            let is_due = self.may_eject(now_ms);
            ejected.extend(
                self.eject_if(is_due, (server, cause), now_ms).map(|cause| (server, cause)),
            );
        }
        ejected
    }

    fn eject_if(
        &self,
        is_due: bool,
        (server, cause): (ServerIndex, Cause),
        now_ms: u64,
    ) -> Option<Cause> {
        if !is_due {
            return None;
        }
        let vitals = self.vitals(server)?;
        let rules = &self.rules.eject;
        let times = vitals.ejections.load(Relaxed).min(20);
        let time = rules.base.saturating_mul(1 << times).min(rules.max.max(rules.base));
        let until_ms = now_ms.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        if !vitals.eject(cause, (now_ms, until_ms)) {
            return None;
        }
        self.touch();
        Some(cause)
    }

    /// Whether another server may be avoided because of its errors.
    fn may_eject(&self, now_ms: u64) -> bool {
        let out = |vitals: &Vitals| vitals.ejected_until_ms(now_ms).is_some();
        let ejected = self.members.iter().filter(|member| out(&member.vitals)).count();
        let percent = u64::from(self.rules.eject.max_percent);
        (ejected as u64 + 1) * 100 <= percent * self.members.len() as u64
    }
}

fn take_sample(vitals: &Vitals) -> Sample {
    Sample {
        requests: vitals.requests.swap(0, Relaxed),
        errors: vitals.errors.swap(0, Relaxed),
        timed: vitals.timed.swap(0, Relaxed),
        latency_sum_us: vitals.latency_sum_us.swap(0, Relaxed),
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
