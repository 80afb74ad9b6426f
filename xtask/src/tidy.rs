//! The house rules that no other tool knows, as checks over the files that git tracks.
//!
//! A rule is a function from the tree to its findings. What a rule must let pass for now is in
//! `allowed`, each with its reason; an exception that nothing needs any more is a finding too.

mod allowed;
mod changelog;
mod code;
mod dead;
mod imports;
mod named;
mod shape;
mod tree;
mod unsafety;
mod words;

use std::fmt;

use crate::shell::{Fail, Outcome, Root};

pub use tree::Tree;

/// One breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the top of the tree.
    pub path: String,
    /// The line, from one; 0 is the whole file.
    pub line: usize,
    /// The short name that exceptions use.
    pub rule: &'static str,
    /// What is wrong and what to do.
    pub text: String,
}

impl Finding {
    fn new(rule: &'static str, path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, text } = self;
        write!(out, "{path}:{line}: {text} [{rule}]")
    }
}

type Rule = fn(&Tree, &mut Vec<Finding>);

const RULES: [Rule; 14] = [
    changelog::shape,
    dead::files,
    imports::crates,
    imports::pure,
    named::metrics,
    named::settings,
    shape::columns,
    shape::length,
    shape::opening,
    unsafety::listed,
    unsafety::justified,
    words::names,
    words::places,
    words::unfinished,
];

/// Every rule over the whole tree; prints what it finds.
pub fn run(root: &Root) -> Outcome {
    let findings = findings(&Tree::load(root)?);
    if findings.is_empty() {
        return Ok(());
    }
    let text = findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
    Err(Fail::new(format!("tidy: {} findings\n{text}", findings.len())))
}

/// What the rules find, less the exceptions, plus the exceptions that nothing needs.
pub fn findings(tree: &Tree) -> Vec<Finding> {
    allowed::apply(all(tree), allowed::ALLOWED)
}

fn all(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(tree, &mut found);
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that a tree of these files breaks, with the lines.
    pub(super) fn broken(files: &[(&str, &str)]) -> Vec<(&'static str, usize)> {
        all(&Tree::of(files)).iter().map(|finding| (finding.rule, finding.line)).collect()
    }

    #[test]
    fn a_tidy_file_breaks_nothing() {
        let text = "//! A crate.\n\n/// Adds.\npub fn add() {}\n";
        assert_eq!(broken(&[("crates/http1/src/lib.rs", text)]), []);
    }
}
