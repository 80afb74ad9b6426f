//! What a connection may make us do for nothing: one account for every way to abuse HTTP/2.
//!
//! Frames that cost us work and bring no request nearer are charged; requests answered and bytes
//! moved earn. An honest client never comes near the end of it, whatever it mixes.

use std::time::Instant;

use super::frames::{Frame, kind};

/// A stream that the client opens and gives up (CVE-2023-44487).
const RESET: u32 = 10;

/// A stream that the client makes us reset (CVE-2025-8671).
const PROVOKED_RESET: u32 = 20;

/// A stream over the limit that the client has been told.
const REFUSED_STREAM: u32 = 5;

/// A request that is refused before it is one, as with fields over the limit.
pub(super) const REFUSED_REQUEST: u32 = 10;

/// A stream whose response the client does not take.
pub(super) const STALLED_STREAM: u32 = 100;

const SETTINGS: u32 = 20;
const EMPTY: u32 = 20;
const PING: u32 = 4;
const OTHER: u32 = 2;

/// For each DATA frame that we send: a client answers it with updates of its windows.
const EARNED_PER_DATA: u32 = 4;

/// For each answered request.
pub(super) const EARNED_PER_ANSWER: u32 = 5;

/// The account of one connection.
#[derive(Debug)]
pub(super) struct Budget {
    points: u32,
    points_max: u32,
    refill_per_s: u32,
    refilled: Instant,
}

impl Budget {
    /// A full account of `points_max`, regaining `refill_per_s` points a second.
    pub(super) fn new(points_max: u32, refill_per_s: u32, now: Instant) -> Self {
        Self { points: points_max, points_max, refill_per_s, refilled: now }
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.points == 0
    }

    /// Adds what is earned.
    pub(super) fn earn(&mut self, points: u32) {
        // What is spent stays spent: the connection is being closed.
        if self.points > 0 {
            self.points = self.points.saturating_add(points).min(self.points_max);
        }
    }

    /// Takes what something costs.
    pub(super) fn charge(&mut self, points: u32, now: Instant) {
        if points >= self.points {
            self.refill(now);
        }
        self.points = self.points.saturating_sub(points);
    }

    fn refill(&mut self, now: Instant) {
        let elapsed_ms = now.saturating_duration_since(self.refilled).as_millis();
        let gained = elapsed_ms * u128::from(self.refill_per_s) / 1000;
        if gained > 0 {
            self.refilled = now;
            self.earn(u32::try_from(gained).unwrap_or(u32::MAX));
        }
    }

    /// Charges for a frame of the client's.
    pub(super) fn received(&mut self, frame: Frame, now: Instant) {
        let cost = match frame.kind {
            kind::DATA if frame.length == 0 && !frame.has_first_flag() => EMPTY,
            kind::DATA => return self.earn(frame.length / 1024),
            kind::HEADERS => return,
            kind::RST_STREAM => RESET,
            kind::SETTINGS if !frame.has_first_flag() => SETTINGS,
            kind::PING => PING,
            kind::CONTINUATION if frame.length == 0 => EMPTY,
            kind::WINDOW_UPDATE => 1,
            _ => OTHER,
        };
        self.charge(cost, now);
    }

    /// Earns or charges for a frame of ours; `reason` is the code of a reset.
    pub(super) fn sent(&mut self, frame: Frame, reason: u32, now: Instant) {
        match frame.kind {
            kind::DATA => self.earn(EARNED_PER_DATA + frame.length / 1024),
            kind::RST_STREAM => match h2::Reason::from(reason) {
                h2::Reason::PROTOCOL_ERROR
                | h2::Reason::FLOW_CONTROL_ERROR
                | h2::Reason::STREAM_CLOSED
                | h2::Reason::FRAME_SIZE_ERROR => self.charge(PROVOKED_RESET, now),
                h2::Reason::REFUSED_STREAM => self.charge(REFUSED_STREAM, now),
                _ => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn frame(kind: u8, length: u32) -> Frame {
        Frame { length, kind, flags: 0, stream: 1 }
    }

    #[test]
    fn resets_run_up_and_time_pays_back() {
        let start = Instant::now();
        let mut budget = Budget::new(100, 10, start);
        (0..9).for_each(|_| budget.received(frame(kind::RST_STREAM, 4), start));
        assert!(!budget.is_spent());
        budget.received(frame(kind::RST_STREAM, 4), start + Duration::from_secs(1));
        assert!(!budget.is_spent(), "ten points came back in a second");
        budget.received(frame(kind::RST_STREAM, 4), start + Duration::from_secs(1));
        assert!(budget.is_spent());
    }

    #[test]
    fn what_is_spent_stays_spent() {
        let start = Instant::now();
        let mut budget = Budget::new(100, 10, start);
        budget.charge(1000, start);
        budget.earn(50);
        budget.charge(0, start + Duration::from_secs(60));
        assert!(budget.is_spent());
    }

    #[test]
    fn window_updates_are_paid_for_by_the_data_they_answer() {
        let start = Instant::now();
        let mut budget = Budget::new(100, 1, start);
        for _ in 0..10_000 {
            budget.sent(frame(kind::DATA, 100), 0, start);
            (0..3).for_each(|_| budget.received(frame(kind::WINDOW_UPDATE, 4), start));
        }
        assert!(!budget.is_spent());
    }

    #[test]
    fn only_resets_that_the_client_provokes_are_charged() {
        let start = Instant::now();
        let mut budget = Budget::new(100, 1, start);
        for reason in [h2::Reason::NO_ERROR, h2::Reason::CANCEL, h2::Reason::INTERNAL_ERROR] {
            (0..100).for_each(|_| budget.sent(frame(kind::RST_STREAM, 4), reason.into(), start));
        }
        assert!(!budget.is_spent());
        let provoked = h2::Reason::PROTOCOL_ERROR.into();
        (0..5).for_each(|_| budget.sent(frame(kind::RST_STREAM, 4), provoked, start));
        assert!(budget.is_spent());
    }
}
