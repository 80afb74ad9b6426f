//! Copies of requests for another upstream. The copy is a task of its own: it begins when the
//! request's body has gone by, and nothing that happens to it comes back to the request.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http1::encode::Framing;
use http1::{BodyLength, Known, RequestHead};

use crate::body::{Body, Tap};
use crate::exchange::{Client, Exchange, Response};
use crate::fault::Fault;
use crate::recycle::Recycled;
use crate::request_id::RequestId;
use crate::snapshot::{ProxyPlan, SnapshotRef};
use crate::upstream;
use crate::worker::Worker;

/// How copies of a route's requests are made.
#[derive(Debug)]
pub struct MirrorPlan {
    /// How they reach their upstream.
    pub to: ProxyPlan,
    /// Numbers drawn evenly from all that are below this make a copy.
    pub drawn_below: u64,
    /// Bytes of a body that are copied, and that are read of an answer.
    pub body_bytes_max: usize,
    /// Copies at once on a worker.
    pub in_flight_max: usize,
    /// How long one may take.
    pub timeout: Duration,
}

/// What became of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mirrored {
    /// It was answered.
    Sent,
    /// It could not be made: too many at once, or too long a body.
    Dropped,
    /// It was not answered.
    Failed,
}

/// Copies the request of an exchange, if it is its turn.
pub fn begin(worker: &Worker, exchange: &mut Exchange, plan: &MirrorPlan) {
    if worker.draw() > plan.drawn_below || exchange.upgrades {
        return;
    }
    let is_too_long = matches!(exchange.framing, Framing::Length(bytes)
        if bytes > plan.body_bytes_max as u64);
    let place = if is_too_long { None } else { worker.begin_copy(plan.in_flight_max) };
    let Some(place) = place else {
        return exchange.metrics().mirrored(plan.to.upstream, Mirrored::Dropped);
    };
    let copy = Copy::of(exchange, place);
    if exchange.body.is_empty() {
        return copy.send();
    }
    let tap = Collector { copy: Some(copy), body: Vec::new(), bytes_max: plan.body_bytes_max };
    let body = std::mem::replace(&mut exchange.body, Body::Empty);
    exchange.body = Body::copied(body, Box::new(tap));
}

/// A request on its second way.
#[derive(Debug)]
struct Copy {
    place: Place,
    snapshot: SnapshotRef,
    route: usize,
    head: Recycled<RequestHead>,
    body: Vec<u8>,
    client: Client,
    request_id: RequestId,
    takes_trailers: bool,
}

/// A place among the copies of a worker, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    worker: Rc<Worker>,
}

impl Place {
    /// A place that the worker has counted.
    #[must_use]
    pub fn new(worker: Rc<Worker>) -> Self {
        Self { worker }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.worker.end_copy();
    }
}

impl Copy {
    fn of(exchange: &Exchange, place: Place) -> Self {
        let mut head = Recycled::<RequestHead>::take();
        head.clone_from(&exchange.request);
        // Nobody would pass an invitation on: the body is there.
        head.headers.remove(Known::Expect);
        Self {
            place,
            snapshot: Rc::clone(&exchange.snapshot),
            route: exchange.route.map_or(usize::MAX, |route| route.0 as usize),
            head,
            body: Vec::new(),
            client: exchange.client,
            request_id: exchange.request_id,
            takes_trailers: exchange.takes_trailers,
        }
    }

    fn plan(&self) -> Option<&MirrorPlan> {
        self.snapshot.routes.get(self.route)?.mirror.as_deref()
    }

    fn send(self) {
        tokio::task::spawn_local(self.run());
    }

    async fn run(self) {
        let Self { place, snapshot, route, head, body, client, request_id, takes_trailers } = self;
        let Some(plan) = snapshot.routes.get(route).and_then(|route| route.mirror.as_deref())
        else {
            return;
        };
        let length = match body.len() {
            0 => BodyLength::None,
            bytes => BodyLength::Exact(bytes as u64),
        };
        let content = (Body::owned(body), length);
        let mut exchange = Exchange::new(Rc::clone(&snapshot), head, content, client, None);
        exchange.request_id = request_id;
        // The field itself is of one connection and has been taken out.
        exchange.takes_trailers = takes_trailers;
        exchange.upstream = Some(plan.to.upstream);
        exchange.limit_total(Some(plan.timeout));
        let answered = async {
            let response = upstream::fetch(&place.worker, &mut exchange, &plan.to).await?;
            read(response, plan.body_bytes_max).await
        };
        let outcome = match tokio::time::timeout(plan.timeout, Box::pin(answered)).await {
            Ok(Ok(())) => Mirrored::Sent,
            Ok(Err(_)) | Err(_) => Mirrored::Failed,
        };
        snapshot.metrics().mirrored(plan.to.upstream, outcome);
    }
}

/// Reads an answer that nobody wants, so that its connection can be used again; not for ever.
async fn read(mut response: Response, bytes_max: usize) -> Result<(), Fault> {
    let mut left = bytes_max;
    while poll_fn(|cx| response.body.poll_data(cx)).await? {
        let count = response.body.with_data(<[u8]>::len);
        if count > left {
            return Ok(());
        }
        left -= count;
        response.body.consume(count);
    }
    response.body.finish();
    Ok(())
}

/// Collects a body while it goes by.
#[derive(Debug)]
struct Collector {
    /// `None` when the body has turned out to be too long.
    copy: Option<Copy>,
    body: Vec<u8>,
    bytes_max: usize,
}

impl Tap for Collector {
    fn take(&mut self, data: &[u8]) {
        if self.body.len() + data.len() <= self.bytes_max {
            self.body.extend_from_slice(data);
        } else if let Some(copy) = self.copy.take() {
            self.body = Vec::new();
            let upstream = copy.plan().map(|plan| plan.to.upstream);
            if let Some(upstream) = upstream {
                copy.snapshot.metrics().mirrored(upstream, Mirrored::Dropped);
            }
        }
    }

    fn restart(&mut self) {
        self.body.clear();
    }

    fn end(&mut self) {
        if let Some(mut copy) = self.copy.take() {
            copy.body = std::mem::take(&mut self.body);
            copy.send();
        }
    }
}
