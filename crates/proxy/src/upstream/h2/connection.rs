//! One connection of HTTP/2 to a server, and the task that drives it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};

use crate::codec::h2::{PREFACE_BYTES, Shared, Wire};
use crate::fault::{Fault, Kind, Retry};
use crate::io::{Buffer, Stream, Traffic, clock};
use crate::snapshot::Snapshot;

/// What the settings of a server are waited for at the most, where they matter.
const SETTINGS_WAIT: Duration = Duration::from_secs(1);

/// How often they are looked for.
const SETTINGS_LOOK: Duration = Duration::from_millis(5);

/// A connection that carries streams.
pub(crate) struct Connection {
    send: RefCell<SendRequest<Bytes>>,
    shared: Rc<Shared>,
    stream: Rc<Stream>,
    active: Cell<usize>,
    idle_since: Cell<Instant>,
    ended: Rc<Cell<bool>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("active", &self.active).finish_non_exhaustive()
    }
}

impl Connection {
    /// Begins to speak HTTP/2 on a connected stream.
    ///
    /// # Errors
    /// When the server is gone.
    pub(crate) async fn begin(stream: Stream, snapshot: &Snapshot) -> Result<Rc<Self>, Fault> {
        let stream = Rc::new(stream);
        let shared = Rc::new(Shared::towards_server(&snapshot.http2));
        let prefaces = (0, PREFACE_BYTES);
        let wire = Wire::new(Rc::clone(&stream), Buffer::default(), Rc::clone(&shared), prefaces);
        let shaken = builder(snapshot).handshake::<_, Bytes>(wire).await;
        let gone = |_| Fault::upstream(Kind::ConnectionTerminated, Retry::IfUnsent);
        let (send, connection) = shaken.map_err(gone)?;
        let ended = Rc::new(Cell::new(false));
        let (driven, over) = (Rc::clone(&shared), Rc::clone(&ended));
        tokio::task::spawn_local(async move {
            drive(connection, &driven).await;
            over.set(true);
            driven.end();
        });
        Ok(Rc::new(Self {
            send: RefCell::new(send),
            shared,
            stream,
            active: Cell::new(0),
            idle_since: Cell::new(clock::coarse()),
            ended,
        }))
    }

    /// A handle that opens one stream.
    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.send.borrow().clone()
    }

    /// What the streams of this connection share.
    pub(crate) fn shared(&self) -> &Rc<Shared> {
        &self.shared
    }

    /// Whether it can carry one more stream now.
    pub(super) fn has_room(&self, streams_max: usize) -> bool {
        let theirs = self.send.borrow().current_max_send_streams();
        !self.is_over() && self.active.get() < streams_max.min(theirs)
    }

    /// Whether no further stream can be opened.
    pub(super) fn is_over(&self) -> bool {
        self.ended.get() || self.shared.is_draining()
    }

    /// Whether nothing runs on it, for so long.
    pub(super) fn is_idle_for(&self, time: Duration, now: Instant) -> bool {
        self.active.get() == 0 && now.saturating_duration_since(self.idle_since.get()) >= time
    }

    /// Streams that run on it.
    pub(super) fn active(&self) -> usize {
        self.active.get()
    }

    /// A stream begins.
    pub(crate) fn enter(&self) {
        self.active.set(self.active.get() + 1);
    }

    /// A stream has ended; returns what has gone over the wire since the last time.
    pub(crate) fn leave(&self) -> Traffic {
        self.active.set(self.active.get().saturating_sub(1));
        self.idle_since.set(clock::coarse());
        self.stream.take_traffic()
    }

    /// Whether the server takes extended CONNECT (RFC 8441 §3). On a new connection its settings
    /// may still be on their way.
    pub(super) async fn takes_extended_connect(&self) -> bool {
        let settled = async {
            while !self.shared.is_greeted() && !self.ended.get() {
                tokio::time::sleep(SETTINGS_LOOK).await;
            }
        };
        let _ = tokio::time::timeout(SETTINGS_WAIT, settled).await;
        self.send.borrow().is_extended_connect_protocol_enabled()
    }
}

/// Drives a connection until it ends. A server that says that it will take no more streams, or
/// abuses the protocol, gets none.
async fn drive(connection: h2::client::Connection<Wire, Bytes>, shared: &Shared) {
    let mut connection = pin!(connection);
    std::future::poll_fn(|cx| {
        let polled = connection.as_mut().poll(cx);
        if shared.is_spent() {
            return std::task::Poll::Ready(());
        }
        // How it ended is told by its streams.
        polled.map(drop)
    })
    .await;
}

fn builder(snapshot: &Snapshot) -> Builder {
    let settings = &snapshot.http2;
    let head_bytes_max = u32::try_from(snapshot.head_limits.head_bytes_max).unwrap_or(u32::MAX);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_header_list_size(head_bytes_max)
        .max_send_buffer_size(usize::try_from(settings.send_bytes_max).unwrap_or(usize::MAX));
    builder
}
