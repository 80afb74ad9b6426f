//! Starting what a configuration describes, and ending it well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::{Config, ListenAddress};
use control::{Admin, AdminAddress, Control, Discoverer, Notify, Views};
use proxy::engine::Engine;
use proxy::listen::Listener;
use proxy::record::metrics::exposition;
use proxy::record::{AccessLog, Format, LogFormat, Metrics, Target};
use rustix::process::{Resource, Rlimit};

use crate::caches;
use crate::certificates::Certificates;
use crate::command::{self, Failure};
use crate::discovery;
use crate::explain;
use crate::live::{Live, Now};
use crate::roster::{Lists, Roster};
use crate::servers::{self, Standings};
use crate::signals::{Signals, Told};

/// How long the last log lines may take to be written at the end.
const LOG_WAIT: Duration = Duration::from_secs(2);

/// How long what waits for a cache's disk may take to be written at the end.
const DISK_WAIT: Duration = Duration::from_secs(5);

/// How often the workers are looked after.
const HEALTH_LOOK: Duration = Duration::from_secs(1);

/// How often a drain looks whether it is over.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// A running proxy.
pub(crate) struct Running {
    signals: Signals,
    engine: Engine,
    config: Arc<Config>,
    live: Arc<Live>,
    certificates: Certificates,
    standings: Standings,
    workers: usize,
    healthy: Arc<AtomicBool>,
    notify: Notify,
    admin: Option<Admin>,
    _discoverer: Discoverer,
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
        let config = Arc::new(config);
        raise_descriptor_limit();
        // Before anything listens: from then on a signal must find its way.
        let signals = Signals::catch()?;
        let snapshot = command::compile(&config, None)?;
        let lists = Lists::new(&config);
        let snapshot = Arc::new(snapshot.with_servers(lists.grown()));
        let workers = config.workers.map_or_else(available_cores, usize::from).max(1);
        let listeners = bind(&config, workers)?;
        caches::open_disks(&snapshot);
        let metrics = Metrics::new(snapshot.shape(workers));
        let logs = open_logs(&config, &metrics)?;
        let live = Arc::new(Live::new(Now { snapshot, metrics }));
        let control = Control::start().map_err(|error| {
            Failure::failed(format!("cannot start the control thread: {error}"))
        })?;
        let roster = Arc::new(Roster::new(lists, Arc::clone(&live)));
        let discoverer = discovery::start(&config, &control, (&live, &roster));
        let healthy = Arc::new(AtomicBool::new(true));
        let admin = start_admin(&config, &control, (&live, &healthy, &roster))?;
        let Now { snapshot, metrics } = live.now();
        let engine = Engine::start(
            &snapshot,
            listeners,
            workers,
            (&metrics, logs, crate::allocator::give_back),
        )
        .map_err(|error| Failure::failed(format!("cannot start a worker: {error}")))?;
        roster.adopt_with(engine.adopter());
        Ok(Self {
            signals,
            engine,
            config,
            certificates: Certificates::of(&snapshot, &metrics),
            standings: Standings::default(),
            live,
            workers,
            healthy,
            notify: Notify::new(std::env::var_os("NOTIFY_SOCKET")),
            admin,
            _discoverer: discoverer,
            _control: control,
        })
    }

    /// What runs where.
    pub(crate) fn startup_line(&self) -> String {
        let snapshot = self.live.snapshot();
        let listeners: Vec<_> =
            self.engine.listeners().iter().map(|listener| listener.label.as_str()).collect();
        format!(
            "weir {} listening on {} ({} workers, {} routes, {} upstreams)",
            env!("CARGO_PKG_VERSION"),
            listeners.join(", "),
            self.workers,
            snapshot.routes.len(),
            snapshot.upstreams.len(),
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
                    self.standings.look(&self.live.snapshot());
                }
            }
        }
        self.drain();
        self.engine.stop();
        self.engine.join(LOG_WAIT);
        caches::close_disks(&self.live.snapshot(), DISK_WAIT);
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
                let bind = match listener.protocol {
                    config::ListenerProtocol::Udp => Listener::udp,
                    _ => Listener::tcp,
                };
                for address in addresses {
                    listeners.push(bind(*address, workers, plan).map_err(failed)?);
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

fn start_admin(
    config: &Arc<Config>,
    control: &Control,
    (live, healthy, roster): (&Arc<Live>, &Arc<AtomicBool>, &Arc<Roster>),
) -> Result<Option<Admin>, Failure> {
    let Some(admin) = &config.admin else { return Ok(None) };
    let address = AdminAddress::from(&admin.address);
    let (healthy, fleet) = (Arc::clone(healthy), (Arc::clone(live), Arc::clone(roster)));
    let (shown, counted, listed) = (Arc::clone(live), Arc::clone(live), Arc::clone(live));
    let (stores, topped, purged) = (Arc::clone(live), Arc::clone(live), Arc::clone(live));
    let asked = (Arc::clone(live), Arc::clone(config));
    let (change, add, remove) = (fleet.clone(), fleet.clone(), fleet);
    let views = Views {
        metrics: Box::new(move |text| exposition::render(&shown.now().metrics, text)),
        status: Box::new(move || status(&counted.now().metrics)),
        healthy: Box::new(move || healthy.load(Ordering::Relaxed)),
        upstreams: Box::new(move || servers::list(&listed.snapshot())),
        change_server: Box::new(move |at, body| servers::change((&change.0, &change.1), at, body)),
        add_server: Box::new(move |upstream, body| servers::add((&add.0, &add.1), upstream, body)),
        remove_server: Box::new(move |at| servers::remove((&remove.0, &remove.1), at)),
        caches: Box::new(move || caches::list(&stores.now())),
        top: Box::new(move |query| caches::top::list(&topped.snapshot(), query)),
        purge: Box::new(move |body| caches::purge(&purged.snapshot(), body)),
        explain: Box::new(move |body| explain::answer(&asked.0.snapshot(), &asked.1, body)),
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
