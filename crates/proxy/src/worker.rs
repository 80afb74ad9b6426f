//! One worker: a thread with its runtime, and everything that is its own.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Error;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use balance::Random;
use slab::Slab;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_local};

use crate::codec::h2::{Crew, Shared};
use crate::fault::Fault;
use crate::io::stream::Peek;
use crate::io::{Traffic, clock, memory, timer};
use crate::layer4;
use crate::layer4::udp::Flows;
use crate::limits::{Seats, Tally};
use crate::listen::{self, Door};
use crate::parking::{self, ParkingLot};
use crate::record::{
    Counter, Gauge, LabelledMetrics, LogRecord, Metrics, WorkerLog, WorkerMetrics, account,
};
use crate::snapshot::{InForce, Snapshot, SnapshotRef};
use crate::transport::Transport;
use crate::upstream::Upstreams;

/// Ticks of the timer wheel between two rounds of housekeeping.
const TICKS_PER_ROUND: u32 = 5;

/// Threads that wait for the cache's disk on behalf of one worker.
const DISK_THREADS_MAX: usize = 32;

/// How long a worker that ends waits for those threads.
const DISK_PATIENCE: Duration = Duration::from_secs(2);

/// Rounds between two sweeps of idle upstream connections.
const ROUNDS_PER_SWEEP: u32 = 4;

/// What the process tells a worker.
#[derive(Debug)]
pub enum Order {
    /// New exchanges use this snapshot.
    Adopt(Arc<Snapshot>, Metrics),
    /// Accept no more, finish what runs, end within this time.
    Drain(Duration),
    /// End now.
    Stop,
}

/// What a worker is made of.
pub struct Parts {
    /// Its number, from 0.
    pub index: usize,
    /// The snapshot to begin with.
    pub snapshot: Arc<Snapshot>,
    /// Connections over all workers.
    pub seats: Arc<Seats>,
    /// Its counters.
    pub metrics: LabelledMetrics,
    /// Its side of each access log.
    pub logs: Vec<WorkerLog>,
    /// Gives memory that this thread's allocator holds back to the system.
    pub give_back: fn(),
}

/// A worker, as its connections see it.
pub struct Worker {
    index: usize,
    in_force: RefCell<SnapshotRef>,
    seats: Arc<Seats>,
    metrics: WorkerMetrics,
    logs: RefCell<Vec<WorkerLog>>,
    connections: Connections,
    parking: ParkingLot,
    crew: Rc<Crew>,
    draining: Cell<bool>,
    random: RefCell<Random>,
    flows: Flows,
    /// Copies of requests under way.
    copies: Tally,
    /// Stored responses that are being validated beside answers.
    refreshes: Tally,
    /// For tasks that outlive what began them.
    me: Weak<Self>,
    give_back: fn(),
    /// Connections were parked since memory was given back.
    has_parked: Cell<bool>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl Worker {
    fn new(parts: Parts) -> std::io::Result<Rc<Self>> {
        let parking = ParkingLot::new()?;
        let servers = Upstreams::for_snapshot(&parts.snapshot, &Upstreams::default(), parts.index);
        Ok(Rc::new_cyclic(|me| Self {
            index: parts.index,
            metrics: parts.metrics.plain(),
            in_force: RefCell::new(InForce::new(parts.snapshot, servers, parts.metrics)),
            seats: parts.seats,
            logs: RefCell::new(parts.logs),
            connections: Connections::default(),
            parking,
            crew: Rc::default(),
            draining: Cell::new(false),
            random: RefCell::new(Random::new(RandomState::new().build_hasher().finish())),
            give_back: parts.give_back,
            has_parked: Cell::new(false),
            flows: Flows::default(),
            copies: Tally::default(),
            refreshes: Tally::default(),
            me: Weak::clone(me),
        }))
    }

    /// Its number, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The snapshot for a new exchange.
    #[must_use]
    pub fn snapshot(&self) -> SnapshotRef {
        Rc::clone(&self.in_force.borrow())
    }

    /// Connections over all workers.
    #[must_use]
    pub fn seats(&self) -> &Arc<Seats> {
        &self.seats
    }

    /// This worker's counters that belong to no snapshot.
    #[must_use]
    pub fn metrics(&self) -> &WorkerMetrics {
        &self.metrics
    }

    /// This worker's client connections.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// A connection has just given up its memory.
    pub fn note_parked(&self) {
        self.has_parked.set(true);
    }

    /// The flows of UDP.
    #[must_use]
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Whether nobody is served.
    fn is_idle(&self) -> bool {
        self.connections.is_empty() && self.parking.is_empty() && self.flows.open() == 0
    }

    /// A number by chance.
    #[must_use]
    pub fn draw(&self) -> u64 {
        self.random.borrow_mut().next()
    }

    /// Copies of requests that are under way.
    #[must_use]
    pub fn copies(&self) -> &Tally {
        &self.copies
    }

    /// Stored responses that are being validated beside answers.
    #[must_use]
    pub fn refreshes(&self) -> &Tally {
        &self.refreshes
    }

    /// This worker, for a task that outlives what began it.
    #[must_use]
    pub fn handle(&self) -> Option<Rc<Self>> {
        self.me.upgrade()
    }

    /// The connections between requests.
    #[must_use]
    pub fn parking(&self) -> &ParkingLot {
        &self.parking
    }

    /// The tasks that serve streams of HTTP/2.
    #[must_use]
    pub fn crew(&self) -> &Rc<Crew> {
        &self.crew
    }

    /// Whether the worker takes no new requests.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Writes one line to each access log; the record is only made if there is one.
    pub fn log<'a>(&self, record: impl FnOnce() -> LogRecord<'a>) {
        let mut logs = self.logs.borrow_mut();
        if logs.is_empty() {
            return;
        }
        let record = record();
        logs.iter_mut().for_each(|log| log.record(&record));
    }

    /// Raises a gauge for as long as the guard lives.
    #[must_use]
    pub fn raise(&self, gauge: Gauge) -> impl Drop + '_ {
        self.metrics.rise(gauge);
        Falling { worker: self, gauge }
    }

    /// Counts what went over a client's connection.
    pub fn count_client(&self, traffic: Traffic) {
        self.metrics.add(Counter::BytesIn, traffic.received);
        self.metrics.add(Counter::BytesOut, traffic.sent);
    }

    /// Counts a connection that was turned away at the door.
    pub fn turned_away(&self, fault: Fault) {
        account::count_fault(self, fault);
    }

    /// Counts a refused accept: the process has no descriptors left.
    pub fn out_of_descriptors(&self) {
        self.metrics.limit("descriptors");
    }

    fn adopt(&self, snapshot: Arc<Snapshot>, metrics: &Metrics) {
        let before = self.snapshot();
        let servers = Upstreams::for_snapshot(&snapshot, before.servers(), self.index);
        let metrics = metrics.worker(self.index);
        self.in_force.replace(InForce::new(snapshot, servers, metrics));
    }

    fn keep_house(&self, sweeps: bool) {
        self.logs.borrow_mut().iter_mut().for_each(WorkerLog::flush);
        let in_force = self.snapshot();
        let upstreams = in_force.servers();
        upstreams.keep_house();
        let traffic = upstreams.take_traffic();
        self.metrics.add(Counter::UpstreamBytesIn, traffic.received);
        self.metrics.add(Counter::UpstreamBytesOut, traffic.sent);
        self.metrics.set(Gauge::UpstreamConnectionsOpen, upstreams.connections() as u64);
        if sweeps && self.has_parked.take() {
            (self.give_back)();
        }
        if sweeps {
            upstreams.sweep();
            self.crew.thin();
            (0..self.parking.sweep()).for_each(|_| self.metrics.timeout("client-idle"));
            upstreams.idle().for_each(|(index, idle)| in_force.metrics().pool_idle(index, idle));
        }
        let open = self.connections.len() + self.parking.len();
        self.metrics.set(Gauge::ConnectionsOpen, open as u64);
        self.metrics.set(Gauge::UdpFlowsOpen, self.flows.open() as u64);
        if self.index == 0 {
            // The budget is one for all workers, and the gauge is summed over them.
            self.metrics.set(Gauge::MemoryUsed, memory::used() as u64);
        }
    }
}

/// A gauge that falls when the guard goes.
struct Falling<'a> {
    worker: &'a Worker,
    gauge: Gauge,
}

impl Drop for Falling<'_> {
    fn drop(&mut self) {
        self.worker.metrics.fall(self.gauge);
    }
}

/// The client connections of a worker, to end the idle ones when it drains.
#[derive(Debug, Default)]
pub struct Connections {
    entries: RefCell<Slab<Open>>,
}

/// A client connection as the worker knows it.
#[derive(Debug)]
pub enum Open {
    /// Of HTTP/1.1, and whether it is between requests.
    H1(Rc<Transport>, bool),
    /// Of HTTP/2.
    H2(Rc<Shared>),
}

impl Connections {
    /// Registers a connection.
    pub fn insert(&self, open: Open) -> usize {
        self.entries.borrow_mut().insert(open)
    }

    /// Forgets a connection.
    pub fn remove(&self, key: usize) {
        self.entries.borrow_mut().try_remove(key);
    }

    /// Says whether a connection is between requests.
    pub fn set_idle(&self, key: usize, idle: bool) {
        if let Some(Open::H1(_, is_idle)) = self.entries.borrow_mut().get_mut(key) {
            *is_idle = idle;
        }
    }

    /// Number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the connections that are between requests. One whose next request is already in the
    /// socket is left to answer it; one of HTTP/2 is told to open no more streams.
    fn close_idle(&self) {
        for (_, open) in &*self.entries.borrow() {
            match open {
                Open::H1(transport, idle) => {
                    let begun =
                        transport.has_buffered() || transport.stream().peek() != Peek::Quiet;
                    if *idle && !begun {
                        transport.stream().farewell();
                        transport.stream().shutdown();
                    }
                }
                Open::H2(shared) => shared.drain(),
            }
        }
    }
}

/// Runs a worker on this thread until it is told to end.
///
/// # Errors
/// When the runtime cannot be built.
pub fn run(
    parts: Parts,
    sockets: Vec<Door>,
    mut orders: UnboundedReceiver<Order>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS_MAX)
        .build_local(Default::default())?;
    let ended = runtime.block_on(async move {
        let worker = Worker::new(parts)?;
        let mut accepting: Vec<_> = sockets
            .iter()
            .map(|door| match door.is_udp() {
                false => spawn_local(listen::accept(Rc::clone(&worker), door.clone())),
                true => spawn_local(layer4::udp::serve(Rc::clone(&worker), door.clone())),
            })
            .collect();
        let mut house = tokio::task::spawn_local(keep_house(Rc::clone(&worker)));
        let mut parking = tokio::task::spawn_local(parking::watch(Rc::clone(&worker)));
        let wait = tokio::select! {
            wait = obey(&worker, &mut orders) => wait,
            // None of these ends by itself; a worker without one of them is of no use.
            _ = &mut house => return Err(Error::other("the housekeeping has ended")),
            _ = &mut parking => return Err(Error::other("the watch of idle connections has ended")),
            () = any_ends(&mut accepting) => return Err(Error::other("a listener has ended")),
        };
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(wait) = wait {
            worker.draining.set(true);
            let streams = sockets.iter().filter(|door| !door.is_udp());
            streams.for_each(|door| listen::accept_queued(&worker, door));
            worker.flows.end_all();
            drop((sockets, accepting));
            tokio::select! {
                () = drain(&worker, wait) => {}
                _ = stopped(&mut orders) => {}
            }
        }
        house.abort();
        parking.abort();
        worker.parking.close_all();
        worker.keep_house(false);
        Ok(())
    });
    // A disk that hangs would hold up the end for ever.
    runtime.shutdown_timeout(DISK_PATIENCE);
    ended
}

/// Follows orders until one says to end; returns how long a drain may take.
async fn obey(worker: &Worker, orders: &mut UnboundedReceiver<Order>) -> Option<Duration> {
    loop {
        match orders.recv().await {
            Some(Order::Adopt(snapshot, metrics)) => worker.adopt(snapshot, &metrics),
            Some(Order::Drain(wait)) => return Some(wait),
            Some(Order::Stop) | None => return None,
        }
    }
}

/// Ready when one of the tasks has ended.
async fn any_ends<T>(tasks: &mut [JoinHandle<T>]) {
    std::future::poll_fn(|cx| {
        let ended = tasks.iter_mut().any(|task| Pin::new(task).poll(cx).is_ready());
        if ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Waits until there is no more to wait for.
async fn stopped(orders: &mut UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if matches!(order, Order::Stop) {
            return;
        }
    }
}

/// Waits for running exchanges, `wait` at the most.
async fn drain(worker: &Worker, wait: Duration) {
    let ended = async {
        while !worker.is_idle() {
            worker.parking.close_quiet();
            worker.connections.close_idle();
            tokio::time::sleep(timer::TICK).await;
        }
    };
    if tokio::time::timeout(wait, ended).await.is_err() {
        worker.metrics.timeout("shutdown");
    }
}

async fn keep_house(worker: Rc<Worker>) {
    let mut tick = tokio::time::interval(timer::TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut ticks, mut rounds) = (0_u32, 0_u32);
    loop {
        tick.tick().await;
        clock::tick();
        timer::turn();
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(TICKS_PER_ROUND) {
            rounds = rounds.wrapping_add(1);
            worker.keep_house(rounds.is_multiple_of(ROUNDS_PER_SWEEP));
        }
    }
}
