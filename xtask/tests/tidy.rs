//! The house rules as an ordinary test, so that no other command is needed to hold them.

use xtask::shell::{Fail, Root};
use xtask::tidy::{self, Finding, Tree};

#[test]
fn the_tree_keeps_the_house_rules() -> Result<(), Fail> {
    let findings = tidy::findings(&Tree::load(&Root::find()?)?);
    let text = findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n");
    assert!(findings.is_empty(), "{} findings\n{text}", findings.len());
    Ok(())
}
