//! The algorithms: each orders the servers of one pool in its own way.
//!
//! All are O(1) or O(log n) and allocate nothing while they choose. Only where most servers are
//! refused by the caller, which is when they are full or were tried, do they look at each.

pub(crate) mod alias;
pub(crate) mod choices;
pub(crate) mod first;
pub(crate) mod maglev;
pub(crate) mod ring;
pub(crate) mod rotation;
pub(crate) mod tournament;

use std::sync::Arc;

use alias::Alias;
use choices::Choices;
use first::First;
use maglev::Maglev;
use ring::Ring;
use rotation::{Rotation, phase};
use tournament::Tournament;

use crate::Policy;
use crate::random::Random;

/// A server with what it is worth in its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) server: u32,
    /// More than 0.
    pub(crate) weight: u32,
}

/// What an order may ask for while it chooses.
pub(crate) struct Choice<'a, A, L> {
    /// Whether a server may be chosen.
    pub(crate) accepts: A,
    /// Requests on a server now.
    pub(crate) active: L,
    /// Its latency in microseconds; 0 where it is not known.
    pub(crate) latency_us: &'a dyn Fn(u32) -> u64,
    /// The hash of the request's key.
    pub(crate) key: u64,
    pub(crate) random: &'a mut Random,
}

/// The state of each [`Policy`].
#[derive(Debug)]
pub(crate) enum Order {
    Choices(Choices),
    Rotation(Rotation),
    Tournament(Tournament),
    Random(Alias),
    First(First),
    Ring(Arc<Ring>),
    Maglev(Arc<Maglev>),
}

/// What hashing orders are made from, shared by all workers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) ring: Option<Arc<Ring>>,
    pub(crate) maglev: Option<Arc<Maglev>>,
}

impl Order {
    /// An order over these servers. `offset` lets workers begin at different ones.
    pub(crate) fn new(policy: Policy, shares: &[Share], tables: &Tables, offset: u32) -> Self {
        match policy {
            Policy::P2c => Self::Choices(Choices::new(shares)),
            Policy::RoundRobin => Self::Rotation(rotation(shares, offset)),
            Policy::LeastRequests => Self::Tournament(Tournament::new(shares, offset)),
            Policy::Random => Self::Random(Alias::new(shares)),
            Policy::First => Self::First(First::new(shares)),
            Policy::Hash => Self::Ring(tables.ring.clone().unwrap_or_default()),
            Policy::Maglev => Self::Maglev(tables.maglev.clone().unwrap_or_default()),
        }
    }

    /// The next server, of those that are accepted.
    pub(crate) fn next<A, L>(&mut self, choice: &mut Choice<'_, A, L>) -> Option<u32>
    where
        A: FnMut(u32) -> bool,
        L: Fn(u32) -> u32,
    {
        match self {
            Self::Choices(choices) => choices.next(choice),
            Self::Rotation(rotation) => rotation.next(&mut choice.accepts),
            Self::Tournament(tournament) => tournament.next(choice),
            Self::Random(alias) => alias.next(choice.random, &mut choice.accepts),
            Self::First(first) => first.next(&mut choice.accepts),
            Self::Ring(ring) => ring.next(choice.key, &mut choice.accepts),
            Self::Maglev(maglev) => maglev.next(choice.key, &mut choice.accepts),
        }
    }

    /// A request has left a server.
    pub(crate) fn released(&mut self, server: u32, active: u32) {
        match self {
            Self::Tournament(tournament) => tournament.released(server, active),
            Self::First(first) => first.released(server),
            _ => {}
        }
    }
}

fn rotation(shares: &[Share], offset: u32) -> Rotation {
    let count = shares.len() as u32;
    let mut rotation = Rotation::with_capacity(shares.len());
    for (number, share) in (0..).zip(shares) {
        let turned = number + count - offset % count.max(1);
        rotation.join(share.server, share.weight, phase(turned, count));
    }
    rotation
}
