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
use proxy::snapshot::{ServerTarget, Snapshot};
use proxy::tls::ClientTls;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::Control;

/// Probes that run at the same time. With more servers than this, some wait for their turn.
pub const PROBES_MAX: usize = 64;

/// Who asks, for the logs of servers.
const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"), " (health check)");

/// One server and how it is asked.
#[derive(Clone, Debug)]
pub struct ProbePlan {
    /// Index of the upstream.
    pub upstream: u32,
    /// Index of the server in it.
    pub server: u32,
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
#[derive(Debug)]
pub struct Prober {
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    /// Names of upstream and server, which outlive a change of indices.
    identity: (Arc<str>, Arc<str>),
    state: Arc<Mutex<ProbeState>>,
    task: AbortHandle,
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.running.iter().for_each(|running| running.task.abort());
    }
}

type Tell = dyn Fn(&ProbePlan, News<'_>) + Send + Sync;

impl ProbePlan {
    /// A plan for every server of every upstream that has a health check.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let mut plans = Vec::new();
        for (upstream, plan) in (0..).zip(&snapshot.upstreams) {
            let Some(check) = &plan.health_check else { continue };
            let name: Arc<str> = plan.name.as_str().into();
            plans.extend((0..).zip(&plan.servers).map(|(server, server_plan)| Self {
                upstream,
                server,
                name: Arc::clone(&name),
                target: server_plan.target.clone(),
                protocol: plan.protocol,
                tls: plan.tls.clone(),
                check: Arc::clone(check),
            }));
        }
        plans
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
    /// Begins to ask. `tell` hears of every server's standing before this returns, and of what
    /// follows on the control thread. What `before` knows of the same servers is carried over.
    #[must_use]
    pub fn start(
        control: &Control,
        plans: Vec<ProbePlan>,
        before: Option<&Self>,
        tell: impl Fn(&ProbePlan, News<'_>) + Send + Sync + 'static,
    ) -> Self {
        let known = before.map_or(&[][..], |before| &before.running);
        let mut known: HashMap<_, _> =
            known.iter().map(|running| (&running.identity, &running.state)).collect();
        let (tell, turns): (Arc<Tell>, _) = (Arc::new(tell), Arc::new(Semaphore::new(PROBES_MAX)));
        let start_one = |plan: ProbePlan| {
            let identity = (Arc::clone(&plan.name), Arc::clone(plan.target.label()));
            let kept = known.remove(&identity).map(|state| *lock(state));
            let rules = plan.rules();
            let first_wait = match kept {
                Some(state) => state.next_wait(&rules, chance()).mul_f64(fraction(chance())),
                None => rules.first_wait(chance()),
            };
            let state = Arc::new(Mutex::new(kept.unwrap_or_else(|| ProbeState::new(&rules))));
            tell(&plan, News::Begins(lock(&state).standing()));
            let watch = Watch {
                plan,
                rules,
                state: Arc::clone(&state),
                turns: Arc::clone(&turns),
                tell: Arc::clone(&tell),
            };
            let task = control.handle().spawn(watch.run(first_wait)).abort_handle();
            Running { identity, state, task }
        };
        Self { running: plans.into_iter().map(start_one).collect() }
    }
}

/// The watch over one server.
struct Watch {
    plan: ProbePlan,
    rules: Rules,
    state: Arc<Mutex<ProbeState>>,
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
        (self.tell)(&self.plan, News::Probed(outcome.as_ref().map_or(Err(reason), |()| Ok(()))));
        let (was_decided, verdict, wait) = {
            let mut state = lock(&self.state);
            let was_decided = state.is_decided();
            let verdict = state.note(&self.rules, outcome.is_ok());
            (was_decided, verdict, state.next_wait(&self.rules, chance()))
        };
        if let Some(standing) = verdict {
            let verdict = if was_decided { News::Verdict } else { News::FirstVerdict };
            (self.tell)(&self.plan, verdict(standing, reason));
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
        agreed_h2 = secured.alpn() == Some(b"h2");
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
fn lock(state: &Mutex<ProbeState>) -> std::sync::MutexGuard<'_, ProbeState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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
