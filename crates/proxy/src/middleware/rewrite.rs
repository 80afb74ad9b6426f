//! `rewrite`: the target that goes on differs from the one that came.

use std::ops::ControlFlow;

use super::{Flow, Memo, Middleware};
use crate::exchange::Exchange;
use crate::recycle::Recycled;
use crate::template::{Place, Template};

/// A change of the target.
#[derive(Debug)]
pub enum Rewrite {
    /// Takes this prefix from the canonical path.
    StripPrefix(String),
    /// Uses this text; the query is kept unless the text has one.
    Replace(Template),
}

impl Rewrite {
    pub(super) fn compile(rewrite: Option<&config::Rewrite>) -> Option<Middleware> {
        Some(Middleware::Rewrite(match rewrite? {
            config::Rewrite::StripPrefix(prefix) => Self::StripPrefix(prefix.clone()),
            config::Rewrite::Replace(template) => Self::Replace(Template::compile(template)),
        }))
    }

    pub(super) fn request(&self, exchange: &mut Exchange) -> Flow {
        let mut target = Recycled::<Vec<u8>>::take();
        match self {
            Self::StripPrefix(prefix) => strip(exchange.path(), prefix.as_bytes(), &mut target),
            Self::Replace(template) => template.render(exchange, 0, Place::Target, &mut target),
        }
        if target.first() != Some(&b'/') {
            target.insert(0, b'/');
        }
        if !target.contains(&b'?')
            && let Some(query) = exchange.request.query()
        {
            target.push(b'?');
            target.extend_from_slice(query);
        }
        exchange.retarget(&target);
        ControlFlow::Continue(Memo::None)
    }
}

/// The path below the prefix; a path outside of it goes on as it is.
fn strip(path: &[u8], prefix: &[u8], out: &mut Vec<u8>) {
    let rest = path.strip_prefix(prefix);
    let below = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    out.extend_from_slice(below.unwrap_or(path));
}
