//! The picker of one upstream: its policy, and which servers are set aside for a while.

use std::time::{Duration, Instant};

use crate::rotation::{Rotation, phase};
use crate::{ServerIndex, Tried};

/// How the next server is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Each in turn, as often as its weight says, as evenly spaced as can be.
    #[default]
    RoundRobin,
}

/// What a picker is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// How long a server is set aside once it could not be reached.
    pub fail_time: Duration,
    /// Workers with different offsets begin with different servers, so that they do not all
    /// call on the first one at once.
    pub offset: u32,
}

/// How a server met an attempt to reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It accepted the connection.
    Reached,
    /// It refused or did not answer.
    Unreachable,
}

/// Chooses among the servers of one upstream on behalf of one worker.
#[derive(Debug)]
pub struct Picker {
    order: Order,
    servers: Vec<Server>,
    fail_time: Duration,
    offset: u32,
    /// The earliest end of a server's time aside.
    next_return: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Server {
    weight: u32,
    /// Until when it gets no requests unless all are set aside.
    aside_until: Option<Instant>,
}

/// The state of each [`Policy`].
#[derive(Debug)]
enum Order {
    RoundRobin(Rotation),
}

impl Default for Settings {
    fn default() -> Self {
        Self { policy: Policy::RoundRobin, fail_time: Duration::from_secs(10), offset: 0 }
    }
}

impl Picker {
    /// A picker for servers of these weights. Weights are relative; a server of weight 0 is
    /// drained and never picked.
    #[must_use]
    pub fn new(weights: &[u32], settings: Settings) -> Self {
        let order = match settings.policy {
            Policy::RoundRobin => Order::RoundRobin(Rotation::with_capacity(weights.len())),
        };
        let servers = weights.iter().map(|weight| Server { weight: *weight, aside_until: None });
        let Settings { fail_time, offset, .. } = settings;
        let mut picker =
            Self { order, servers: servers.collect(), fail_time, offset, next_return: None };
        for server in 0..picker.servers.len() as u32 {
            picker.admit(ServerIndex(server));
        }
        picker
    }

    /// The server for the next request, other than those already tried. When all that are left
    /// are set aside, the one that has been so for the longest; `None` only when none is left.
    /// O(log n), and allocates nothing.
    pub fn pick(&mut self, now: Instant, tried: &Tried) -> Option<ServerIndex> {
        if self.next_return.is_some_and(|returns| returns <= now) {
            self.readmit(now);
        }
        let fresh = |server| !tried.contains(ServerIndex(server));
        let chosen = match &mut self.order {
            Order::RoundRobin(rotation) => rotation.next(fresh),
        };
        chosen.map(ServerIndex).or_else(|| self.last_resort(tried))
    }

    /// Takes note of how a server met an attempt. One that is reached while set aside is back at
    /// once.
    pub fn report(&mut self, server: ServerIndex, report: Report, now: Instant) {
        let Some(entry) = self.servers.get_mut(server.0 as usize) else { return };
        let was_aside = entry.aside_until.is_some();
        match report {
            Report::Unreachable => {
                let until = now + self.fail_time;
                entry.aside_until = Some(until);
                self.next_return = Some(self.next_return.map_or(until, |next| next.min(until)));
                if !was_aside {
                    self.dismiss(server);
                }
            }
            Report::Reached if was_aside => {
                entry.aside_until = None;
                self.admit(server);
            }
            Report::Reached => {}
        }
    }

    /// Changes the weight of a server from the next pick on.
    pub fn set_weight(&mut self, server: ServerIndex, weight: u32) {
        let Some(entry) = self.servers.get_mut(server.0 as usize) else { return };
        if entry.weight == weight {
            return;
        }
        entry.weight = weight;
        if entry.aside_until.is_none() {
            match &mut self.order {
                Order::RoundRobin(rotation) => rotation.reweigh(server.0, weight),
            }
        }
    }

    /// Whether a server is set aside at this time.
    #[must_use]
    pub fn is_aside(&self, server: ServerIndex, now: Instant) -> bool {
        let entry = self.servers.get(server.0 as usize);
        entry.and_then(|entry| entry.aside_until).is_some_and(|until| until > now)
    }

    /// Takes over what an older picker knows of the servers that both have, when an upstream's
    /// servers changed. `old_number` tells the number a server had before.
    pub fn inherit(
        &mut self,
        older: &Self,
        old_number: impl Fn(ServerIndex) -> Option<ServerIndex>,
    ) {
        for number in 0..self.servers.len() as u32 {
            let server = ServerIndex(number);
            let known = old_number(server).and_then(|old| older.servers.get(old.0 as usize));
            let Some(until) = known.and_then(|known| known.aside_until) else { continue };
            if let Some(entry) = self.servers.get_mut(number as usize) {
                entry.aside_until = Some(until);
                self.next_return = Some(self.next_return.map_or(until, |next| next.min(until)));
                self.dismiss(server);
            }
        }
    }

    /// Lets those back whose time aside is over.
    #[cold]
    fn readmit(&mut self, now: Instant) {
        for number in 0..self.servers.len() as u32 {
            let Some(entry) = self.servers.get_mut(number as usize) else { continue };
            if entry.aside_until.is_some_and(|until| until <= now) {
                entry.aside_until = None;
                self.admit(ServerIndex(number));
            }
        }
        self.next_return = self.servers.iter().filter_map(|server| server.aside_until).min();
    }

    #[cold]
    fn last_resort(&self, tried: &Tried) -> Option<ServerIndex> {
        let numbered = (0..).map(ServerIndex).zip(&self.servers);
        numbered
            .filter(|(server, entry)| entry.weight > 0 && !tried.contains(*server))
            .filter_map(|(server, entry)| Some((entry.aside_until?, server)))
            .min()
            .map(|(_, server)| server)
    }

    fn admit(&mut self, server: ServerIndex) {
        let count = self.servers.len() as u32;
        let Some(entry) = self.servers.get(server.0 as usize) else { return };
        let phase = phase(server.0 + count - self.offset % count, count);
        match &mut self.order {
            Order::RoundRobin(rotation) => rotation.join(server.0, entry.weight, phase),
        }
    }

    fn dismiss(&mut self, server: ServerIndex) {
        match &mut self.order {
            Order::RoundRobin(rotation) => rotation.leave(server.0),
        }
    }
}
