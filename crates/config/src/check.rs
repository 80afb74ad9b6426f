//! The tree against the table: unknown names, wrong types, wrong counts, what is not built
//! yet. What is left is an [`Item`] that decoders can read without asking twice.

pub(crate) mod item;
mod kind;

use std::collections::HashMap;

pub(crate) use item::{Arg, Item, Prop};

use crate::report::Diagnostic;
use crate::schema::{Count, NodeSpec, PropSpec, ROOT, Support};
use crate::suggest::{did_you_mean, one_of};
use crate::tree::{Entry, Node};

/// Checks the nodes of one block against what may stand there.
pub(crate) fn block(
    nodes: &[Node],
    parent: &'static NodeSpec,
    found: &mut Vec<Diagnostic>,
) -> (Vec<Item>, bool) {
    let mut first: HashMap<&str, &Node> = HashMap::new();
    let mut items = Vec::new();
    let mut whole = true;
    for node in nodes {
        let Some(spec) = parent.child(&node.name.text) else {
            found.push(unknown_node(node, parent));
            whole = false;
            continue;
        };
        match first.get(spec.name) {
            Some(before) if !spec.repeats => found.push(twice(node, before)),
            _ => {
                first.insert(spec.name, node);
            }
        }
        match self::node(node, spec, found) {
            Some(item) => items.push(item),
            None => whole = false,
        }
    }
    (items, whole)
}

fn node(node: &Node, spec: &'static NodeSpec, found: &mut Vec<Diagnostic>) -> Option<Item> {
    if spec.support == Support::Later {
        found.push(later(node.name.span, &node.name.text));
        return None;
    }
    let before = found.len();
    let mut item = Item::new(spec, node);
    entries(node, &mut item, found);
    if spec.settings {
        let is_node = |child: &Node| spec.child(&child.name.text).is_some();
        let (nodes, rest): (Vec<Node>, Vec<Node>) =
            node.children.iter().cloned().partition(is_node);
        item.items = block(&nodes, spec, found).0;
        settings(&rest, &mut item, found);
    } else if spec.children.is_empty() && node.block.is_some() {
        found.push(no_block(node, spec));
    } else {
        let (items, _) = block(&node.children, spec, found);
        item.items = items;
    }
    too_few(node, &item, found);
    item.whole = found.len() == before;
    Some(item)
}

/// Sorts positional values and properties into the item.
fn entries(node: &Node, item: &mut Item, found: &mut Vec<Diagnostic>) {
    let mut list: Option<&'static PropSpec> = None;
    let mut excess = None;
    for entry in &node.entries {
        match &entry.key {
            Some(key) => {
                let spec = item.spec.prop(&key.text);
                list = spec.filter(|spec| spec.list);
                match spec {
                    Some(spec) => property(spec, entry, item, found),
                    None => found.push(unknown_property(entry, item.spec)),
                }
            }
            None => match list {
                Some(spec) => property_value(spec, entry, item, found),
                None if !argument(entry, item, found) => {
                    excess = excess.or(Some(entry));
                }
                None => {}
            },
        }
    }
    if let Some(entry) = excess {
        found.push(too_many(entry, item.spec));
    }
}

/// Takes the next positional value; false if there is no argument left for it.
fn argument(entry: &Entry, item: &mut Item, found: &mut Vec<Diagnostic>) -> bool {
    let specs = item.spec.args;
    let index = item.args_seen;
    let many = specs.last().filter(|last| matches!(last.count, Count::Any | Count::Some));
    let Some(spec) = specs.get(index).or(many) else {
        return false;
    };
    item.args_seen += 1;
    if kind::check(&spec.kind, &entry.value, entry.span, found) {
        item.args.push(Arg { spec, value: entry.value.clone(), span: entry.span });
    }
    true
}

fn property(spec: &'static PropSpec, entry: &Entry, item: &mut Item, found: &mut Vec<Diagnostic>) {
    let Some(key) = &entry.key else { return };
    if spec.support == Support::Later {
        found.push(later(key.span, spec.name));
        return;
    }
    if let Some(before) = item.keys.iter().find(|seen| seen.text == spec.name) {
        let message = format!("`{}` is given twice", spec.name);
        found.push(Diagnostic::error(key.span, message).mark(before.span, "first here"));
        return;
    }
    item.keys.push(key.clone());
    property_value(spec, entry, item, found);
}

fn property_value(
    spec: &'static PropSpec,
    entry: &Entry,
    item: &mut Item,
    found: &mut Vec<Diagnostic>,
) {
    if kind::check(&spec.kind, &entry.value, entry.span, found) {
        item.props.push(Prop { spec, value: entry.value.clone(), span: entry.span });
    }
}

/// Properties that are written as nodes of the block: `limits { headers-max 128 }`.
fn settings(nodes: &[Node], item: &mut Item, found: &mut Vec<Diagnostic>) {
    for child in nodes {
        let Some(spec) = item.spec.prop(&child.name.text) else {
            found.push(unknown_setting(child, item.spec));
            continue;
        };
        match child.entries.as_slice() {
            [one] if one.key.is_none() && child.block.is_none() => {
                let entry = Entry { key: Some(child.name.clone()), ..one.clone() };
                property(spec, &entry, item, found);
            }
            _ => found.push(
                Diagnostic::error(child.span, format!("`{}` takes one value", spec.name))
                    .help(format!("expected {}", spec.kind.expected())),
            ),
        }
    }
}

fn too_few(node: &Node, item: &Item, found: &mut Vec<Diagnostic>) {
    let missing = item.spec.args.iter().skip(item.args_seen);
    let missing = missing.filter(|arg| matches!(arg.count, Count::One | Count::Some));
    if let Some(arg) = missing.into_iter().next() {
        let message = format!("`{}` needs a value: {}", item.spec.name, arg.name);
        found.push(
            Diagnostic::error(node.name.span, message)
                .help(format!("expected {}", arg.kind.expected())),
        );
    }
}

fn later(span: crate::model::Span, name: &str) -> Diagnostic {
    Diagnostic::error(span, format!("`{name}` is not supported yet"))
}

fn twice(node: &Node, before: &Node) -> Diagnostic {
    Diagnostic::error(node.name.span, format!("`{}` may stand here only once", node.name.text))
        .mark(before.name.span, "first here")
}

fn no_block(node: &Node, spec: &NodeSpec) -> Diagnostic {
    Diagnostic::error(node.block.unwrap_or(node.span), format!("`{}` takes no block", spec.name))
}

fn too_many(entry: &Entry, spec: &NodeSpec) -> Diagnostic {
    let takes = match spec.args.len() {
        0 => "takes no value".to_owned(),
        1 => "takes one value".to_owned(),
        count => format!("takes {count} values"),
    };
    Diagnostic::error(entry.span, format!("`{}` {takes}", spec.name)).label("one too many")
}

fn unknown_node(node: &Node, parent: &'static NodeSpec) -> Diagnostic {
    let name = &node.name.text;
    let known = parent.children.iter().map(|child| child.name);
    let error = Diagnostic::error(node.name.span, format!("unknown node `{name}`"));
    if let Some(help) = did_you_mean(name, known.clone()) {
        return error.help(help);
    }
    if let Some(place) = home_of(name) {
        let error = Diagnostic::error(node.name.span, format!("`{name}` cannot stand here"));
        return error.help(format!("it belongs {place}"));
    }
    error.help(format!("{} may hold {}", titled(parent), one_of(known)))
}

fn titled(parent: &NodeSpec) -> String {
    if parent.name.contains(' ') { parent.name.to_owned() } else { format!("`{}`", parent.name) }
}

/// The places of the language where a node of that name may stand and works.
fn home_of(name: &str) -> Option<String> {
    fn search(parent: &'static NodeSpec, name: &str, places: &mut Vec<String>) {
        let works = |child: &&NodeSpec| child.name == name && child.support == Support::Built;
        if parent.children.iter().any(works) {
            let top = std::ptr::eq(parent, &ROOT);
            let place =
                if top { "at the top level".to_owned() } else { format!("in `{}`", parent.name) };
            if !places.contains(&place) {
                places.push(place);
            }
        }
        parent.children.iter().for_each(|child| search(child, name, places));
    }
    let mut places = Vec::new();
    search(&ROOT, name, &mut places);
    (!places.is_empty()).then(|| places.join(" or "))
}

fn unknown_setting(node: &Node, parent: &NodeSpec) -> Diagnostic {
    let props = parent.props.iter().map(|prop| prop.name);
    let known = props.chain(parent.children.iter().map(|child| child.name));
    let help = did_you_mean(&node.name.text, known.clone())
        .unwrap_or_else(|| format!("`{}` may hold {}", parent.name, one_of(known)));
    Diagnostic::error(node.name.span, format!("unknown setting `{}`", node.name.text)).help(help)
}

fn unknown_property(entry: &Entry, spec: &NodeSpec) -> Diagnostic {
    let Some(key) = &entry.key else { return too_many(entry, spec) };
    let message = format!("unknown property `{}` of `{}`", key.text, spec.name);
    let error = Diagnostic::error(key.span, message);
    let known = spec.props.iter().map(|prop| prop.name);
    let help = did_you_mean(&key.text, known.clone());
    match help {
        Some(help) => error.help(help),
        None if spec.child(&key.text).is_some() => {
            error.help(format!("write it as a node inside `{} {{ }}`", spec.name))
        }
        None if spec.props.is_empty() => error.help("it has no properties"),
        None => error.help(format!("its properties are {}", one_of(known))),
    }
}
