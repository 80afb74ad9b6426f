//! The canonical layout of a configuration: four spaces a level, one space between values,
//! comments kept. It changes no meaning; what it cannot lay out safely it leaves as it is.

mod layout;
mod render;

use crate::decode::Context;
use crate::kdl::lexer;
use crate::read;
use crate::report::Report;
use crate::tree::{Entry, Node};

/// Lays out a text. Laying out the result again changes nothing.
///
/// # Errors
/// What the KDL parser says, if the text is not KDL.
pub fn format(text: &str) -> Result<String, Report> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let before = parse(text)?;
    let laid_out = lay_out(text);
    let same = parse(&laid_out).is_ok_and(|after| same_nodes(&before, &after));
    let settled = same && lay_out(&laid_out) == laid_out;
    Ok(if settled { laid_out } else { text.to_owned() })
}

fn lay_out(text: &str) -> String {
    let tokens: Vec<_> = lexer::tokens(text).into_iter().map(|placed| placed.token).collect();
    render::render(&layout::elements(&tokens))
}

fn parse(text: &str) -> Result<Vec<Node>, Report> {
    let mut context = Context::default();
    let nodes = read::parsed("configuration", text, &mut context);
    let Context { sources, found: diagnostics } = context;
    if diagnostics.is_empty() { Ok(nodes) } else { Err(Report { diagnostics, sources }) }
}

/// Whether two trees mean the same; places do not count.
fn same_nodes(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_node(a, b))
}

fn same_node(a: &Node, b: &Node) -> bool {
    a.name.text == b.name.text
        && a.block.is_some() == b.block.is_some()
        && a.entries.len() == b.entries.len()
        && a.entries.iter().zip(&b.entries).all(|(a, b)| same_entry(a, b))
        && same_nodes(&a.children, &b.children)
}

fn same_entry(a: &Entry, b: &Entry) -> bool {
    let key = |entry: &Entry| entry.key.as_ref().map(|key| key.text.clone());
    key(a) == key(b) && a.value == b.value
}
