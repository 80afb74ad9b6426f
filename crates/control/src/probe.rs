//! Active health checks: every server is asked at intervals whether it is well.
//!
//! One task a server on the control thread, so that a worker is never kept waiting by a server
//! that does not answer. What single probes amount to is decided by [`balance::probe`].

mod body;
mod grpc;
mod h1;
mod h2;
mod link;
mod secure;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use balance::probe::Standing;
use balance::probe::{Initial, ProbeState, Rules};
use config::{HealthCheck, InitialHealth, ProbeKind, UpstreamProtocol};
use proxy::record::ServerAt;
use proxy::snapshot::{ServerTarget, Snapshot};
use proxy::tls::ClientTls;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::Control;
use crate::runtime::Task;

/// Probes that run at the same time. With more servers than this, some wait for their turn.
pub const PROBES_MAX: usize = 64;

/// Who asks, for the logs of servers.
const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"), " (health check)");

/// One server and how it is asked.
#[derive(Clone, Debug)]
pub struct ProbePlan {
    /// The number of the server.
    pub at: ServerAt,
    /// The upstream's name.
    pub name: Arc<str>,
    /// Where the server listens.
    pub target: ServerTarget,
    /// What is spoken to it.
    pub protocol: UpstreamProtocol,
    /// How connections to it are encrypted, if they are.
    pub tls: Option<Arc<ClientTls>>,
    /// What is asked.
    pub check: Arc<HealthCheck>,
}

/// News of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News<'a> {
    /// What holds as probing begins: the initial standing, or that of an earlier prober.
    Begins(Standing),
    /// A probe passed, or failed for this reason.
    Probed(Result<(), &'a str>),
    /// The server's standing from now on, and why where it is down.
    Verdict(Standing, &'a str),
    /// As [`News::Verdict`], where probes have decided on this server for the first time.
    FirstVerdict(Standing, &'a str),
}

/// Servers being asked. Dropping it ends that.
pub struct Prober {
    handle: Handle,
    tell: Arc<Tell>,
    turns: Arc<Semaphore>,
    running: HashMap<Identity, Running>,
}

impl std::fmt::Debug for Prober {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prober").field("servers", &self.running.len()).finish_non_exhaustive()
    }
}

/// Names of upstream and server, which outlive a change of indices.
type Identity = (Arc<str>, Arc<str>);

/// One server being asked.
struct Running {
    plan: Arc<ProbePlan>,
    known: Arc<Mutex<Known>>,
    _task: Task,
}

/// What is known of a server, and which number it has now.
#[derive(Clone, Copy)]
struct Known {
    state: ProbeState,
    at: ServerAt,
}

type Tell = dyn Fn(ServerAt, &ProbePlan, News<'_>) + Send + Sync;

impl ProbePlan {
    /// A plan for every server of every upstream that has a health check.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let mut plans = Vec::new();
        for (upstream, plan) in (0..).zip(&snapshot.upstreams) {
            let Some(check) = &plan.health_check else { continue };
            let name: Arc<str> = plan.name.as_str().into();
            plans.extend((0..).zip(&plan.servers).map(|(server, server_plan)| Self {
                at: ServerAt { upstream, server },
                name: Arc::clone(&name),
                target: server_plan.target.clone(),
                protocol: plan.protocol,
                tls: plan.tls.clone(),
                check: Arc::clone(check),
            }));
        }
        plans
    }

    /// Whether a server is asked the same by both.
    fn asks_like(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        // Where it is written says nothing of what is asked.
        let check = HealthCheck { span: other.check.span, ..HealthCheck::clone(&self.check) };
        same_tls
            && check == *other.check
            && self.protocol == other.protocol
            && self.target.is_like(&other.target)
    }

    fn rules(&self) -> Rules {
        let check = &self.check;
        Rules {
            healthy: check.healthy,
            unhealthy: check.unhealthy,
            interval: check.interval,
            fast_interval: check.fast_interval,
            jitter_percent: check.jitter_percent,
            initial: match check.initial {
                InitialHealth::Up => Initial::Up,
                InitialHealth::Down => Initial::Down,
                InitialHealth::Probe => Initial::Probe,
            },
        }
    }

    /// The host to ask for.
    fn host(&self) -> String {
        let own = self.target.host();
        match (&self.check.host, self.check.port) {
            (Some(host), _) => host.clone(),
            (None, Some(port)) => {
                let host = own.rsplit_once(':').map_or(own, |(host, _)| host);
                format!("{host}:{port}")
            }
            (None, None) => own.to_owned(),
        }
    }
}

impl Prober {
    /// Asks nobody yet. `tell` hears of what probes say, with the number that the server has at
    /// that moment.
    #[must_use]
    pub fn new(
        control: &Control,
        tell: impl Fn(ServerAt, &ProbePlan, News<'_>) + Send + Sync + 'static,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(PROBES_MAX));
        let handle = control.handle().clone();
        Self { handle, tell: Arc::new(tell), turns, running: HashMap::new() }
    }

    /// Asks these servers from now on, and no others. One that was asked in the same way before
    /// goes on being asked, undisturbed; what is known of one that is asked in another way stays.
    /// Where a server begins to be asked, `tell` hears of its standing before this returns, and
    /// of what follows on the control thread.
    pub fn follow(&mut self, plans: Vec<ProbePlan>) {
        let mut before = std::mem::take(&mut self.running);
        for plan in plans {
            let identity = (Arc::clone(&plan.name), Arc::clone(plan.target.label()));
            let known = before.remove(&identity);
            let running = match known {
                Some(running) if running.plan.asks_like(&plan) => {
                    lock(&running.known).at = plan.at;
                    running
                }
                known => self.begin(plan, known.map(|running| lock(&running.known).state)),
            };
            // A server that is written twice is asked once.
            self.running.entry(identity).or_insert(running);
        }
    }

    fn begin(&self, plan: ProbePlan, known: Option<ProbeState>) -> Running {
        let rules = plan.rules();
        let first_wait = match known {
            Some(state) => state.next_wait(&rules, chance()).mul_f64(fraction(chance())),
            None => rules.first_wait(chance()),
        };
        let state = known.unwrap_or_else(|| ProbeState::new(&rules));
        (self.tell)(plan.at, &plan, News::Begins(state.standing()));
        let known = Arc::new(Mutex::new(Known { state, at: plan.at }));
        let plan = Arc::new(plan);
        let watch = Watch {
            plan: Arc::clone(&plan),
            rules,
            known: Arc::clone(&known),
            turns: Arc::clone(&self.turns),
            tell: Arc::clone(&self.tell),
        };
        let task = Task::spawn(&self.handle, watch.run(first_wait));
        Running { plan, known, _task: task }
    }
}

/// The watch over one server.
struct Watch {
    plan: Arc<ProbePlan>,
    rules: Rules,
    known: Arc<Mutex<Known>>,
    turns: Arc<Semaphore>,
    tell: Arc<Tell>,
}

impl Watch {
    async fn run(self, first_wait: Duration) {
        sleep(first_wait).await;
        loop {
            let Ok(turn) = self.turns.acquire().await else { return };
            let begun = Instant::now();
            let outcome = Box::pin(probe(&self.plan)).await;
            drop(turn);
            let wait = self.note(&outcome);
            sleep_until(begun + wait).await;
        }
    }

    /// Takes note of a probe and says when the next is due, counted from its beginning.
    fn note(&self, outcome: &Result<(), String>) -> Duration {
        let reason = outcome.as_ref().err().map_or("", String::as_str);
        let (at, was_decided, verdict, wait) = {
            let mut known = lock(&self.known);
            let was_decided = known.state.is_decided();
            let verdict = known.state.note(&self.rules, outcome.is_ok());
            (known.at, was_decided, verdict, known.state.next_wait(&self.rules, chance()))
        };
        let result = outcome.as_ref().map_or(Err(reason), |()| Ok(()));
        (self.tell)(at, &self.plan, News::Probed(result));
        if let Some(standing) = verdict {
            let verdict = if was_decided { News::Verdict } else { News::FirstVerdict };
            (self.tell)(at, &self.plan, verdict(standing, reason));
        }
        wait
    }
}

/// Asks once. `Err` says in a few words what was wrong.
async fn probe(plan: &ProbePlan) -> Result<(), String> {
    let limit = plan.check.timeout;
    let deadline = Instant::now() + limit;
    let late = |what: &str| format!("{what} within {limit:?}");
    let mut link =
        timeout_at(deadline, link::connect(plan)).await.map_err(|_| late("no connection"))??;
    if plan.check.kind == ProbeKind::Tcp {
        return Ok(());
    }
    let mut agreed_h2 = false;
    if let Some(tls) = &plan.tls {
        let shaken = timeout_at(deadline, secure::shake(link, tls, plan.target.host())).await;
        let secured = shaken.map_err(|_| late("no TLS handshake"))??;
        agreed_h2 = secured.get_ref().1.alpn_protocol() == Some(b"h2");
        link = Box::new(secured);
    }
    let is_h2 = match plan.protocol {
        UpstreamProtocol::H1 => false,
        UpstreamProtocol::H2 => true,
        UpstreamProtocol::Auto => agreed_h2,
    };
    let asked = async {
        match &plan.check.kind {
            ProbeKind::Tcp | ProbeKind::Tls => Ok(()),
            ProbeKind::Http(http) if is_h2 => h2::ask(link, plan, http).await,
            ProbeKind::Http(http) => h1::ask(link, plan, http).await,
            ProbeKind::Grpc(service) if is_h2 => grpc::ask(link, plan, service).await,
            ProbeKind::Grpc(_) => Err("the server did not choose HTTP/2".to_owned()),
        }
    };
    timeout_at(deadline, asked).await.map_err(|_| late("no answer"))?
}

/// Nothing that holds the lock can panic; should it, what it wrote is whole all the same.
fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number by chance. Every `RandomState` has fresh keys, which is all that this needs.
fn chance() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

fn fraction(number: u32) -> f64 {
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
