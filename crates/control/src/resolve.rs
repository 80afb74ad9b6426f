//! DNS names of servers, looked up again by their TTL for as long as they are watched.
//!
//! Nothing waits for an answer: starting to watch never fails, what was found last stays in force
//! while DNS does not answer or denies the name, and only a different set of addresses is told.
//! `/etc/hosts` and `/etc/resolv.conf` are read again for every look-up, so that neither needs a
//! restart.

mod lookup;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use config::AddressFamily;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::lookup::{Answer, Family, Found, look_up, look_up_srv};
pub(crate) use self::lookup::{Record, Records};
use crate::Control;
use crate::runtime::Task;

/// How long the answer of one address family waits for that of the other before it is told.
const PAIR_WAIT: Duration = Duration::from_millis(250);

/// Whom to ask, and how often.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// The name servers; none means those of the system.
    servers: Arc<[SocketAddr]>,
    family: AddressFamily,
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
pub struct Watch {
    resolver: Resolver,
    handle: Handle,
    tell: Arc<Tell>,
    tasks: HashMap<Watched, Task>,
}

impl Watch {
    /// Watches these names from now on, and no others. Those that are watched already go on
    /// undisturbed.
    pub fn follow(&mut self, names: impl IntoIterator<Item = Watched>) {
        let mut before = std::mem::take(&mut self.tasks);
        for name in names {
            if self.tasks.contains_key(&name) {
                continue;
            }
            let task = before.remove(&name).unwrap_or_else(|| {
                let (resolver, tell) = (self.resolver.clone(), Arc::clone(&self.tell));
                let refresh = Refresh::new(resolver, name.clone(), tell);
                Task::spawn(&self.handle, refresh.run())
            });
            self.tasks.insert(name, task);
        }
    }
}

impl Resolver {
    /// Asks as the system is configured.
    #[must_use]
    pub fn system() -> Self {
        Self::with_servers(&[])
    }

    /// Asks these name servers; none means those of the system. `/etc/hosts` still comes first.
    #[must_use]
    pub fn with_servers(servers: &[SocketAddr]) -> Self {
        let (family, timing) = (AddressFamily::Any, Timing::default());
        Self { servers: servers.into(), family, timing }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// The same for addresses of this family alone.
    #[must_use]
    pub fn with_family(self, family: AddressFamily) -> Self {
        Self { family, ..self }
    }

    /// Asks for the addresses of one family, where they are wanted.
    async fn ask(self, host: String, family: Family) -> Answer {
        match (self.family, family) {
            (AddressFamily::V4, Family::V6) | (AddressFamily::V6, Family::V4) => {
                Answer::Nothing(family)
            }
            _ => look_up(&self.servers, host, family, self.timing.query_timeout).await,
        }
    }

    /// The SRV records of a name.
    pub(crate) async fn srv(&self, name: &str) -> Result<Records, String> {
        look_up_srv(&self.servers, name, self.timing.query_timeout).await
    }

    /// The addresses of a host, which may be one, in both families.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let ask = |family| self.clone().ask(host.to_owned(), family);
        let answers: [Answer; 2] = tokio::join!(ask(Family::V4), ask(Family::V6)).into();
        let found = answers.iter().filter_map(Answer::found);
        let addresses: Vec<_> = found.flat_map(|found| found.addresses.clone()).collect();
        if addresses.is_empty() { Err(reason(&answers)) } else { Ok(addresses) }
    }

    /// When to ask again: after the time that an answer may be used, or later and later while
    /// there is none.
    pub(crate) fn wait(&self, ttl: Option<Duration>, backoff: &mut Backoff) -> Duration {
        let Timing { ttl_min, ttl_max, retry_min, retry_max, .. } = self.timing;
        if let Some(ttl) = ttl {
            backoff.failures = 0;
            return shorten(ttl.clamp(ttl_min, ttl_max), 10);
        }
        let doubled = retry_min.saturating_mul(1 << backoff.failures.min(16));
        backoff.failures = backoff.failures.saturating_add(1);
        shorten(doubled.min(retry_max), 50)
    }

    /// Watches no name yet. `tell` is called on the control thread.
    #[must_use]
    pub fn watch(
        &self,
        control: &Control,
        tell: impl Fn(&Watched, Outcome<'_>) + Send + Sync + 'static,
    ) -> Watch {
        let (resolver, handle) = (self.clone(), control.handle().clone());
        Watch { resolver, handle, tell: Arc::new(tell), tasks: HashMap::new() }
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
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
    backoff: Backoff,
}

impl Refresh {
    fn new(resolver: Resolver, name: Watched, tell: Arc<Tell>) -> Self {
        let (v4, v6, told) = (Vec::new(), Vec::new(), Vec::new());
        Self { resolver, name, tell, v4, v6, told, backoff: Backoff::default() }
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
            asked.spawn(self.resolver.clone().ask(self.name.host.clone(), family));
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
        self.tell_change();
        self.resolver.wait(Some(ttl), &mut self.backoff)
    }

    fn fail(&mut self, why: &str) -> Duration {
        if self.backoff.failures == 0 {
            (self.tell)(&self.name, Outcome::Failed(why));
        }
        self.resolver.wait(None, &mut self.backoff)
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
pub(crate) fn shorten(wait: Duration, percent: u32) -> Duration {
    // Every `RandomState` has fresh keys, which is all the chance that this needs.
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    wait - wait * percent / 100 * chance as u32 / 1_000
}

#[cfg(test)]
mod tests;
