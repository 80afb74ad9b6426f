//! The data plane as the rest of the house sees it: starts workers, gives them snapshots, ends
//! them. It knows no admin API.

use std::io;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::io::memory;
use crate::limits::Seats;
use crate::listen::{Door, Listener};
use crate::record::{AccessLog, Metrics};
use crate::snapshot::Snapshot;
use crate::worker::{self, Order, Parts};

/// Running workers.
pub struct Engine {
    workers: Vec<RunningWorker>,
    logs: Vec<AccessLog>,
    seats: Arc<Seats>,
    listeners: Vec<Listener>,
    give_back: fn(),
}

/// Gives snapshots to running workers.
#[derive(Clone, Debug)]
pub struct Adopter {
    orders: Vec<UnboundedSender<Order>>,
}

impl Adopter {
    /// Lets every worker use this snapshot for its next exchanges; `metrics` has its labels.
    pub fn adopt(&self, snapshot: &Arc<Snapshot>, metrics: &Metrics) {
        memory::set_max(snapshot.memory_bytes_max);
        for orders in &self.orders {
            // A worker that has ended needs no snapshot.
            let _ = orders.send(Order::Adopt(Arc::clone(snapshot), metrics.clone()));
        }
    }
}

struct RunningWorker {
    orders: UnboundedSender<Order>,
    thread: JoinHandle<io::Result<()>>,
}

impl Engine {
    /// Starts `workers` threads on the listeners. `give_back` is called on a worker's thread when
    /// connections have gone idle, to return what its allocator holds to the system.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        snapshot: &Arc<Snapshot>,
        listeners: Vec<Listener>,
        workers: usize,
        (metrics, logs, give_back): (&Metrics, Vec<AccessLog>, fn()),
    ) -> io::Result<Self> {
        memory::set_max(snapshot.memory_bytes_max);
        let mut listeners = listeners;
        let sockets: Vec<_> = listeners.iter_mut().map(Listener::take_doors).collect();
        let mut engine =
            Self { workers: Vec::new(), logs, seats: Arc::default(), listeners, give_back };
        for index in 0..workers {
            let own = sockets.iter().filter_map(|each| each.get(index).cloned()).collect();
            engine.start_worker(index, Arc::clone(snapshot), (metrics, own))?;
        }
        Ok(engine)
    }

    fn start_worker(
        &mut self,
        index: usize,
        snapshot: Arc<Snapshot>,
        (metrics, sockets): (&Metrics, Vec<Door>),
    ) -> io::Result<()> {
        let (sender, orders) = unbounded_channel();
        let seats = Arc::clone(&self.seats);
        let logs: Vec<_> = self.logs.iter().map(AccessLog::worker).collect();
        let metrics = metrics.clone();
        let give_back = self.give_back;
        let thread =
            std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                let metrics = metrics.worker(index);
                let parts = Parts { index, snapshot, seats, metrics, logs, give_back };
                worker::run(parts, sockets, orders)
            })?;
        self.workers.push(RunningWorker { orders: sender, thread });
        Ok(())
    }

    /// The bound listeners.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Client connections open now.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.seats.open()
    }

    /// The way to give the workers further snapshots, from any thread.
    #[must_use]
    pub fn adopter(&self) -> Adopter {
        Adopter { orders: self.workers.iter().map(|worker| worker.orders.clone()).collect() }
    }

    /// Opens log files again under their names.
    pub fn reopen_logs(&self) {
        self.logs.iter().for_each(AccessLog::reopen);
    }

    /// Accepts no more and finishes what runs, within `wait`.
    pub fn drain(&self, wait: Duration) {
        self.order(|| Order::Drain(wait));
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.order(|| Order::Stop);
    }

    /// Waits for the workers to end, then for the logs to be written.
    pub fn join(self, log_wait: Duration) {
        for worker in self.workers {
            // A worker that panicked has said so on standard error already.
            let _ = worker.thread.join();
        }
        for log in self.logs {
            log.stop(log_wait);
        }
    }

    /// Whether a worker has ended, which none does unasked.
    #[must_use]
    pub fn has_lost_worker(&self) -> bool {
        self.workers.iter().any(|worker| worker.thread.is_finished())
    }

    /// Whether every worker has ended.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.workers.iter().all(|worker| worker.thread.is_finished())
    }

    fn order(&self, order: impl Fn() -> Order) {
        for worker in &self.workers {
            // A worker that has ended needs no orders.
            let _ = worker.orders.send(order());
        }
    }
}
