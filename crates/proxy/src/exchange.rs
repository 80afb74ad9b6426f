//! One request and its response, on their walk through the rooms.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http1::encode::{self, Framing};
use http1::{BodyLength, Known, RequestHead, ResponseHead, Version};

use crate::body::Body;
use crate::codec::h2::Responder;
use crate::fault::{Direction, Fault, Kind, Side};
use crate::io::{Peer, clock};
use crate::middleware::Memo;
use crate::record::{Cached, LabelledMetrics, ServerAt};
use crate::recycle::Recycled;
use crate::request_id::RequestId;
use crate::route::RouteIndex;
use crate::route::captures::Captures;
use crate::snapshot::{ProxyPlan, SnapshotRef};
use crate::tls::Facts;
use crate::transport::Transport;
use crate::tunnel::Port;
use crate::upstream::request_framing;

/// A request with all that is known of it.
#[derive(Debug)]
pub struct Exchange {
    /// The configuration that this exchange began with and ends with.
    pub snapshot: SnapshotRef,
    /// The request's head; middlewares edit it on its way to the origin.
    pub request: Recycled<RequestHead>,
    /// The request's body.
    pub body: Body,
    /// How the body is framed towards an origin.
    pub framing: Framing,
    /// The target as the client sent it, where a middleware changed it since.
    pub original_target: Option<Recycled<Vec<u8>>>,
    /// The client.
    pub client: Client,
    /// The request's id; empty where ids are off.
    pub request_id: RequestId,
    /// The client asked to switch protocols.
    pub upgrades: bool,
    /// The client's connection may serve another request (RFC 9112 §9.3).
    pub persists: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The client takes trailers (RFC 9110 §10.1.4).
    pub takes_trailers: bool,
    /// The answer came before the request was sent whole: the client's connection ends with it.
    pub early_response: bool,
    /// The route, once one is chosen.
    pub route: Option<RouteIndex>,
    /// Index of the upstream that it goes to, once one is chosen.
    pub upstream: Option<u32>,
    /// The canonical path, where it differs from the raw one.
    pub canonical: Recycled<Vec<u8>>,
    /// What the route's pattern captured of the canonical path.
    pub captures: Recycled<Captures>,
    /// What the request halves of the middlewares left for their response halves.
    pub memos: Recycled<Vec<Memo>>,
    /// What happened when.
    pub trace: Trace,
    /// What the cache did, where the route has one.
    pub cached: Cell<Option<Cached>>,
    /// Index of the listener that the client came in by.
    pub listener: u32,
    /// What the client's TLS session is, where there is one.
    pub tls: Option<Rc<Facts>>,
    /// How long a server may take to answer while others are left.
    pub per_try: Option<Duration>,
    total_timeout: Option<Duration>,
    interim: Option<Interim>,
}

/// The way of interim responses to a client.
#[derive(Clone, Debug)]
pub enum Interim {
    /// In front of the response on a connection of HTTP/1.1.
    H1(Rc<Transport>),
    /// In front of the response on a stream of HTTP/2.
    H2(Rc<Responder>),
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// The other end of the connection.
    pub peer: Peer,
    /// The address that the client connected to, where somebody wants to know it.
    pub local: Option<SocketAddr>,
    /// The address that counts as the client's: the peer's, or the one a trusted proxy names.
    pub address: IpAddr,
    /// The connection comes from a trusted proxy.
    pub trusted: bool,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Client {
    /// What a server is told of the client by the PROXY protocol. One that a trusted proxy names
    /// has no port.
    #[must_use]
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let local = self.local?;
        match self.peer {
            Peer::Tcp(peer) if peer.ip().to_canonical() == self.address => Some((peer, local)),
            Peer::Unix if self.address.is_unspecified() => None,
            _ => Some((SocketAddr::new(self.address, 0), local)),
        }
    }
}

/// Times and choices, for the record.
#[derive(Clone, Copy, Debug)]
pub struct Trace {
    /// When the head was complete.
    pub started: Instant,
    /// The server that was asked last.
    pub server: Option<ServerAt>,
    /// How many servers were asked.
    pub attempts: u32,
    /// Time to connect, where a new connection was made.
    pub connect: Option<Duration>,
    /// When the answer's head was complete.
    pub first_byte: Option<Instant>,
    /// When the cache sent the request on.
    pub sent_on: Option<Instant>,
}

impl Exchange {
    /// Counts in the numbers of the snapshot that it began with.
    #[must_use]
    pub fn metrics(&self) -> &LabelledMetrics {
        self.snapshot.metrics()
    }

    /// The name of the upstream that it goes to; empty for none.
    #[must_use]
    pub fn upstream_name(&self) -> &str {
        let upstream = self.upstream.and_then(|at| self.snapshot.upstreams.get(at as usize));
        upstream.map_or("", |upstream| &upstream.name)
    }

    /// An exchange for a request that has just been read. `interim` is the way of interim
    /// responses, to a client that understands them (RFC 9110 §15.2).
    #[must_use]
    pub fn new(
        snapshot: SnapshotRef,
        request: Recycled<RequestHead>,
        (body, length): (Body, BodyLength),
        client: Client,
        interim: Option<Interim>,
    ) -> Self {
        Self {
            snapshot,
            framing: request_framing(length),
            body,
            upgrades: length_is_none(length) && asks_for_upgrade(&request),
            persists: http1::framing::persists(request.version, &request.headers),
            expects_continue: request.expects_continue(),
            takes_trailers: takes_trailers(&request),
            request,
            original_target: None,
            client,
            request_id: RequestId::default(),
            early_response: false,
            route: None,
            upstream: None,
            canonical: Recycled::take(),
            captures: Recycled::take(),
            memos: Recycled::take(),
            trace: Trace {
                started: clock::now(),
                server: None,
                attempts: 0,
                connect: None,
                first_byte: None,
                sent_on: None,
            },
            cached: Cell::default(),
            listener: 0,
            tls: None,
            per_try: None,
            total_timeout: None,
            interim,
        }
    }

    /// The same request once more, with this body and for no client to hear of.
    #[must_use]
    pub fn again(&self, content: (Body, BodyLength)) -> Self {
        let mut head = Recycled::<RequestHead>::take();
        head.clone_from(&self.request);
        let mut again = Self::new(Rc::clone(&self.snapshot), head, content, self.client, None);
        again.request_id = self.request_id;
        again.route = self.route;
        again.upstream = self.upstream;
        // The field itself is of one connection and has been taken out.
        again.takes_trailers = self.takes_trailers;
        again
    }

    /// The target as the client sent it.
    #[must_use]
    pub fn target_received(&self) -> &[u8] {
        self.original_target.as_ref().map_or(&self.request.target, |target| target)
    }

    /// The canonical path.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        if self.canonical.is_empty() {
            let target = self.target_received();
            let end = memchr::memchr(b'?', target).unwrap_or(target.len());
            return target.get(..end).unwrap_or_default();
        }
        &self.canonical
    }

    /// The target that goes on from here; the received one is kept for the record.
    pub fn retarget(&mut self, target: &[u8]) {
        let mut next = Recycled::<Vec<u8>>::take();
        next.extend_from_slice(target);
        std::mem::swap(&mut self.request.target, &mut *next);
        if self.original_target.is_none() {
            self.original_target = Some(next);
        }
    }

    /// Bounds the whole exchange.
    pub fn limit_total(&mut self, timeout: Option<Duration>) {
        self.total_timeout = timeout;
    }

    /// How long the server that is asked now may take to answer.
    #[must_use]
    pub fn first_byte_timeout(&self, plan: &ProxyPlan) -> Duration {
        let most = plan.first_byte_timeout;
        self.per_try.map_or(most, |per_try| per_try.min(most))
    }

    /// What is left of the bound on the whole exchange.
    #[must_use]
    pub fn total_left(&self) -> Option<Duration> {
        self.total_timeout.map(|total| total.saturating_sub(self.trace.started.elapsed()))
    }

    /// The true cause of a fault: a timeout that came because the whole exchange ran out of time.
    #[must_use]
    pub fn blame(&self, fault: Fault) -> Fault {
        let spent = self.total_left().is_some_and(|left| left.is_zero());
        if spent && fault.kind.is_timeout() {
            return Fault { side: Side::Proxy, kind: Kind::TotalTimeout, ..fault };
        }
        fault
    }

    /// Relays an interim response (1xx) to a client that understands it.
    ///
    /// # Errors
    /// When the client does not take it.
    pub async fn send_interim(&self, head: &ResponseHead) -> Result<(), Fault> {
        let transport = match &self.interim {
            None => return Ok(()),
            Some(Interim::H1(transport)) => transport,
            Some(Interim::H2(responder)) => return responder.send_interim(head),
        };
        let mut bytes = Recycled::<Vec<u8>>::take();
        encode::interim_head(&mut bytes, head);
        let idle = self.snapshot.timeouts.body_idle;
        transport.timer().set(idle);
        let written = transport.write_all(&bytes).await;
        written.map_err(|error| Fault::io(Side::Client, Direction::Write, &error))?;
        if head.status == 100 {
            transport.release(idle);
        } else if transport.is_held() {
            transport.timer().clear();
        }
        Ok(())
    }
}

/// Whether the client asks to switch to a protocol that can be tunnelled. Another version of HTTP
/// cannot: its requests would pass every route and rule unseen.
fn asks_for_upgrade(request: &RequestHead) -> bool {
    let is_http = |protocol: &[u8]| {
        let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii();
        ["h2c", "h2", "h3", "http", "tls"]
            .iter()
            .any(|http| name.eq_ignore_ascii_case(http.as_bytes()))
    };
    let mut offered =
        request.headers.values(Known::Upgrade).flat_map(|value| value.split(|byte| *byte == b','));
    request.version == Version::Http11
        && http1::framing::is_upgrade(&request.headers)
        && !offered.any(is_http)
}

fn takes_trailers(request: &RequestHead) -> bool {
    let mut codings =
        request.headers.values(Known::Te).flat_map(|value| value.split(|byte| *byte == b','));
    codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

/// A request that has a body does not switch: its rest would end up in the tunnel.
fn length_is_none(length: BodyLength) -> bool {
    matches!(length, BodyLength::None | BodyLength::Exact(0))
}

/// The answer to an exchange.
#[derive(Debug)]
pub struct Response {
    /// Its head, without framing fields of our own.
    pub head: Recycled<ResponseHead>,
    /// Its body.
    pub body: Body,
    /// The length the origin declared, also where no body follows (HEAD, 304).
    pub declared_length: Option<u64>,
    /// Set when this proxy made the response because of a fault.
    pub fault: Option<Fault>,
    /// The way to the origin after 101: everything further is a tunnel.
    pub tunnel: Option<Port>,
    /// The response came from an origin.
    pub from_upstream: bool,
}

impl Response {
    /// An origin's answer.
    #[must_use]
    pub fn from_upstream(
        head: Recycled<ResponseHead>,
        body: Body,
        declared_length: Option<u64>,
    ) -> Self {
        Self { head, body, declared_length, fault: None, tunnel: None, from_upstream: true }
    }

    /// An origin's 101: the connection becomes a tunnel.
    #[must_use]
    pub fn switching(head: Recycled<ResponseHead>, origin: Port) -> Self {
        let tunnel = Some(origin);
        Self {
            head,
            body: Body::Empty,
            declared_length: None,
            fault: None,
            tunnel,
            from_upstream: true,
        }
    }

    /// An answer of this proxy's own.
    #[must_use]
    pub fn own(status: u16, content_type: &[u8], body: Body) -> Self {
        let mut head = Recycled::<ResponseHead>::take();
        head.status = status;
        head.headers.push_known(Known::Server, b"weir");
        if !content_type.is_empty() {
            head.headers.push_known(Known::ContentType, content_type);
        }
        let declared_length = Some(body.with_data(<[u8]>::len) as u64);
        Self { head, body, declared_length, fault: None, tunnel: None, from_upstream: false }
    }

    /// Hands the connection of an answer without content back at once.
    pub fn finish_empty_body(&mut self) {
        std::mem::replace(&mut self.body, Body::Empty).finish();
    }
}
