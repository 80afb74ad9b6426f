//! Room 1: sockets are bound once, workers accept on their own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::SocketFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::codec;
use crate::connection::{Connection, Place};
use crate::fault::Fault;
use crate::io::{Buffer, Peer, Stream, register};
use crate::layer4;
use crate::page;
use crate::proxy_protocol;
use crate::tls;
use crate::transport::Transport;
use crate::worker::Worker;

/// Connections that the system queues for us.
const BACKLOG: i32 = 4096;

/// Connections that are accepted in a row before the worker serves others.
const ACCEPTS_PER_TURN: usize = 64;

/// Pause after the system ran out of descriptors: accepting again at once would only spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A bound address, with one socket for each worker.
#[derive(Debug)]
pub struct Listener {
    /// The address as it is shown.
    pub label: String,
    /// The port that the system chose where 0 was asked for.
    pub address: Option<SocketAddr>,
    sockets: Vec<Arc<OwnedFd>>,
    path: Option<PathBuf>,
    /// Its index in the snapshot.
    plan: u32,
    is_udp: bool,
}

/// A worker's socket of a listener.
#[derive(Clone, Debug)]
pub struct Door {
    socket: Arc<OwnedFd>,
    plan: u32,
    is_udp: bool,
}

impl Door {
    /// Index of the listener in the snapshot.
    #[must_use]
    pub fn plan(&self) -> u32 {
        self.plan
    }

    /// Whether datagrams come in here.
    #[must_use]
    pub fn is_udp(&self) -> bool {
        self.is_udp
    }

    /// The socket.
    #[must_use]
    pub fn into_socket(self) -> Arc<OwnedFd> {
        self.socket
    }
}

impl Listener {
    /// Binds a TCP address for the listener at index `plan` of the snapshot. Each worker gets a
    /// socket of its own, so that the kernel spreads connections and no worker wakes another.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn tcp(address: SocketAddr, workers: usize, plan: u32) -> io::Result<Self> {
        let (bound, sockets) = bind_each(address, workers, bind_tcp)?;
        for socket in &sockets {
            rustix::net::listen(socket, BACKLOG)?;
        }
        let (label, address) = (bound.to_string(), Some(bound));
        Ok(Self { label, address, sockets, path: None, plan, is_udp: false })
    }

    /// Binds a UDP address, with a socket for each worker: the system leads a client's datagrams
    /// to the same one each time.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn udp(address: SocketAddr, workers: usize, plan: u32) -> io::Result<Self> {
        let (bound, sockets) = bind_each(address, workers, bind_udp)?;
        let label = format!("udp:{bound}");
        Ok(Self { label, address: None, sockets, path: None, plan, is_udp: true })
    }

    /// Binds a Unix socket, shared by all workers. A stale socket file is replaced; a live one
    /// is not.
    ///
    /// # Errors
    /// When the path cannot be bound, or another process listens on it.
    pub fn unix(path: &Path, workers: usize, plan: u32) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        if is_stale(path, &address)? {
            std::fs::remove_file(path)?;
        }
        socket.bind(&address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(OwnedFd::from(socket));
        Ok(Self {
            label: format!("unix:{}", path.display()),
            address: None,
            sockets: vec![socket; workers.max(1)],
            path: Some(path.to_owned()),
            plan,
            is_udp: false,
        })
    }

    /// Hands each worker its socket; none is kept, so that a drain can close them.
    #[must_use]
    pub fn take_doors(&mut self) -> Vec<Door> {
        let (plan, is_udp) = (self.plan, self.is_udp);
        self.sockets.drain(..).map(|socket| Door { socket, plan, is_udp }).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A socket for each worker, bound to one address, and that address with the port it got.
fn bind_each(
    address: SocketAddr,
    workers: usize,
    bind: fn(SocketAddr, bool) -> io::Result<Socket>,
) -> io::Result<(SocketAddr, Vec<Arc<OwnedFd>>)> {
    // The probe fails where another process listens; sharing the port would succeed.
    drop(bind(address, false)?);
    let first = bind(address, true)?;
    let bound = first.local_addr()?.as_socket().unwrap_or(address);
    let mut sockets = vec![Arc::new(OwnedFd::from(first))];
    while sockets.len() < workers {
        sockets.push(Arc::new(OwnedFd::from(bind(bound, true)?)));
    }
    Ok((bound, sockets))
}

fn bind_udp(address: SocketAddr, shares: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    bind(socket, address, shares)
}

fn bind_tcp(address: SocketAddr, shares: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, which saves a system call for each.
    socket.set_tcp_nodelay(true)?;
    bind(socket, address, shares)
}

fn bind(socket: Socket, address: SocketAddr, shares: bool) -> io::Result<Socket> {
    socket.set_reuse_port(shares)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 too; a listener on an IPv4 address may stand beside it.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Whether the path is a socket that nobody listens on. Anything else is left alone.
fn is_stale(path: &Path, address: &SockAddr) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt;
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Ok(false) };
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Ok(metadata.file_type().is_socket())
        }
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// Accepts on a worker's socket for as long as the task lives.
///
/// # Errors
/// When the socket cannot be watched or is no listening socket.
pub async fn accept(worker: Rc<Worker>, door: Door) -> io::Result<()> {
    let socket = register::shared(door.socket)?;
    for accepted in 1_usize.. {
        // The driver's own budget does not count these: others get their turn here.
        if accepted.is_multiple_of(ACCEPTS_PER_TURN) {
            tokio::task::yield_now().await;
        }
        let mut guard = socket.readable().await?;
        match accept_one(&worker, socket.get_ref(), door.plan) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => guard.clear_ready(),
            Err(error @ (Errno::BADF | Errno::INVAL | Errno::NOTSOCK)) => return Err(error.into()),
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                worker.out_of_descriptors();
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
            // An error of the connection that was to be accepted (accept(2)).
            Err(_) => {}
        }
    }
    Ok(())
}

/// Accepts what the system has queued already, before the socket is closed.
pub fn accept_queued(worker: &Rc<Worker>, door: &Door) {
    for _ in 0..BACKLOG {
        if accept_one(worker, &door.socket, door.plan) == Err(Errno::AGAIN) {
            return;
        }
    }
}

fn accept_one(worker: &Rc<Worker>, socket: &OwnedFd, plan: u32) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (fd, address) = rustix::net::acceptfrom_with(socket, flags)?;
    admit(worker, fd, (peer(address), plan));
    Ok(())
}

fn peer(address: Option<rustix::net::SocketAddrAny>) -> Peer {
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    address.map_or(Peer::Unix, Peer::Tcp)
}

/// Gives a new connection its place, or turns it away.
fn admit(worker: &Rc<Worker>, fd: OwnedFd, (peer, plan): (Peer, u32)) {
    let snapshot = worker.snapshot();
    let listener = snapshot.listeners.get(plan as usize);
    let is_relayed = listener.is_some_and(|listener| listener.is_relayed(peer));
    // Whom a relayed connection counts for is said by its header.
    let counted = if is_relayed { Peer::Unix } else { peer };
    let taken =
        worker.seats().take(counted, snapshot.connections_max, snapshot.connections_per_client_max);
    match taken {
        Ok(seat) => {
            if let Ok(stream) = Stream::new(fd, peer) {
                let mut place = Place::new(Rc::clone(worker), seat, (peer, plan));
                if snapshot.tells_addresses {
                    place.set_local(stream.local());
                }
                if is_relayed {
                    proxy_protocol::receive::welcome(Rc::clone(worker), stream, place);
                } else {
                    enter(worker, stream, place);
                }
            }
        }
        Err(fault) => {
            let speaks_http = listener.is_some_and(|listener| listener.speaks_http());
            turn_away(worker, &fd, (fault, speaks_http && !is_relayed));
        }
    }
}

/// Room 2 where the listener is encrypted, else straight to what is spoken.
pub(crate) fn enter(worker: &Rc<Worker>, stream: Stream, place: Place) {
    if place.may_be_passed() {
        layer4::peek::start(worker, stream, place);
    } else if place.is_encrypted() {
        tls::accept(Rc::clone(worker), stream, place);
    } else if place.is_passed_on() {
        layer4::start(worker, stream, (place, layer4::Way::Only));
    } else if place.is_h2_only() {
        codec::h2::start(Rc::clone(worker), stream, place, Buffer::default());
    } else {
        Connection::new(Rc::new(Transport::new(stream)), place).start();
    }
}

/// One attempt to say why, without waiting: whoever is over a limit gets no resources. One who
/// would not understand it is reset.
fn turn_away(worker: &Worker, fd: &OwnedFd, (fault, understands): (Fault, bool)) {
    worker.turned_away(fault);
    if !understands {
        let _ = rustix::net::sockopt::set_socket_linger(fd, Some(Duration::ZERO));
        return;
    }
    let mut bytes = Vec::new();
    page::write_refusal(fault, &mut bytes);
    let _ = rustix::net::send(fd, &bytes, rustix::net::SendFlags::NOSIGNAL);
    // The end of our side, and then of theirs: an answer must not be lost to a reset.
    let _ = rustix::net::shutdown(fd, rustix::net::Shutdown::Write);
    let mut scratch = [0_u8; 4096];
    let _ = rustix::net::recv(fd, &mut scratch[..], rustix::net::RecvFlags::DONTWAIT);
}
