//! What all workers, the probes and the operator know of one server. Atomic numbers, no lock.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::hash;
use crate::latency::Latency;

/// What the operator wants of a server. Outlives reloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admin {
    /// It takes requests if it is well.
    #[default]
    Ready,
    /// It takes no new ones, but those of clients that are bound to it by a cookie.
    Drain,
    /// It takes none.
    Down,
}

impl Admin {
    /// The word that the admin API uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Down => "down",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Ready, Self::Drain, Self::Down].into_iter().find(|state| state.word() == word)
    }
}

/// Why a server was taken out for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It could not be reached.
    Unreachable,
    /// It failed several times in a row.
    ConsecutiveErrors,
    /// It fails more often than its peers.
    SuccessRate,
    /// It is much slower than its peers.
    Latency,
}

impl Cause {
    /// All of them, in the order of their metric labels.
    pub const ALL: [Self; 4] =
        [Self::Unreachable, Self::ConsecutiveErrors, Self::SuccessRate, Self::Latency];

    /// The label in metrics, logs and the admin API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::ConsecutiveErrors => "consecutive-errors",
            Self::SuccessRate => "success-rate",
            Self::Latency => "latency",
        }
    }
}

/// Whether a server gets requests, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It gets its share.
    Up,
    /// It gets less than its share until it has warmed up.
    Warming,
    /// A probe says that it is not well.
    Failing,
    /// It is avoided for this long because of what requests met with.
    Ejected(Cause, Duration),
    /// The operator drains it.
    Draining,
    /// The operator has taken it out.
    Down,
}

/// No weight but the configured one.
const NO_WEIGHT: u32 = u32::MAX;

/// One server. Found again by its id when the configuration changes.
#[derive(Debug)]
pub struct Vitals {
    id: u64,
    active: AtomicU32,
    latency: Latency,
    admin: AtomicU8,
    is_failing: AtomicBool,
    weight: AtomicU32,
    pub(crate) errors_in_a_row: AtomicU32,
    pub(crate) unreached_in_a_row: AtomicU32,
    /// How often it was ejected lately: each time doubles the next.
    pub(crate) ejections: AtomicU32,
    ejections_total: [AtomicU64; Cause::ALL.len()],
    cause: AtomicU8,
    ejected_until_ms: AtomicU64,
    /// When it began to take requests, for the slow start; 0 for one that always did.
    pub(crate) up_since_ms: AtomicU64,
    /// Of the running interval, for comparison with its peers.
    pub(crate) requests: AtomicU32,
    pub(crate) errors: AtomicU32,
    pub(crate) timed: AtomicU32,
    pub(crate) latency_sum_us: AtomicU64,
}

impl Vitals {
    /// A server that nothing is known of. `label` tells it apart from its peers and stays the
    /// same for as long as it is the same server.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self {
            id: hash::stable(label.as_bytes()),
            active: AtomicU32::new(0),
            latency: Latency::default(),
            admin: AtomicU8::new(0),
            is_failing: AtomicBool::new(false),
            weight: AtomicU32::new(NO_WEIGHT),
            errors_in_a_row: AtomicU32::new(0),
            unreached_in_a_row: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejections_total: std::array::from_fn(|_| AtomicU64::new(0)),
            cause: AtomicU8::new(0),
            ejected_until_ms: AtomicU64::new(0),
            up_since_ms: AtomicU64::new(0),
            requests: AtomicU32::new(0),
            errors: AtomicU32::new(0),
            timed: AtomicU32::new(0),
            latency_sum_us: AtomicU64::new(0),
        }
    }

    /// The stable number of this server.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Requests on it now, over all workers.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Relaxed)
    }

    /// A request goes to it.
    pub fn begin(&self) {
        self.active.fetch_add(1, Relaxed);
    }

    /// A request has left it.
    pub fn end(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// Its latency.
    #[must_use]
    pub const fn latency(&self) -> &Latency {
        &self.latency
    }

    /// What the operator wants of it.
    #[must_use]
    pub fn admin(&self) -> Admin {
        match self.admin.load(Relaxed) {
            0 => Admin::Ready,
            1 => Admin::Drain,
            _ => Admin::Down,
        }
    }

    pub(crate) fn set_admin(&self, admin: Admin) {
        self.admin.store(admin as u8, Relaxed);
    }

    /// Whether probes say that it is not well.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Relaxed)
    }

    pub(crate) fn set_failing(&self, is_failing: bool) -> bool {
        self.is_failing.swap(is_failing, Relaxed) != is_failing
    }

    /// The weight that the operator gave it while running, if any.
    #[must_use]
    pub fn weight(&self) -> Option<u16> {
        u16::try_from(self.weight.load(Relaxed)).ok()
    }

    pub(crate) fn set_weight(&self, weight: Option<u16>) {
        self.weight.store(weight.map_or(NO_WEIGHT, u32::from), Relaxed);
    }

    /// Until when it is ejected, where it is.
    #[must_use]
    pub fn ejected_until_ms(&self, now_ms: u64) -> Option<u64> {
        let until_ms = self.ejected_until_ms.load(Relaxed);
        (until_ms > now_ms).then_some(until_ms)
    }

    /// Whether an ejection has been decided and not been lifted, though its time may be over.
    pub(crate) fn was_ejected(&self) -> bool {
        self.ejected_until_ms.load(Relaxed) > 0
    }

    /// Why it was ejected the last time.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let at = usize::from(self.cause.load(Relaxed));
        Cause::ALL.get(at).copied().unwrap_or(Cause::Unreachable)
    }

    /// Ejections of that cause so far.
    #[must_use]
    pub fn ejections_total(&self, cause: Cause) -> u64 {
        self.ejections_total.get(cause as usize).map_or(0, |total| total.load(Relaxed))
    }

    /// Begins an ejection; `false` when another worker has done so already.
    pub(crate) fn eject(&self, cause: Cause, (now_ms, until_ms): (u64, u64)) -> bool {
        let known_ms = self.ejected_until_ms.load(Relaxed);
        let is_out = known_ms > now_ms;
        let swap = || self.ejected_until_ms.compare_exchange(known_ms, until_ms, Relaxed, Relaxed);
        if is_out || swap().is_err() {
            return false;
        }
        self.cause.store(cause as u8, Relaxed);
        self.ejections.fetch_add(1, Relaxed);
        if let Some(total) = self.ejections_total.get(cause as usize) {
            total.fetch_add(1, Relaxed);
        }
        true
    }

    /// Ends an ejection, or forgets one that is over. Returns whether there was any.
    pub(crate) fn readmit(&self) -> bool {
        self.ejected_until_ms.swap(0, Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ejection_is_begun_once() {
        let vitals = Vitals::new("a");
        assert!(vitals.eject(Cause::Latency, (100, 200)));
        assert!(!vitals.eject(Cause::Unreachable, (150, 900)));
        assert_eq!(vitals.ejected_until_ms(150), Some(200));
        assert_eq!(vitals.cause(), Cause::Latency);
        assert_eq!(vitals.ejected_until_ms(200), None);
        assert!(vitals.was_ejected());
        assert!(vitals.eject(Cause::Unreachable, (200, 300)), "its time was over");
        assert_eq!(vitals.ejections_total(Cause::Latency), 1);
        assert!(vitals.readmit() && !vitals.readmit());
    }

    #[test]
    fn words_lead_back_to_states() {
        for state in [Admin::Ready, Admin::Drain, Admin::Down] {
            assert_eq!(Admin::of(state.word()), Some(state));
        }
        assert_eq!(Admin::of("maint"), None);
    }
}
