//! The picker of one worker for one upstream: keeps its own order of the servers in use, and
//! makes it anew when what is known of them changes.

use std::sync::Arc;
use std::time::Instant;

use crate::cluster::Cluster;
use crate::order::maglev::Maglev;
use crate::order::ring::Ring;
use crate::order::{Choice, Order, Share, Tables};
use crate::random::Random;
use crate::view::{Pool, View};
use crate::vitals::Admin;
use crate::{Policy, ServerIndex, Tried, hash};

/// What came of a pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// This server. The request counts as its own already: say [`Picker::release`] when it ends.
    Server(ServerIndex),
    /// All that could be used are full.
    Full,
    /// There is none, or all have been tried.
    None,
}

/// Chooses among the servers of one upstream on behalf of one worker.
#[derive(Debug)]
pub struct Picker {
    cluster: Arc<Cluster>,
    version: u64,
    next_change_ms: u64,
    panics: bool,
    pools: Vec<Ordered>,
    /// For hashing orders, which know all servers: the pool that each is in, from 1.
    pool_of: Vec<u8>,
    weight_total: u64,
    random: Random,
    offset: u32,
}

#[derive(Debug)]
struct Ordered {
    until: u64,
    order: Order,
}

impl Picker {
    /// A picker for a cluster. Workers with different offsets begin with different servers, so
    /// that they do not all call on the first one at once.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, offset: u32) -> Self {
        Self {
            cluster,
            version: 0,
            next_change_ms: 0,
            panics: false,
            pools: Vec::new(),
            pool_of: Vec::new(),
            weight_total: 0,
            random: Random::new(hash::mix(u64::from(offset) + 1)),
            offset,
        }
    }

    /// The cluster it chooses from.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Whether so few servers are usable that all are used, as of the last pick.
    #[must_use]
    pub fn panics(&self) -> bool {
        self.panics
    }

    /// The server for the next request, other than those already tried. `key` is the hash of what
    /// the request is known by, for the hashing policies; without one they draw.
    ///
    /// When all in use were tried, one that is set aside is better than none.
    pub fn pick(&mut self, now: Instant, key: Option<u64>, tried: &Tried) -> Pick {
        let now_ms = self.cluster.ms(now);
        if self.version != self.cluster.version() || now_ms >= self.next_change_ms {
            self.renew(now);
        }
        let key = key.unwrap_or_else(|| self.random.next());
        let pool = self.pool(key);
        let first = pool.and_then(|pool| self.pick_in(pool, (key, now_ms), tried));
        let chosen = first.or_else(|| {
            let others = (0..self.pools.len()).filter(|other| Some(*other) != pool);
            others.into_iter().find_map(|other| self.pick_in(other, (key, now_ms), tried))
        });
        match chosen.or_else(|| self.last_resort(tried, now_ms)) {
            Some(server) => {
                self.cluster.begin(ServerIndex(server));
                Pick::Server(ServerIndex(server))
            }
            None if self.is_full(tried) => Pick::Full,
            None => Pick::None,
        }
    }

    /// Takes a certain server, the one that a client is bound to, unless it cannot be used. A
    /// server that is drained still can.
    pub fn pick_bound(&mut self, server: ServerIndex, now: Instant, tried: &Tried) -> bool {
        let now_ms = self.cluster.ms(now);
        let Some(vitals) = self.cluster.vitals(server) else { return false };
        let is_usable = vitals.admin() != Admin::Down
            && !vitals.is_failing()
            && vitals.ejected_until_ms(now_ms).is_none()
            && !tried.contains(server)
            && self.cluster.has_room(server);
        if is_usable {
            self.cluster.begin(server);
        }
        is_usable
    }

    /// A request has left a server.
    pub fn release(&mut self, server: ServerIndex) {
        self.cluster.end(server);
        let active = self.cluster.vitals(server).map_or(0, |vitals| vitals.active());
        for pool in &mut self.pools {
            pool.order.released(server.0, active);
        }
    }

    fn pool(&self, key: u64) -> Option<usize> {
        match self.pools.len() {
            0 => None,
            1 => Some(0),
            _ => {
                // A key finds the same pool each time; other bits of it find the server.
                let dice = hash::pair(key, 0x706f_6f6c) >> 32;
                self.pools.iter().position(|pool| dice < pool.until).or(Some(0))
            }
        }
    }

    fn pick_in(&mut self, pool: usize, (key, now_ms): (u64, u64), tried: &Tried) -> Option<u32> {
        let (cluster, pool_of) = (&self.cluster, &self.pool_of);
        let number = u8::try_from(pool + 1).unwrap_or(u8::MAX);
        let is_hashing = cluster.rules.policy.is_hashing();
        let bound = is_hashing.then(|| Bound::new(cluster, self.weight_total));
        let accepts = |server: u32| {
            let is_in = !is_hashing || pool_of.get(server as usize) == Some(&number);
            is_in
                && !tried.contains(ServerIndex(server))
                && cluster.has_room(ServerIndex(server))
                && bound.as_ref().is_none_or(|bound| bound.has_room(cluster, server))
        };
        let active = |server: u32| vitals_of(cluster, server, |vitals| vitals.active());
        let latency_us =
            |server: u32| vitals_of(cluster, server, |vitals| vitals.latency().us(now_ms));
        let random = &mut self.random;
        let mut choice = Choice { accepts, active, latency_us: &latency_us, key, random };
        self.pools.get_mut(pool)?.order.next(&mut choice)
    }

    /// All in use were tried: the others, whoever is aside for the longest first.
    #[cold]
    fn last_resort(&self, tried: &Tried, now_ms: u64) -> Option<u32> {
        let may = |server: u32| {
            self.cluster.members.get(server as usize).is_some_and(|member| {
                member.vitals.admin() == Admin::Ready
                    && member.weight() > 0
                    && !tried.contains(ServerIndex(server))
                    && self.cluster.has_room(ServerIndex(server))
            })
        };
        let servers = (0..self.cluster.len() as u32).filter(|server| may(*server));
        servers.min_by_key(|server| {
            vitals_of(&self.cluster, *server, |vitals| {
                (vitals.is_failing(), vitals.ejected_until_ms(now_ms).unwrap_or(0))
            })
        })
    }

    fn is_full(&self, tried: &Tried) -> bool {
        (0..).zip(&self.cluster.members).any(|(server, member)| {
            member.vitals.admin() == Admin::Ready
                && member.weight() > 0
                && !tried.contains(ServerIndex(server))
                && !self.cluster.has_room(ServerIndex(server))
        })
    }

    #[cold]
    fn renew(&mut self, now: Instant) {
        self.version = self.cluster.version();
        let view = View::of(&self.cluster, now);
        self.next_change_ms = view.next_change_ms;
        self.panics = view.panics;
        let policy = self.cluster.rules.policy;
        let cluster = &self.cluster;
        let tables = if policy.is_hashing() {
            cluster.tables(|| tables(cluster))
        } else {
            Tables::default()
        };
        self.pool_of.clear();
        self.pool_of.resize(cluster.len(), 0);
        self.weight_total = 0;
        for (number, pool) in (1..).zip(&view.pools) {
            for share in &pool.shares {
                if let Some(known) = self.pool_of.get_mut(share.server as usize) {
                    *known = number;
                }
                self.weight_total += u64::from(share.weight);
            }
        }
        let ordered = |pool: &Pool| Ordered {
            until: pool.until,
            order: Order::new(policy, &pool.shares, &tables, self.offset),
        };
        self.pools = view.pools.iter().map(ordered).collect();
    }
}

/// How many requests a server may have under a hashing policy: a hot key spills to the next one.
struct Bound {
    active: u64,
    weight_total: u64,
    percent: u64,
}

impl Bound {
    fn new(cluster: &Cluster, weight_total: u64) -> Self {
        let percent = 100 + u64::from(cluster.rules.bound_percent);
        Self { active: u64::from(cluster.active()) + 1, weight_total, percent }
    }

    fn has_room(&self, cluster: &Cluster, server: u32) -> bool {
        let Some(member) = cluster.members.get(server as usize) else { return false };
        // Pool weights are in parts of the full warmth.
        let weight = u64::from(member.weight()) * u64::from(crate::cluster::WARM);
        let fair = self.active * weight * self.percent;
        let most = fair.div_ceil((self.weight_total * 100).max(1));
        u64::from(member.vitals.active()) < most
    }
}

fn vitals_of<T: Default>(
    cluster: &Cluster,
    server: u32,
    read: impl FnOnce(&crate::Vitals) -> T,
) -> T {
    cluster.vitals(ServerIndex(server)).map_or_else(T::default, |vitals| read(vitals))
}

/// Hashing looks keys up among all servers and steps over those that are out: so a server that
/// is out for a minute moves its own keys, there and back, and no others.
fn tables(cluster: &Cluster) -> Tables {
    let member = |(server, member): (u32, &crate::cluster::Member)| Share {
        server,
        weight: u32::from(member.weight()),
    };
    let shares = (0..).zip(&cluster.members).map(member).filter(|share| share.weight > 0);
    let shares: Vec<_> = shares.collect();
    let id = |server: u32| vitals_of(cluster, server, |vitals| vitals.id());
    match cluster.rules.policy {
        Policy::Hash => Tables { ring: Some(Arc::new(Ring::new(&shares, id))), maglev: None },
        Policy::Maglev => Tables { ring: None, maglev: Some(Arc::new(Maglev::new(&shares, id))) },
        _ => Tables::default(),
    }
}
