//! `limits { body-bytes-max }` of a route: a declared length is refused at once, an undeclared
//! one as soon as it goes over.

use std::ops::ControlFlow;

use http1::encode::Framing;

use super::{Flow, Memo, Middleware};
use crate::exchange::Exchange;
use crate::fault::{Fault, Kind};

/// The longest request body that a route takes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    body_bytes_max: u64,
}

impl BodyLimit {
    pub(super) fn compile(body_bytes_max: Option<u64>) -> Option<Middleware> {
        Some(Middleware::BodyLimit(Self { body_bytes_max: body_bytes_max? }))
    }

    pub(super) fn request(self, exchange: &Exchange) -> Flow {
        match exchange.framing {
            Framing::Length(bytes) if bytes > self.body_bytes_max => {
                return ControlFlow::Break(Err(Fault::client(Kind::BodyTooLarge)));
            }
            Framing::Chunked => exchange.body.limit(self.body_bytes_max),
            Framing::Absent | Framing::Length(_) | Framing::UntilClose => {}
        }
        ControlFlow::Continue(Memo::None)
    }
}
