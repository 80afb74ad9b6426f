//! How a file looks from afar: its width, its length and its first line.

use super::Finding;
use super::tree::{Tree, is_test};

const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 500;
const TEST_LINES_MAX: usize = 700;
const OPENING_LINES_MAX: usize = 6;

/// Lines of code are no wider than the screen of a reviewer.
pub(super) fn columns(tree: &Tree, found: &mut Vec<Finding>) {
    let kinds = [".rs", ".py", ".sh"];
    let wanted = tree.files().filter(|(path, _)| kinds.iter().any(|kind| path.ends_with(kind)));
    for (path, text) in wanted {
        for (number, line) in text.lines().enumerate() {
            let width = line.chars().count();
            if width > COLUMNS_MAX {
                let text = format!("{width} columns; {COLUMNS_MAX} is the limit");
                found.push(Finding::new("columns", path, number + 1, text));
            }
        }
    }
}

/// One concept fits into a file of limited length.
pub(super) fn length(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let limit = if is_test(path) { TEST_LINES_MAX } else { LINES_MAX };
        let lines = text.lines().count();
        if lines > limit {
            let text = format!("{lines} lines; {limit} is the limit: split it by concept");
            found.push(Finding::new("length", path, lines, text));
        }
    }
}

/// Every file says first what it is.
pub(super) fn opening(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let prose = text.lines().take_while(|line| line.starts_with("//!"));
        let lines = prose.filter(|line| line.len() > "//!".len()).count();
        let text = match lines {
            0 => "begin with `//!`: what this file is, and what it is not".to_owned(),
            lines if lines > OPENING_LINES_MAX && !is_crate_root(path) => {
                format!("{lines} lines of `//!`; {OPENING_LINES_MAX} is the limit")
            }
            _ => continue,
        };
        found.push(Finding::new("opening", path, 1, text));
    }
}

/// The front page of a crate may say more.
fn is_crate_root(path: &str) -> bool {
    path.ends_with("/lib.rs") || path.ends_with("/main.rs")
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn a_wide_line_is_found() {
        let text = format!("//! A.\n// {}\n", "x".repeat(98));
        assert_eq!(broken(&[("crates/weir/src/main.rs", &text)]), [("columns", 2)]);
    }

    #[test]
    fn a_long_file_is_found_and_a_test_may_be_longer() {
        let text = format!("//! A.\n{}", "\n".repeat(550));
        assert_eq!(broken(&[("crates/weir/src/main.rs", &text)]), [("length", 551)]);
        assert_eq!(broken(&[("crates/weir/tests/run.rs", &text)]), []);
        let text = format!("//! A.\n{}", "\n".repeat(700));
        assert_eq!(broken(&[("crates/weir/tests/run.rs", &text)]), [("length", 701)]);
    }

    #[test]
    fn a_file_says_what_it_is_and_is_brief() {
        assert_eq!(broken(&[("crates/weir/src/main.rs", "fn main() {}\n")]), [("opening", 1)]);
        let text = "//! A.\n".repeat(7);
        assert_eq!(broken(&[("bench/src/bin/a.rs", &text)]), [("opening", 1)]);
    }
}
