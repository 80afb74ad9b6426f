//! Datagrams from a listener to servers and back. What a client sends from one port within
//! `udp-idle` is a flow: it goes to one server, by a socket of its own.
//!
//! Nothing waits: where a socket takes no more, a datagram is dropped and counted, as it would be
//! on the way.

mod flow;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::io::unix::AsyncFd;

use self::flow::{Flow, Sent};
use crate::io::{Traffic, register};
use crate::limits::Tally;
use crate::listen::Door;
use crate::record::Counter;
use crate::worker::Worker;

/// The longest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Buffers that are filled at once.
const BATCH: usize = 8;

/// Reads in a row before the worker serves others.
const READS_PER_TURN: usize = 16;

/// A worker's socket of a listener, with the flows that came in by it.
struct Inlet {
    worker: Rc<Worker>,
    socket: AsyncFd<Arc<OwnedFd>>,
    state: UdpSocketState,
    /// Index of the listener in the snapshot.
    listener: u32,
    /// By the client, and the address of ours that it sent to.
    flows: RefCell<HashMap<Ends, Rc<Flow>>>,
    /// Where answers are read to before they go on.
    scratch: RefCell<Vec<u8>>,
}

/// Both ends of a flow on the client's side.
type Ends = (SocketAddr, Option<IpAddr>);

/// The flows of a worker, over all of its sockets.
#[derive(Debug, Default)]
pub struct Flows {
    open: Tally,
    ending: tokio::sync::Notify,
}

impl Flows {
    /// Flows that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.count()
    }

    /// Ends all of them: whoever takes the port next gets what clients send from now on.
    pub fn end_all(&self) {
        self.ending.notify_waiters();
    }
}

/// Takes datagrams from a worker's socket for as long as the task lives.
///
/// # Errors
/// When the socket cannot be watched, or fails.
pub async fn serve(worker: Rc<Worker>, door: Door) -> io::Result<()> {
    let listener = door.plan();
    let socket = register::shared(door.into_socket())?;
    let state = UdpSocketState::new(UdpSockRef::from(socket.get_ref()))?;
    let (flows, scratch) = (RefCell::default(), RefCell::new(vec![0; DATAGRAM_BYTES_MAX]));
    let inlet = Rc::new(Inlet { worker, socket, state, listener, flows, scratch });
    let mut buffers: Vec<_> = (0..BATCH).map(|_| vec![0; DATAGRAM_BYTES_MAX]).collect();
    let mut metas = [RecvMeta::default(); BATCH];
    for turn in 1_usize.. {
        if turn.is_multiple_of(READS_PER_TURN) {
            tokio::task::yield_now().await;
        }
        let mut guard = inlet.socket.readable().await?;
        let mut slices: Vec<_> = buffers.iter_mut().map(|b| IoSliceMut::new(b)).collect();
        let from = UdpSockRef::from(inlet.socket.get_ref());
        match inlet.state.recv(from, &mut slices, &mut metas) {
            Ok(count) => {
                for (meta, buffer) in metas.iter().take(count).zip(&buffers) {
                    inlet.take(meta, buffer.get(..meta.len).unwrap_or_default());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => guard.clear_ready(),
            // Errors of datagrams sent before (recvmsg(2)) say nothing of the next.
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
            | ErrorKind::OutOfMemory
    )
}

impl Inlet {
    /// Takes what came from one client: several datagrams of one length, where the system has
    /// put them together.
    fn take(self: &Rc<Self>, meta: &RecvMeta, data: &[u8]) {
        let ends = (meta.addr, meta.dst_ip);
        self.worker.count_client(Traffic { received: data.len() as u64, sent: 0 });
        // An empty datagram is one as well.
        let datagrams: Vec<&[u8]> = match meta.stride {
            0 => vec![data],
            stride => data.chunks(stride).collect(),
        };
        let flow = self.flows.borrow().get(&ends).cloned();
        let Some(flow) = flow.or_else(|| self.begin(ends)) else {
            return self.drop_some(datagrams.len());
        };
        for datagram in datagrams {
            match flow.pass_on(datagram) {
                Sent::Yes => {}
                Sent::No => self.drop_some(1),
                Sent::Refused => self.pass_elsewhere(ends, datagram),
            }
        }
    }

    /// The server of a flow is gone: a new flow finds another.
    fn pass_elsewhere(self: &Rc<Self>, ends: Ends, datagram: &[u8]) {
        self.flows.borrow_mut().remove(&ends);
        let flow = self.begin(ends);
        if !flow.is_some_and(|flow| flow.pass_on(datagram) == Sent::Yes) {
            self.drop_some(1);
        }
    }

    fn begin(self: &Rc<Self>, ends: Ends) -> Option<Rc<Flow>> {
        let max = self.worker.snapshot().udp_flows_max;
        let Some(place) = self.worker.flows().open.take(max) else {
            self.worker.metrics().limit("udp-flows-max");
            return None;
        };
        self.worker.metrics().add(Counter::UdpFlows, 1);
        let flow = Flow::begin(self, ends, place)?;
        self.flows.borrow_mut().insert(ends, Rc::clone(&flow));
        Some(flow)
    }

    fn drop_some(&self, count: usize) {
        self.worker.metrics().add(Counter::DatagramsDropped, count as u64);
    }

    /// Sends an answer to a client, from the address that it sent to.
    fn answer(&self, (client, local): Ends, datagram: &[u8]) {
        let transmit = Transmit {
            destination: client,
            ecn: None,
            contents: datagram,
            segment_size: None,
            src_ip: local,
        };
        let to = UdpSockRef::from(self.socket.get_ref());
        match self.state.try_send(to, &transmit) {
            Ok(()) => {
                self.worker.count_client(Traffic { received: 0, sent: datagram.len() as u64 });
            }
            Err(_) => self.drop_some(1),
        }
    }

    /// Forgets a flow, unless another has come in its place.
    fn forget(&self, ends: Ends, flow: &Rc<Flow>) {
        let mut flows = self.flows.borrow_mut();
        if flows.get(&ends).is_some_and(|known| Rc::ptr_eq(known, flow)) {
            flows.remove(&ends);
        }
    }
}
