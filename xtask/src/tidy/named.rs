//! What a user can set or read is documented and tested by its name.

use super::Finding;
use super::tree::{Tree, is_test};

const SCHEMA: &str = "crates/config/src/schema/";
const SETTINGS_PAGE: &str = "docs/configuration.md";
const RECORD: &str = "crates/proxy/src/record/";
const METRICS_PAGE: &str = "docs/metrics.md";

/// Every node and property of the configuration language.
pub(super) fn settings(tree: &Tree, found: &mut Vec<Finding>) {
    let named = declared(tree, SCHEMA, |text| {
        let marks = ["name:", "prop("];
        marks.iter().flat_map(|mark| literals_after(text, mark)).collect()
    });
    known(tree, "settings", SETTINGS_PAGE, &named, found);
}

/// Every metric that the record room declares.
pub(super) fn metrics(tree: &Tree, found: &mut Vec<Finding>) {
    let named = declared(tree, RECORD, |text| {
        let names = literals_after(text, "");
        names.into_iter().filter(|(_, name)| name.starts_with("weir_")).collect()
    });
    known(tree, "metrics", METRICS_PAGE, &named, found);
}

/// A declaration: file, line, name.
type Declared<'a> = (&'a str, usize, &'a str);

fn declared<'a>(
    tree: &'a Tree,
    folder: &str,
    names: impl Fn(&'a str) -> Vec<(usize, &'a str)>,
) -> Vec<Declared<'a>> {
    let files = tree.rust().filter(|(path, _)| path.starts_with(folder) && !is_test(path));
    let own = |text: &'a str| text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    files
        .flat_map(|(path, text)| {
            names(own(text)).into_iter().map(move |(at, name)| (path, at, name))
        })
        .collect()
}

fn known(
    tree: &Tree,
    rule: &'static str,
    page: &str,
    named: &[Declared<'_>],
    found: &mut Vec<Finding>,
) {
    let (manual, tests) = (tree.text(page).unwrap_or_default(), tree.tests());
    for (path, line, name) in named {
        for (text, place) in [(manual, page), (&tests, "any test")] {
            if !mentions(text, name) {
                let text = format!("`{name}` is not in {place}");
                found.push(Finding::new(rule, path, *line, text));
            }
        }
    }
}

/// String literals of name characters that follow the mark, blanks between allowed.
fn literals_after<'a>(text: &'a str, mark: &str) -> Vec<(usize, &'a str)> {
    let quotes = text.match_indices('"').filter(|(at, _)| text[..*at].trim_end().ends_with(mark));
    let literal = |(at, _): (usize, &str)| {
        let (name, _) = text[at + 1..].split_once('"')?;
        let is_name =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let line = text[..at].matches('\n').count() + 1;
        (!name.is_empty() && name.chars().all(is_name)).then_some((line, name))
    };
    quotes.filter_map(literal).collect()
}

/// Whether the name stands in the text: not within a longer one, except for a suffix that
/// begins with an underscore, as the exposition of a metric adds it.
fn mentions(text: &str, name: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !inside(before.chars().next_back()) && !inside(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    const LIB: (&str, &str) = ("crates/config/src/lib.rs", "//! A.\nmod schema;\n");
    const SCHEMA: (&str, &str) = ("crates/config/src/schema.rs", "//! A.\nmod site;\n");

    #[test]
    fn a_setting_is_documented_and_tested() {
        let code = "//! A.\nnode(N { name: \"idle-max\", doc: \"x\" }, prop(\n    \"weight\"));\n";
        let file = ("crates/config/src/schema/site.rs", code);
        let page = ("docs/configuration.md", "`idle-max`, `weights`\n");
        let test = ("tests/a.kdl", "idle-max weight=1\n");
        assert_eq!(broken(&[LIB, SCHEMA, file, page, test]), [("settings", 3)]);
        let page = ("docs/configuration.md", "`idle-max`, `weight`\n");
        assert_eq!(broken(&[LIB, SCHEMA, file, page, test]), []);
        assert_eq!(broken(&[LIB, SCHEMA, file, page]), [("settings", 2), ("settings", 3)]);
    }

    #[test]
    fn a_metric_is_documented_and_tested() {
        let lib = ("crates/proxy/src/lib.rs", "//! A.\nmod record;\n");
        let record = ("crates/proxy/src/record.rs", "//! A.\nmod table;\n");
        let code = "//! A.\nconst A: &str = \"weir_requests\";\n";
        let table = ("crates/proxy/src/record/table.rs", code);
        let page = ("docs/metrics.md", "`weir_requests_total`\n");
        let test = ("crates/proxy/tests/a.rs", "//! A.\n// \"weir_requests_total 1\"\n");
        assert_eq!(broken(&[lib, record, table, page, test]), []);
        assert_eq!(broken(&[lib, record, table, page]), [("metrics", 2)]);
        assert_eq!(broken(&[lib, record, table, test]), [("metrics", 2)]);
    }
}
