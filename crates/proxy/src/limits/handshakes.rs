//! How many TLS handshakes a client may begin in a second.
//!
//! A handshake costs us more than the client, so they are counted before they begin. The counts
//! are a sketch of fixed size: however many clients come, it never grows, and a client is only
//! turned away when it is over the rate in both rows.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use foldhash::quality::RandomState;

/// Counters of one row.
const SLOTS: usize = 8192;

/// Handshakes begun in the current second, by client.
#[derive(Debug)]
pub(super) struct Handshakes {
    rows: [Row; 2],
}

#[derive(Debug)]
struct Row {
    hasher: RandomState,
    /// The second in the upper half, the count in the lower.
    slots: Box<[AtomicU64]>,
}

impl Default for Handshakes {
    fn default() -> Self {
        let row = || Row {
            hasher: RandomState::default(),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        };
        Self { rows: [row(), row()] }
    }
}

impl Handshakes {
    /// Counts one more; `false` when that is more than `per_s_max` in the second of `now`.
    pub(super) fn allow(&self, client: IpAddr, per_s_max: u32, now: Duration) -> bool {
        let counts = self.rows.each_ref().map(|row| row.count(client, now.as_secs() as u32));
        counts.into_iter().min().unwrap_or(0) <= per_s_max
    }
}

impl Row {
    fn count(&self, client: IpAddr, second: u32) -> u32 {
        let at = self.hasher.hash_one(client) as usize % SLOTS;
        let Some(slot) = self.slots.get(at) else { return 0 };
        let next = |before: u64| match before {
            before if (before >> 32) as u32 == second => before.saturating_add(1),
            _ => u64::from(second) << 32 | 1,
        };
        let before = slot.fetch_update(Relaxed, Relaxed, |before| Some(next(before)));
        next(before.unwrap_or_else(|unchanged| unchanged)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_own_rate_and_gets_it_back() {
        let handshakes = Handshakes::default();
        let now = Duration::from_secs(1_000_000);
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        assert!((0..3).all(|_| handshakes.allow(one, 3, now)));
        assert!(!handshakes.allow(one, 3, now));
        assert!(handshakes.allow(other, 3, now));
        assert!(handshakes.allow(one, 3, now + Duration::from_secs(1)));
    }
}
