//! A second server for a request whose first one is late: the answer that comes first is heard,
//! and the other server is left.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use balance::{Outcome, ServerIndex};
use http1::BodyLength;
use http1::encode::Framing;

use super::repeat::Kept;
use super::{Course, Found, ServerState, Turn, on_server};
use crate::body::Body;
use crate::exchange::{Exchange, Response};
use crate::fault::Fault;
use crate::io::clock;
use crate::record::ServerAt;

/// What came of asking a server: its answer with the time it took.
type Asked = Result<(Response, Option<Duration>), Fault>;

/// Which of two servers was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    First,
    Second,
}

impl Course<'_> {
    /// After how long a second server may be asked for this request, if ever: it must be safe to
    /// send it twice, and no client may be bound to the first.
    pub(super) fn hedge_after(&self, exchange: &Exchange) -> Option<Duration> {
        let after = self.upstream.cluster().hedge_after()?;
        let is_safe = exchange.request.method.is_idempotent()
            && !matches!(self.kept, Kept::Nothing)
            && !exchange.upgrades
            && !exchange.expects_continue
            && self.bound.is_none();
        is_safe.then_some(after)
    }

    /// Asks a server, and a second one where the first takes longer than `after`. Afterwards the
    /// exchange knows the server that was heard; the other one is returned, if there was one.
    pub(super) async fn ask_two(
        &self,
        exchange: &mut Exchange,
        (server, turn): (&Rc<ServerState>, Turn),
        after: Duration,
    ) -> (Asked, Option<ServerIndex>) {
        let first = turn.server();
        let began = clock::now();
        // The first one writes into the exchange from here on.
        let mut twin = twin(exchange, self.kept);
        let mut one = Box::pin(on_server(exchange, self.plan, (server, turn)));
        if let Ok(asked) = tokio::time::timeout(after, &mut one).await {
            return (asked, None);
        }
        let Some((server, turn)) = self.second(first) else { return (one.await, None) };
        let second = turn.server();
        let began_second = clock::now();
        twin.trace.server = Some(ServerAt { upstream: self.plan.upstream, server: second.0 });
        let mut two = Box::pin(on_server(&mut twin, self.plan, (server, turn)));
        let (heard, asked, is_left) = race(one.as_mut(), two.as_mut()).await;
        drop((one, two));
        exchange.trace.attempts += 1;
        exchange.metrics().hedged(self.plan.upstream, heard == Heard::Second);
        let (other, since) = match heard {
            Heard::First => (second, began_second),
            Heard::Second => {
                adopt(exchange, &twin);
                (first, began)
            }
        };
        if is_left {
            let late = Outcome::Late(since.elapsed());
            self.upstream.cluster().note(other, late, clock::now());
        }
        (asked, Some(other))
    }

    /// Another server with room, if the budget has one.
    fn second(&self, first: ServerIndex) -> Option<(&Rc<ServerState>, Turn)> {
        let mut tried = self.tried;
        tried.add(first);
        let now = clock::now();
        let Found::Server(turn, server) = self.upstream.pick(now, self.key, &tried) else {
            return None;
        };
        if turn.server() == first {
            return None;
        }
        if !self.upstream.cluster().begin_hedge(now) {
            self.worker.metrics().limit("hedge-budget");
            return None;
        }
        Some((server, turn))
    }
}

/// The same request once more.
fn twin(exchange: &Exchange, kept: &Kept) -> Exchange {
    let body = match kept {
        Kept::Whole(bytes) => Body::shared(Arc::clone(bytes)),
        Kept::NoBody | Kept::Nothing => Body::Empty,
    };
    let length = match exchange.framing {
        Framing::Length(bytes) => BodyLength::Exact(bytes),
        Framing::Absent | Framing::Chunked | Framing::UntilClose => BodyLength::None,
    };
    let mut twin = exchange.again((body, length));
    twin.tls.clone_from(&exchange.tls);
    twin.listener = exchange.listener;
    twin.per_try = exchange.per_try;
    twin.limit_total(exchange.total_left());
    twin
}

/// The exchange goes on with what its twin has brought.
fn adopt(exchange: &mut Exchange, twin: &Exchange) {
    exchange.trace.server = twin.trace.server;
    exchange.trace.connect = twin.trace.connect;
    exchange.trace.first_byte = twin.trace.first_byte;
    exchange.early_response = twin.early_response;
}

/// Whether an answer is good enough not to wait for the other one.
fn is_good(asked: &Asked) -> bool {
    asked.as_ref().is_ok_and(|(response, _)| response.head.status < 500)
}

/// The first good answer; of two bad ones, that of the first server, unless it gave none. Tells
/// whether the other server is still at it.
async fn race(
    mut one: Pin<&mut impl Future<Output = Asked>>,
    mut two: Pin<&mut impl Future<Output = Asked>>,
) -> (Heard, Asked, bool) {
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(asked) = one.as_mut().poll(cx)
        {
            if is_good(&asked) {
                return Poll::Ready((Heard::First, asked, second.is_none()));
            }
            first = Some(asked);
        }
        if second.is_none()
            && let Poll::Ready(asked) = two.as_mut().poll(cx)
        {
            if is_good(&asked) {
                return Poll::Ready((Heard::Second, asked, first.is_none()));
            }
            second = Some(asked);
        }
        match (first.take(), second.take()) {
            (Some(Err(_)), Some(Ok(answer))) => Poll::Ready((Heard::Second, Ok(answer), false)),
            (Some(asked), Some(_)) => Poll::Ready((Heard::First, asked, false)),
            (one, two) => {
                (first, second) = (one, two);
                Poll::Pending
            }
        }
    })
    .await
}
