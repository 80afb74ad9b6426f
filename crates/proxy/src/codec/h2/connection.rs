//! One HTTP/2 connection of a client: the task that drives it, and what ends it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, Handshake, SendResponse};
use h2::{Reason, RecvStream};

use super::frames::PREFACE;
use super::shared::Shared;
use super::stream::Arrival;
use super::wire::Wire;
use crate::connection::{Entrance, Place};
use crate::fault::{Fault, Kind, Rule};
use crate::io::{Buffer, Stream, Timer, memory};
use crate::record::{Counter, account};
use crate::snapshot::Snapshot;
use crate::worker::{Open, Worker};

/// What an open connection takes up in buffers and tables, at the least.
const CONNECTION_BYTES: usize = 16 * 1024;

/// How long the last words of a connection may take to be read.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that a closing connection reads and drops at the most.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// Streams that we reset and whose late frames are still ignored in silence.
const RESETS_REMEMBERED: usize = 50;

/// Serves a connection on a task of its own. `incoming` has been read already.
pub fn start(worker: Rc<Worker>, stream: Stream, place: Place, incoming: Buffer) {
    tokio::task::spawn_local(async move {
        let driver = Driver::new(worker, stream, place);
        driver.run(incoming).await;
    });
}

/// A request with the way to answer it.
type Accepted = (http::Request<RecvStream>, SendResponse<Bytes>);

struct Driver {
    worker: Rc<Worker>,
    stream: Rc<Stream>,
    shared: Rc<Shared>,
    entrance: Rc<Entrance>,
    place: Place,
    timer: Timer,
    /// What the timer stands for.
    waits_for: Wait,
    /// A GOAWAY has been sent or is about to be.
    closing: bool,
    counted: bool,
}

/// What a connection without progress waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Nothing,
    /// The preface, or the end of a header block.
    Head,
    /// A request.
    Request,
    /// The client's end after our GOAWAY.
    End,
}

impl Driver {
    fn new(worker: Rc<Worker>, stream: Stream, place: Place) -> Self {
        let entrance = Rc::new(place.h2_entrance());
        let shared = Rc::new(Shared::new(&worker.snapshot().http2));
        let (timer, waits_for) = (Timer::new(), Wait::Nothing);
        let stream = Rc::new(stream);
        let (closing, counted) = (false, false);
        Self { worker, stream, shared, entrance, place, timer, waits_for, closing, counted }
    }

    async fn run(mut self, incoming: Buffer) {
        let Ok(()) = memory::take(CONNECTION_BYTES) else {
            self.worker.turned_away(Fault::proxy(Kind::MemoryExceeded));
            return;
        };
        self.worker.metrics().add(Counter::Http2Connections, 1);
        let key = self.worker.connections().insert(Open::H2(Rc::clone(&self.shared)));
        if self.worker.is_draining() {
            // The others have been told before this one was there.
            self.shared.drain();
        }
        let ended = self.drive(incoming).await;
        self.shared.end();
        memory::give(CONNECTION_BYTES);
        self.worker.count_client(self.stream.take_traffic());
        if let Err(error) = ended {
            self.note_error(&error);
        }
        self.linger().await;
        self.worker.connections().remove(key);
        drop(self.place);
    }

    async fn drive(&mut self, incoming: Buffer) -> Result<(), h2::Error> {
        let snapshot = self.worker.snapshot();
        let prefaces = (PREFACE.len(), 0);
        let wire = Wire::new(Rc::clone(&self.stream), incoming, Rc::clone(&self.shared), prefaces);
        let handshake = builder(&snapshot).handshake(wire);
        self.wait(Wait::Head, snapshot.timeouts.request_header);
        drop(snapshot);
        let Some(connection) = self.shake_hands(handshake).await? else { return Ok(()) };
        let mut connection = connection;
        loop {
            let next = poll_fn(|cx| self.poll(cx, &mut connection)).await;
            let Some((request, respond)) = next.transpose()? else { return Ok(()) };
            let (worker, entrance) = (Rc::clone(&self.worker), Rc::clone(&self.entrance));
            let shared = Rc::clone(&self.shared);
            let arrival = Arrival { request, respond, worker, entrance, shared };
            self.worker.crew().serve(arrival);
        }
    }

    /// `None` when the client did not begin in time.
    async fn shake_hands(
        &self,
        handshake: Handshake<Wire, Bytes>,
    ) -> Result<Option<Connection<Wire, Bytes>>, h2::Error> {
        let mut handshake = pin!(handshake);
        poll_fn(|cx| {
            if let Poll::Ready(done) = handshake.as_mut().poll(cx) {
                return Poll::Ready(done.map(Some));
            }
            if self.shared.is_draining() || self.timer.poll(cx).is_ready() {
                self.worker.metrics().timeout("request-header");
                return Poll::Ready(Ok(None));
            }
            self.shared.remember_driver(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Drives the connection until there is a request (`Some`) or its end (`None`).
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Wire, Bytes>,
    ) -> Poll<Option<Result<Accepted, h2::Error>>> {
        self.shared.remember_driver(cx.waker());
        self.close_if_due(connection);
        loop {
            if let Poll::Ready(next) = connection.poll_accept(cx) {
                self.shared.arrived();
                return Poll::Ready(next);
            }
            self.shared.charge_refused();
            if self.end_if_abused(connection) {
                continue;
            }
            self.look_at_time(connection);
            if self.timer.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if !self.time_is_up(connection) {
                return Poll::Ready(None);
            }
        }
    }

    /// Ends a connection whose client broke a rule or has used up its account; says so once.
    fn end_if_abused(&mut self, connection: &mut Connection<Wire, Bytes>) -> bool {
        let breach = self.shared.breach();
        if self.counted || breach.is_none() && !self.shared.is_spent() {
            return false;
        }
        self.counted = true;
        self.closing = true;
        match breach {
            Some(reason) => self.note_error(&reason.into()),
            None => self.worker.metrics().limit("abuse-budget"),
        }
        connection.abrupt_shutdown(breach.unwrap_or(Reason::ENHANCE_YOUR_CALM));
        self.wait(Wait::End, LINGER);
        true
    }

    fn close_if_due(&mut self, connection: &mut Connection<Wire, Bytes>) {
        if self.shared.is_draining() && !self.closing {
            self.closing = true;
            connection.graceful_shutdown();
        }
    }

    /// Sets the clock by what the connection waits for now.
    fn look_at_time(&mut self, connection: &Connection<Wire, Bytes>) {
        let timeouts = &self.worker.snapshot().timeouts;
        if self.waits_for == Wait::End {
            return;
        }
        let wait = if self.shared.is_in_head() {
            Wait::Head
        } else if connection.has_streams() {
            Wait::Nothing
        } else {
            Wait::Request
        };
        if wait != self.waits_for {
            let time = match wait {
                Wait::Head => timeouts.request_header,
                _ => timeouts.client_idle,
            };
            self.wait(wait, time);
        }
    }

    fn wait(&mut self, wait: Wait, time: Duration) {
        self.waits_for = wait;
        match wait {
            Wait::Nothing => self.timer.clear(),
            _ => self.timer.set(time),
        }
    }

    /// Says goodbye; `false` when that has been done before.
    fn time_is_up(&mut self, connection: &mut Connection<Wire, Bytes>) -> bool {
        match self.waits_for {
            Wait::Nothing | Wait::End => return false,
            Wait::Head => {
                self.worker.metrics().timeout("request-header");
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
            Wait::Request => {
                self.worker.metrics().timeout("client-idle");
                connection.graceful_shutdown();
            }
        }
        self.closing = true;
        self.wait(Wait::End, LINGER);
        true
    }

    /// Records what the client did wrong, if it did.
    fn note_error(&self, error: &h2::Error) {
        if error.is_io() || error.is_remote() || error.reason() == Some(Reason::NO_ERROR) {
            return;
        }
        let rule = Rule::http2(error);
        let fault = Fault { rule, ..Fault::client(Kind::HttpRequestError) };
        account::refused(&self.worker, &self.entrance, fault, 0);
    }

    /// Lets the client read our last words before the socket is closed.
    async fn linger(&self) {
        self.stream.shutdown_write();
        self.timer.set(LINGER);
        let mut scratch = Buffer::default();
        let mut dropped = 0;
        while dropped < LINGER_BYTES_MAX {
            let read = poll_fn(|cx| match self.stream.poll_read(cx, &mut scratch) {
                Poll::Pending => self.timer.poll(cx).map(|()| Ok(0)),
                ready => ready,
            });
            match read.await {
                Ok(0) | Err(_) => return,
                Ok(count) => dropped += count,
            }
            scratch.consume(scratch.len());
        }
    }
}

fn builder(snapshot: &Snapshot) -> Builder {
    let settings = &snapshot.http2;
    let mut builder = Builder::new();
    let head_bytes_max = u32::try_from(snapshot.head_limits.head_bytes_max).unwrap_or(u32::MAX);
    let send_bytes_max = usize::try_from(settings.send_bytes_max).unwrap_or(usize::MAX);
    builder
        .initial_window_size(settings.stream_window)
        .initial_connection_window_size(settings.connection_window)
        .max_concurrent_streams(settings.streams_max)
        .max_header_list_size(head_bytes_max)
        .max_send_buffer_size(send_bytes_max)
        .max_concurrent_reset_streams(RESETS_REMEMBERED)
        .max_pending_accept_reset_streams(settings.streams_max as usize)
        .enable_connect_protocol();
    builder
}
