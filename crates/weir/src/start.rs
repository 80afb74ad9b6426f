//! Starting what a configuration describes, and ending it well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::{Config, ListenAddress};
use control::{
    Admin, AdminAddress, Control, Notify, Outcome, Prober, Resolver, Views, Watch, Watched,
};
use proxy::engine::Engine;
use proxy::listen::Listener;
use proxy::record::metrics::exposition;
use proxy::record::{AccessLog, Format, LogFormat, Metrics, Target};
use proxy::snapshot::{Name, Snapshot};
use rustix::process::{Resource, Rlimit};

use crate::certificates::Certificates;
use crate::command::{self, Failure};
use crate::probes;
use crate::servers::{self, Standings};
use crate::signals::{Signals, Told};

/// How long the last log lines may take to be written at the end.
const LOG_WAIT: Duration = Duration::from_secs(2);

/// How often the workers are looked after.
const HEALTH_LOOK: Duration = Duration::from_secs(1);

/// How often a drain looks whether it is over.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// A running proxy.
pub(crate) struct Running {
    signals: Signals,
    engine: Engine,
    config: Config,
    snapshot: Arc<Snapshot>,
    certificates: Certificates,
    standings: Standings,
    workers: usize,
    healthy: Arc<AtomicBool>,
    notify: Notify,
    admin: Option<Admin>,
    _watch: Watch,
    _prober: Prober,
    /// Last, so that what runs on it ends before it does.
    _control: Control,
}

/// Runs until a signal says to end.
pub(crate) fn run(config: &Config) -> Result<(), Failure> {
    let running = Running::start(config.clone())?;
    eprintln!("{}", running.startup_line());
    running.until_told_to_stop()
}

impl Running {
    /// Binds, opens, compiles and starts. What fails is told before anything serves.
    pub(crate) fn start(config: Config) -> Result<Self, Failure> {
        raise_descriptor_limit();
        // Before anything listens: from then on a signal must find its way.
        let signals = Signals::catch()?;
        let snapshot = Arc::new(command::compile(&config, None)?);
        let workers = config.workers.map_or_else(available_cores, usize::from).max(1);
        let listeners = bind(&config, workers)?;
        let metrics = Metrics::new(snapshot.shape(workers));
        let logs = open_logs(&config, &metrics)?;
        let control = Control::start().map_err(|error| {
            Failure::failed(format!("cannot start the control thread: {error}"))
        })?;
        let watch = watch_names(&control, &snapshot);
        let prober = probes::start(&control, &snapshot, &metrics, None);
        let healthy = Arc::new(AtomicBool::new(true));
        let admin = start_admin(&config, &control, (&metrics, &healthy, &snapshot))?;
        let engine = Engine::start(
            &snapshot,
            listeners,
            workers,
            (&metrics, logs, crate::allocator::give_back),
        )
        .map_err(|error| Failure::failed(format!("cannot start a worker: {error}")))?;
        Ok(Self {
            signals,
            engine,
            config,
            certificates: Certificates::of(&snapshot, &metrics),
            standings: Standings::default(),
            snapshot,
            workers,
            healthy,
            notify: Notify::new(std::env::var_os("NOTIFY_SOCKET")),
            admin,
            _watch: watch,
            _prober: prober,
            _control: control,
        })
    }

    /// What runs where.
    pub(crate) fn startup_line(&self) -> String {
        let listeners: Vec<_> =
            self.engine.listeners().iter().map(|listener| listener.label.as_str()).collect();
        format!(
            "weir {} listening on {} ({} workers, {} routes, {} upstreams)",
            env!("CARGO_PKG_VERSION"),
            listeners.join(", "),
            self.workers,
            self.snapshot.routes.len(),
            self.snapshot.upstreams.len(),
        )
    }

    /// Where clients come in, for TCP listeners, with the ports that the system chose.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.engine.listeners().iter().filter_map(|listener| listener.address).collect()
    }

    /// Where the admin listener is, for a TCP address.
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref()?.addresses().first().copied()
    }

    /// SIGTERM and SIGINT drain, a second one ends at once, SIGUSR1 reopens the logs.
    pub(crate) fn until_told_to_stop(mut self) -> Result<(), Failure> {
        // Without a service manager nobody listens; with one, a lost message is its time-out.
        let _ = self.notify.ready(&self.startup_line());
        loop {
            match self.signals.next(HEALTH_LOOK) {
                Told::End => break,
                Told::Reopen => self.engine.reopen_logs(),
                Told::Nothing => {
                    self.check_workers()?;
                    self.certificates.look();
                    self.standings.look(&self.snapshot);
                }
            }
        }
        self.drain();
        self.engine.stop();
        self.engine.join(LOG_WAIT);
        Ok(())
    }

    /// A worker that has ended leaves its share of new connections unanswered: better to be
    /// started again whole.
    fn check_workers(&self) -> Result<(), Failure> {
        if self.engine.has_lost_worker() {
            return Err(Failure::failed("a worker thread has ended; see above for its reason"));
        }
        Ok(())
    }

    fn drain(&mut self) {
        self.healthy.store(false, Ordering::Relaxed);
        let _ = self.notify.stopping("draining");
        self.engine.drain(self.config.timeouts.shutdown);
        while !self.engine.is_ended() && self.signals.next(DRAIN_LOOK) != Told::End {}
    }
}

fn bind(config: &Config, workers: usize) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    for (plan, listener) in (0..).zip(&config.listeners) {
        let failed = |error: std::io::Error| {
            Failure::failed(format!("cannot listen on {}: {error}", listener.address))
        };
        match &listener.address {
            ListenAddress::Unix(path) => {
                listeners.push(Listener::unix(path, workers, plan).map_err(failed)?);
            }
            ListenAddress::Tcp(addresses) => {
                for address in addresses {
                    listeners.push(Listener::tcp(*address, workers, plan).map_err(failed)?);
                }
            }
        }
    }
    Ok(listeners)
}

fn open_logs(config: &Config, metrics: &Metrics) -> Result<Vec<AccessLog>, Failure> {
    let open = |log: &config::AccessLog| {
        let format = Format::new(&LogFormat::from(&log.format));
        let target = Target::from(&log.target);
        AccessLog::start(format, target, metrics.log_counts()).map_err(|error| {
            Failure::failed(format!("cannot open the access log {:?}: {error}", log.target))
        })
    };
    config.access_logs.iter().map(open).collect()
}

/// Follows every name of the snapshot. A name without an answer has no addresses yet, and
/// requests to it fail until it has.
fn watch_names(control: &Control, snapshot: &Arc<Snapshot>) -> Watch {
    let names = snapshot.names.iter();
    let watched = names.map(|name| Watched { host: name.host.clone(), port: name.port }).collect();
    let snapshot = Arc::clone(snapshot);
    Resolver::system().watch(control, watched, move |watched, outcome| {
        let same = |name: &&Arc<Name>| name.host == watched.host && name.port == watched.port;
        let names = snapshot.names.iter().filter(same);
        match outcome {
            Outcome::Changed(addresses) => names.for_each(|name| name.resolved(addresses.to_vec())),
            Outcome::Failed(reason) => {
                eprintln!("weir: cannot resolve {}: {reason}", watched.host);
                names.for_each(|name| name.unresolved());
            }
        }
    })
}

fn start_admin(
    config: &Config,
    control: &Control,
    (metrics, healthy, snapshot): (&Metrics, &Arc<AtomicBool>, &Arc<Snapshot>),
) -> Result<Option<Admin>, Failure> {
    let Some(admin) = &config.admin else { return Ok(None) };
    let address = AdminAddress::from(&admin.address);
    let (shown, counted, healthy) = (metrics.clone(), metrics.clone(), Arc::clone(healthy));
    let (listed, changed) = (Arc::clone(snapshot), Arc::clone(snapshot));
    let views = Views {
        metrics: Box::new(move |text| exposition::render(&shown, text)),
        status: Box::new(move || status(&counted)),
        healthy: Box::new(move || healthy.load(Ordering::Relaxed)),
        upstreams: Box::new(move || servers::list(&listed)),
        change_server: Box::new(move |at, body| servers::change(&changed, at, body)),
    };
    Admin::start(control, &address, views)
        .map(Some)
        .map_err(|error| Failure::failed(error.to_string()))
}

fn status(metrics: &Metrics) -> String {
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "workers": metrics.workers(),
        "generation": metrics.generation(),
        "started_unix_s": metrics.started_unix_s(),
        "connections_open": metrics.level(proxy::record::Gauge::ConnectionsOpen),
    })
    .to_string()
}

/// Cores that this process may use, by affinity and cgroup.
fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A proxy needs two descriptors for each exchange: the soft limit goes up to the hard one.
fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where it may not be raised, the old limit stays and accepting stops at it.
    let _ = rustix::process::setrlimit(Resource::Nofile, raised);
}
