//! DNS names of servers, looked up again by their TTL for as long as they are watched.
//!
//! Nothing waits for an answer: starting to watch never fails, what was found last stays in force
//! while DNS does not answer or denies the name, and only a different set of addresses is told.
//! `/etc/hosts` and `/etc/resolv.conf` are read again for every look-up, so that neither needs a
//! restart.

mod lookup;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use self::lookup::{Answer, Family, Found, look_up};
use crate::Control;

/// How long the answer of one address family waits for that of the other before it is told.
const PAIR_WAIT: Duration = Duration::from_millis(250);

/// Whom to ask, and how often.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// One name server over UDP; `None` is the system's configuration.
    server: Option<SocketAddr>,
    timing: Timing,
}

/// The bounds of waiting.
#[derive(Clone, Debug)]
pub struct Timing {
    /// A shorter TTL counts as this.
    pub ttl_min: Duration,
    /// A longer TTL counts as this.
    pub ttl_max: Duration,
    /// The wait after a first failure; it doubles with every further one.
    pub retry_min: Duration,
    /// The longest wait after failures.
    pub retry_max: Duration,
    /// The longest a name server is waited for, for one try.
    pub query_timeout: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ttl_min: Duration::from_secs(1),
            ttl_max: Duration::from_secs(300),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            query_timeout: Duration::from_secs(2),
        }
    }
}

/// A name with the port that its addresses get.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watched {
    /// A DNS name, or an address, which is told once as it is.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// News of a watched name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The name now has these addresses: sorted, each once, never none.
    Changed(&'a [SocketAddr]),
    /// The name could not be resolved, for this reason. Told once for a row of failures; what
    /// was found before stays in force.
    Failed(&'a str),
}

/// Names being watched. Dropping it ends that.
#[derive(Debug)]
pub struct Watch {
    tasks: Vec<AbortHandle>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Resolver {
    /// Asks as the system is configured.
    #[must_use]
    pub fn system() -> Self {
        Self { server: None, timing: Timing::default() }
    }

    /// Asks one name server over UDP. `/etc/hosts` still comes first.
    #[must_use]
    pub fn with_server(server: SocketAddr) -> Self {
        Self { server: Some(server), timing: Timing::default() }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// Watches names on the control thread; `tell` is called there.
    #[must_use]
    pub fn watch(
        &self,
        control: &Control,
        names: Vec<Watched>,
        tell: impl Fn(&Watched, Outcome<'_>) + Send + Sync + 'static,
    ) -> Watch {
        let tell: Arc<Tell> = Arc::new(tell);
        let watch_one = |name| {
            let refresh = Refresh::new(self.clone(), name, Arc::clone(&tell));
            control.handle().spawn(refresh.run()).abort_handle()
        };
        Watch { tasks: names.into_iter().map(watch_one).collect() }
    }
}

type Tell = dyn Fn(&Watched, Outcome<'_>) + Send + Sync;

/// The watch of one name.
struct Refresh {
    resolver: Resolver,
    name: Watched,
    tell: Arc<Tell>,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    told: Vec<SocketAddr>,
    failures: u32,
}

impl Refresh {
    fn new(resolver: Resolver, name: Watched, tell: Arc<Tell>) -> Self {
        let (v4, v6, told) = (Vec::new(), Vec::new(), Vec::new());
        Self { resolver, name, tell, v4, v6, told, failures: 0 }
    }

    async fn run(mut self) {
        if let Ok(address) = self.name.host.parse::<IpAddr>() {
            let told = [SocketAddr::new(address, self.name.port)];
            return (self.tell)(&self.name, Outcome::Changed(&told));
        }
        loop {
            let answers = self.ask().await;
            let wait = self.settle(answers);
            sleep(wait).await;
        }
    }

    /// Asks for both families at once. When one is slow, the other is told before.
    async fn ask(&mut self) -> [Answer; 2] {
        let mut asked = JoinSet::new();
        for family in [Family::V4, Family::V6] {
            let (server, host) = (self.resolver.server, self.name.host.clone());
            let limit = self.resolver.timing.query_timeout;
            asked.spawn(look_up(server, host, family, limit));
        }
        let early = answer(asked.join_next().await);
        if let Ok(late) = timeout(PAIR_WAIT, asked.join_next()).await {
            return [early, answer(late)];
        }
        if let Answer::Found(found) = &early {
            self.keep(found);
            self.tell_change();
        }
        [early, answer(asked.join_next().await)]
    }

    /// Takes what was found and says when to ask again.
    fn settle(&mut self, answers: [Answer; 2]) -> Duration {
        let found = answers.iter().filter_map(Answer::found);
        let Some(ttl) = found.map(|found| found.ttl).min() else {
            return self.fail(&reason(&answers));
        };
        for answer in &answers {
            match answer {
                Answer::Found(found) => self.keep(found),
                Answer::Nothing(family) => self.set_of(*family).clear(),
                Answer::Failed(_) => {}
            }
        }
        self.failures = 0;
        self.tell_change();
        let Timing { ttl_min, ttl_max, .. } = self.resolver.timing;
        shorten(ttl.clamp(ttl_min, ttl_max), 10)
    }

    fn fail(&mut self, why: &str) -> Duration {
        if self.failures == 0 {
            (self.tell)(&self.name, Outcome::Failed(why));
        }
        self.failures = self.failures.saturating_add(1);
        let Timing { retry_min, retry_max, .. } = self.resolver.timing;
        let doubled = retry_min.saturating_mul(1 << (self.failures - 1).min(16));
        shorten(doubled.min(retry_max), 50)
    }

    fn keep(&mut self, found: &Found) {
        *self.set_of(found.family) = found.addresses.clone();
    }

    fn set_of(&mut self, family: Family) -> &mut Vec<IpAddr> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    /// Name servers rotate their answers, so the set is compared in sorted order.
    fn tell_change(&mut self) {
        let port = self.name.port;
        let both = self.v4.iter().chain(&self.v6);
        let mut addresses: Vec<_> = both.map(|ip| SocketAddr::new(*ip, port)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        if addresses != self.told {
            (self.tell)(&self.name, Outcome::Changed(&addresses));
            self.told = addresses;
        }
    }
}

/// A task that panicked or was lost answers nothing.
fn answer(joined: Option<Result<Answer, tokio::task::JoinError>>) -> Answer {
    match joined {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => Answer::Failed(error.to_string()),
        None => Answer::Failed("not asked".to_owned()),
    }
}

fn reason(answers: &[Answer]) -> String {
    let failed = answers.iter().find_map(|answer| match answer {
        Answer::Failed(why) => Some(why.clone()),
        Answer::Found(_) | Answer::Nothing(_) => None,
    });
    failed.unwrap_or_else(|| "the name has no address".to_owned())
}

/// Takes up to `percent` off at random, so that many names, and many proxies, do not ask in step.
fn shorten(wait: Duration, percent: u32) -> Duration {
    // Every `RandomState` has fresh keys, which is all the chance that this needs.
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    wait - wait * percent / 100 * chance as u32 / 1_000
}

#[cfg(test)]
mod tests;
