//! `maintenance`: a route that answers 503 for a while, but to those who are let through.

use std::ops::ControlFlow;

use http1::Known;

use super::{Flow, Memo, Middleware};
use crate::exchange::Exchange;
use crate::fault::{Fault, Kind};
use crate::page;
use crate::route::{Predicate, Query};

/// A route that is closed.
#[derive(Debug)]
pub struct Maintenance {
    retry_after_s: u64,
    /// Who is let through: all conditions of one of these hold.
    except: Box<[Box<[Predicate]>]>,
}

impl Maintenance {
    pub(super) fn compile(closed: Option<&config::Maintenance>) -> Option<Middleware> {
        let closed = closed?;
        let one = |conditions: &Vec<_>| conditions.iter().map(Predicate::from).collect();
        Some(Middleware::Maintenance(Self {
            retry_after_s: closed.retry_after.as_secs().max(1),
            except: closed.except.iter().map(one).collect(),
        }))
    }

    pub(super) fn request(&self, exchange: &Exchange) -> Flow {
        if self.lets_through(exchange) {
            return ControlFlow::Continue(Memo::None);
        }
        let mut response = page::error(exchange, Fault::proxy(Kind::Maintenance));
        let retry_after = self.retry_after_s.to_string();
        response.head.headers.set_known(Known::RetryAfter, retry_after.as_bytes());
        ControlFlow::Break(Ok(response))
    }

    fn lets_through(&self, exchange: &Exchange) -> bool {
        let client = exchange.client.address;
        let query = Query { head: &exchange.request, path: exchange.path(), client };
        self.except.iter().any(|all| all.iter().all(|condition| condition.holds(&query)))
    }
}
