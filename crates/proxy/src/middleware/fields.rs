//! `request-headers` and `response-headers`: set, add and remove fields.

use std::ops::ControlFlow;

use http1::Headers;

use super::{Flow, Memo};
use crate::exchange::{Exchange, Response};
use crate::recycle::Recycled;
use crate::template::{Place, Template};

/// Edits of one direction, in the order written.
#[derive(Debug)]
pub struct FieldEdits {
    edits: Vec<Edit>,
}

#[derive(Debug)]
enum Edit {
    Set(String, Template),
    Add(String, Template),
    Remove(String),
}

impl FieldEdits {
    pub(super) fn compile(ops: &[config::HeaderOp]) -> Option<Self> {
        let edits: Vec<_> = ops.iter().map(compile_edit).collect();
        (!edits.is_empty()).then_some(Self { edits })
    }

    pub(super) fn request(&self, exchange: &mut Exchange) -> Flow {
        // Templates read the request that they edit, so the fields step out while they change.
        for edit in &self.edits {
            let value = edit.value(exchange, 0);
            edit.apply(&mut exchange.request.headers, &value);
        }
        ControlFlow::Continue(Memo::None)
    }

    pub(super) fn response(&self, exchange: &Exchange, response: &mut Response) {
        for edit in &self.edits {
            let value = edit.value(exchange, response.head.status);
            edit.apply(&mut response.head.headers, &value);
        }
    }
}

impl Edit {
    fn value(&self, exchange: &Exchange, status: u16) -> Recycled<Vec<u8>> {
        let mut value = Recycled::<Vec<u8>>::take();
        if let Self::Set(_, template) | Self::Add(_, template) = self {
            template.render(exchange, status, Place::Field, &mut value);
        }
        value
    }

    fn apply(&self, headers: &mut Headers, value: &[u8]) {
        match self {
            Self::Set(name, _) => headers.set(name.as_bytes(), value),
            Self::Add(name, _) => headers.push(name.as_bytes(), value),
            Self::Remove(name) => {
                headers.remove_named(name.as_bytes());
            }
        }
    }
}

fn compile_edit(op: &config::HeaderOp) -> Edit {
    match op {
        config::HeaderOp::Set { name, value } => Edit::Set(name.clone(), Template::compile(value)),
        config::HeaderOp::Add { name, value } => Edit::Add(name.clone(), Template::compile(value)),
        config::HeaderOp::Remove { name } => Edit::Remove(name.clone()),
    }
}
