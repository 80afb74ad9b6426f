//! JSON as another way to write the same tree. A key of an object is a node's name; the
//! value is its one argument, a list of arguments, or an object with arguments under `_`,
//! properties and nodes. A list under a node that repeats is a list of such nodes.

mod scan;

use scan::{Json, Member};

use crate::model::FileId;
use crate::report::Diagnostic;
use crate::schema::{NodeSpec, PropSpec};
use crate::tree::{Entry, Node, Value, Word};

/// Parses a text that is the content of `file` and holds what may stand in `parent`.
pub(super) fn parse(
    file: FileId,
    text: &str,
    parent: &'static NodeSpec,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let value = scan::scan(file, text).map_err(|error| vec![error])?;
    match value {
        Json::Object(members, _) => Ok(block(&members, Some(parent))),
        other => Err(vec![Diagnostic::error(other.span(), "expected an object at the top level")]),
    }
}

/// The nodes of an object, given the node whose block it is, if that is a known one.
fn block(members: &[Member], parent: Option<&'static NodeSpec>) -> Vec<Node> {
    members.iter().flat_map(|member| nodes(member, parent)).collect()
}

fn nodes(member: &Member, parent: Option<&'static NodeSpec>) -> Vec<Node> {
    let spec = parent.and_then(|parent| parent.child(&member.key.text));
    match &member.value {
        Json::Array(values, _) if spec.is_some_and(|spec| spec.repeats) => {
            values.iter().map(|value| node(&member.key, value, spec)).collect()
        }
        value => vec![node(&member.key, value, spec)],
    }
}

fn node(name: &Word, value: &Json, spec: Option<&'static NodeSpec>) -> Node {
    let mut node = Node {
        name: name.clone(),
        entries: Vec::new(),
        children: Vec::new(),
        span: name.span,
        block: None,
    };
    let bare = spec.is_some_and(|spec| spec.args.is_empty());
    match value {
        Json::Scalar(Value::Bool(true), _) if bare => {}
        Json::Scalar(..) | Json::Array(..) => node.entries = arguments(value),
        Json::Object(members, span) => {
            for member in members {
                object_member(member, spec, &mut node);
            }
            node.block = (!node.children.is_empty()).then_some(*span);
        }
    }
    node
}

/// Puts a member of a node's object where it belongs.
fn object_member(member: &Member, spec: Option<&'static NodeSpec>, node: &mut Node) {
    if member.key.text == "_" {
        node.entries.splice(0..0, arguments(&member.value));
        return;
    }
    let prop = spec.and_then(|spec| spec.prop(&member.key.text));
    let scalar = matches!(member.value, Json::Scalar(..));
    let no_node = spec.is_some_and(|spec| spec.children.is_empty());
    match prop {
        Some(prop) => node.entries.extend(property(&member.key, &member.value, prop)),
        None if scalar && no_node => {
            let key = Some(member.key.clone());
            node.entries.extend(
                arguments(&member.value)
                    .into_iter()
                    .map(|entry| Entry { key: key.clone(), ..entry }),
            );
        }
        None => node.children.extend(nodes(member, spec)),
    }
}

/// A property; in a list only the first value carries the name, as in KDL.
fn property(name: &Word, value: &Json, spec: &PropSpec) -> Vec<Entry> {
    let mut entries = arguments(value);
    let named = if spec.list { 1 } else { entries.len() };
    for entry in entries.iter_mut().take(named) {
        entry.key = Some(name.clone());
    }
    entries
}

/// The positional values that a JSON value stands for. Only scalars can be values; anything
/// else becomes one that no type accepts, so that the table complains at its place.
fn arguments(value: &Json) -> Vec<Entry> {
    let entry = |value: &Json| {
        let (value, span) = match value {
            Json::Scalar(value, span) => (value.clone(), *span),
            other => (Value::Compound, other.span()),
        };
        Entry { key: None, value, span }
    };
    match value {
        Json::Array(values, _) => values.iter().map(entry).collect(),
        one => vec![entry(one)],
    }
}
