//! What single probes of a server mean: enough of one kind in a row change its standing.

use std::time::Duration;

/// When a server counts as up or down, and how often it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Passed probes in a row that bring a server back.
    pub healthy: u32,
    /// Failed probes in a row that take it out.
    pub unhealthy: u32,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// The same while the last results contradict the standing, so that it is soon settled.
    pub fast_interval: Duration,
    /// Up to this part of a wait is left out by chance, so that probes do not go in step.
    pub jitter_percent: u32,
    /// What holds before the first verdict.
    pub initial: Initial,
}

/// The standing of a server that no probe has said anything of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    /// It is used at once.
    #[default]
    Up,
    /// It is used once it has passed often enough.
    Down,
    /// It is down until its first probe, which decides alone.
    Probe,
}

/// Whether a server may be used, as far as its probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Up,
    /// It may not.
    Down,
}

/// What the probes of one server have said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeState {
    standing: Standing,
    /// A verdict was reached; until then the standing is that of [`Initial`].
    is_decided: bool,
    /// The last results in a row that speak against the standing, or for the first verdict.
    streak: u32,
    last_passed: bool,
}

impl Rules {
    /// How long the first probe is put off; `random` is a number of the whole range. A server
    /// that waits for its verdict is asked at once.
    #[must_use]
    pub fn first_wait(&self, random: u32) -> Duration {
        match self.initial {
            Initial::Up => part(self.fast_interval.min(self.interval), random),
            Initial::Down | Initial::Probe => Duration::ZERO,
        }
    }
}

impl ProbeState {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        let standing = match rules.initial {
            Initial::Up => Standing::Up,
            Initial::Down | Initial::Probe => Standing::Down,
        };
        Self { standing, is_decided: false, streak: 0, last_passed: false }
    }

    /// Whether the server may be used.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether probes have come to a verdict yet.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.is_decided
    }

    /// Takes note of a probe. Answers a verdict when one is reached: another standing than
    /// before, or the first time that probes confirm that a server is down.
    pub fn note(&mut self, rules: &Rules, passed: bool) -> Option<Standing> {
        let says = if passed { Standing::Up } else { Standing::Down };
        let is_row = std::mem::replace(&mut self.last_passed, passed) == passed;
        if self.is_decided && says == self.standing {
            self.streak = 0;
            return None;
        }
        self.streak = if is_row { self.streak.saturating_add(1) } else { 1 };
        let needed = match says {
            _ if !self.is_decided && rules.initial == Initial::Probe => 1,
            Standing::Up => rules.healthy,
            Standing::Down => rules.unhealthy,
        };
        if self.streak < needed {
            return None;
        }
        let was = std::mem::replace(&mut self.standing, says);
        self.is_decided = true;
        self.streak = 0;
        // That a server used from the start is well is no news.
        (was != says || says == Standing::Down).then_some(says)
    }

    /// From the start of the last probe to the start of the next; `random` is a number of the
    /// whole range.
    #[must_use]
    pub fn next_wait(&self, rules: &Rules, random: u32) -> Duration {
        let is_contested = self.streak > 0 && !self.agrees();
        let wait = if is_contested { rules.fast_interval } else { rules.interval };
        wait - part(wait, random) * rules.jitter_percent.min(100) / 100
    }

    /// Whether the last result speaks for the standing.
    fn agrees(&self) -> bool {
        self.last_passed == (self.standing == Standing::Up)
    }
}

/// So much of a time as `random` is of its whole range.
fn part(time: Duration, random: u32) -> Duration {
    time.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
