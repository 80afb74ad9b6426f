//! `include`: the nodes of other files in its place, at the top level and in sites.

use std::path::{Path, PathBuf};

use super::{environment, glob};
use crate::decode::Context;
use crate::model::Span;
use crate::report::Diagnostic;
use crate::tree::{Node, Value};

/// How many files may include each other in a row; beyond it the inclusion is refused.
const CHAIN_MAX: usize = 16;

/// Files of one configuration; beyond it no more are read.
const FILES_MAX: usize = 10_000;

/// What makes two paths the same file.
pub(super) fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Fills in variables and replaces `include` nodes, in place. `chain` holds the files that
/// are being read, the innermost last.
pub(super) fn expand(nodes: &mut Vec<Node>, chain: &mut Vec<PathBuf>, context: &mut Context) {
    environment::fill_in(nodes, context);
    expand_block(nodes, chain, context);
}

fn expand_block(nodes: &mut Vec<Node>, chain: &mut Vec<PathBuf>, context: &mut Context) {
    let mut result = Vec::with_capacity(nodes.len());
    for mut node in nodes.drain(..) {
        match node.name.text.as_str() {
            "include" if is_plain(&node) => {
                for entry in &node.entries {
                    if let Value::Text(pattern) = &entry.value {
                        result.extend(included(pattern, entry.span, chain, context));
                    }
                }
            }
            "site" => {
                expand_block(&mut node.children, chain, context);
                result.push(node);
            }
            _ => result.push(node),
        }
    }
    *nodes = result;
}

/// Whether the node has only paths; anything else is left to the table to complain about.
fn is_plain(node: &Node) -> bool {
    let plain = node.entries.iter().all(|e| e.key.is_none() && matches!(e.value, Value::Text(_)));
    plain && !node.entries.is_empty() && node.block.is_none()
}

fn included(
    pattern: &str,
    span: Span,
    chain: &mut Vec<PathBuf>,
    context: &mut Context,
) -> Vec<Node> {
    let from = context.sources.source(span.file).map_or("", |source| &source.name).to_owned();
    let directory = Path::new(&from).parent().unwrap_or_else(|| Path::new(""));
    let files = match glob::files(directory, pattern) {
        Ok(files) => files,
        Err(reason) => {
            context.error(Diagnostic::error(span, format!("cannot include {pattern:?}: {reason}")));
            return Vec::new();
        }
    };
    if files.is_empty() {
        context.error(Diagnostic::warning(span, format!("no file matches {pattern:?}")));
    }
    files.iter().flat_map(|file| include_file(file, span, chain, context)).collect()
}

fn include_file(
    path: &Path,
    span: Span,
    chain: &mut Vec<PathBuf>,
    context: &mut Context,
) -> Vec<Node> {
    let identity = identity(path);
    let name = path.display().to_string();
    let refusal = if chain.contains(&identity) {
        Some(format!("{name:?} includes itself"))
    } else if chain.len() >= CHAIN_MAX {
        Some(format!("files include each other more than {CHAIN_MAX} deep"))
    } else if context.sources.iter().count() >= FILES_MAX {
        Some(format!("there are more than {FILES_MAX} files"))
    } else if path.exists() && !path.is_file() {
        Some(format!("cannot read {name:?}: it is not a file"))
    } else {
        None
    };
    if let Some(message) = refusal {
        context.error(Diagnostic::error(span, message));
        return Vec::new();
    }
    match super::content(path) {
        Ok(content) => {
            let mut nodes = super::parsed(&name, &content, context);
            chain.push(identity);
            expand(&mut nodes, chain, context);
            chain.pop();
            nodes
        }
        Err(reason) => {
            context.error(Diagnostic::error(span, format!("cannot read {name:?}: {reason}")));
            Vec::new()
        }
    }
}
