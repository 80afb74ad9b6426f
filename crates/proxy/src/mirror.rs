//! Copies of requests for another upstream. The copy is a task of its own: it begins when the
//! request's body has gone by, and nothing that happens to it comes back to the request.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http1::encode::Framing;
use http1::{BodyLength, Known};

use crate::body::{Body, Tap};
use crate::exchange::{Exchange, Response};
use crate::fault::Fault;
use crate::io::clock;
use crate::limits::Taken;
use crate::snapshot::ProxyPlan;
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
    let place = if is_too_long { None } else { worker.copies().take(plan.in_flight_max) };
    let Some((place, worker)) = place.zip(worker.handle()) else {
        return exchange.metrics().mirrored(plan.to.upstream, Mirrored::Dropped);
    };
    let copy = Copy::of(exchange, plan, (worker, place));
    if exchange.body.is_empty() {
        return copy.send(Vec::new());
    }
    let tap = Collector { copy: Some(copy), body: Vec::new(), bytes_max: plan.body_bytes_max };
    let body = std::mem::replace(&mut exchange.body, Body::Empty);
    exchange.body = Body::copied(body, Box::new(tap));
}

/// A request on its second way.
#[derive(Debug)]
struct Copy {
    worker: Rc<Worker>,
    _place: Taken,
    exchange: Box<Exchange>,
}

impl Copy {
    fn of(exchange: &Exchange, plan: &MirrorPlan, (worker, place): (Rc<Worker>, Taken)) -> Self {
        let mut copy = exchange.again((Body::Empty, BodyLength::None));
        // Nobody would pass an invitation on: the body is there.
        copy.request.headers.remove(Known::Expect);
        copy.expects_continue = false;
        copy.upgrades = false;
        copy.upstream = Some(plan.to.upstream);
        Self { worker, _place: place, exchange: Box::new(copy) }
    }

    /// Sends it with this body, on a task of its own.
    fn send(mut self, body: Vec<u8>) {
        let length = match body.len() {
            0 => BodyLength::None,
            bytes => BodyLength::Exact(bytes as u64),
        };
        self.exchange.framing = upstream::request_framing(length);
        self.exchange.body = Body::owned(body);
        tokio::task::spawn_local(self.run());
    }

    fn count(&self, outcome: Mirrored) {
        if let Some(upstream) = self.exchange.upstream {
            self.exchange.metrics().mirrored(upstream, outcome);
        }
    }

    async fn run(mut self) {
        let snapshot = Rc::clone(&self.exchange.snapshot);
        let route = self.exchange.route.and_then(|route| snapshot.routes.get(route.0 as usize));
        let Some(plan) = route.and_then(|route| route.mirror.as_deref()) else { return };
        // The time of the upload was the client's.
        self.exchange.trace.started = clock::now();
        self.exchange.limit_total(Some(plan.timeout));
        let answered = async {
            let response = upstream::fetch(&self.worker, &mut self.exchange, &plan.to).await?;
            read(response, plan.body_bytes_max).await
        };
        let outcome = match tokio::time::timeout(plan.timeout, Box::pin(answered)).await {
            Ok(Ok(())) => Mirrored::Sent,
            Ok(Err(_)) | Err(_) => Mirrored::Failed,
        };
        self.count(outcome);
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
            copy.count(Mirrored::Dropped);
        }
    }

    fn restart(&mut self) {
        self.body.clear();
    }

    fn end(&mut self) {
        if let Some(copy) = self.copy.take() {
            copy.send(std::mem::take(&mut self.body));
        }
    }
}
