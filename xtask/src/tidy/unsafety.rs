//! `unsafe` is in few named files, and each use of it is justified where it stands.

use super::Finding;
use super::code;
use super::tree::Tree;

/// The files that may hold it, each with why it cannot do without. A path that ends in a slash
/// stands for the files of a folder.
const LISTED: &[(&str, &str)] = &[
    ("crates/proxy/src/io/register.rs", "the driver asks for a promise about descriptors"),
    ("crates/weir/src/allocator.rs", "the allocator's own functions are foreign"),
    ("crates/proxy/tests/allocations.rs", "an allocator that counts is an unsafe trait"),
];

/// How many lines above it the justification may begin.
const SAFETY_LINES_MAX: usize = 8;

/// Only listed files hold `unsafe`.
pub(super) fn listed(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let known = LISTED
            .iter()
            .any(|(place, _)| path == *place || place.ends_with('/') && path.starts_with(place));
        for line in uses(text).into_iter().filter(|_| !known) {
            let text = "`unsafe` outside the files that tidy lists for it";
            found.push(Finding::new("unsafe", path, line, text));
        }
    }
}

/// Every `unsafe` block has a `SAFETY:` comment above it.
pub(super) fn justified(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let lines: Vec<&str> = text.lines().collect();
        for line in uses(text) {
            let above = &lines[line.saturating_sub(1 + SAFETY_LINES_MAX)..line];
            let said = |line: &&str| line.contains("SAFETY:") || line.contains("# Safety");
            if !above.iter().any(said) {
                let text = "say in a `SAFETY:` comment why this is sound";
                found.push(Finding::new("safety", path, line, text));
            }
        }
    }
}

fn uses(text: &str) -> Vec<usize> {
    let code = code::only(text);
    let mut lines: Vec<usize> = code::identifiers(&code)
        .filter(|(_, word)| *word == "unsafe")
        .map(|(line, _)| line)
        .collect();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn unsafe_is_listed_and_justified() {
        let bare = "//! A.\nfn a() {\n    unsafe { b() }\n}\n";
        let good = "//! A.\nfn a() {\n    // SAFETY: b is c.\n    unsafe { b() }\n}\n";
        assert_eq!(broken(&[("crates/proxy/src/lib.rs", bare)]), [("safety", 3), ("unsafe", 3)]);
        assert_eq!(broken(&[("crates/proxy/src/lib.rs", good)]), [("unsafe", 4)]);
        let module = ("crates/proxy/src/io.rs", "//! A.\nmod register;\n");
        let root = ("crates/proxy/src/lib.rs", "//! A.\nmod io;\n");
        let listed = "crates/proxy/src/io/register.rs";
        assert_eq!(broken(&[root, module, (listed, good)]), []);
        assert_eq!(broken(&[root, module, (listed, bare)]), [("safety", 3)]);
    }

    #[test]
    fn the_word_in_prose_and_lints_is_none() {
        let text = "//! Not unsafe.\n#![deny(unsafe_code)]\nconst A: &str = \"unsafe\";\n";
        assert_eq!(broken(&[("crates/weir/src/main.rs", text)]), []);
    }
}
