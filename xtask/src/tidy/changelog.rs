//! The change log has one shape, so that people and programs find a release in it.

use super::Finding;
use super::tree::Tree;

const PATH: &str = "CHANGELOG.md";
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// A title, releases with the unreleased first, kinds of change, and items.
pub(super) fn shape(tree: &Tree, found: &mut Vec<Finding>) {
    let Some(text) = tree.text(PATH) else { return };
    let mut releases = 0;
    for (number, line) in text.lines().enumerate() {
        let wrong = match line.split_once(' ') {
            Some(("##", release)) => {
                releases += 1;
                !is_release(release, releases)
            }
            Some(("###", kind)) => releases == 0 || !KINDS.contains(&kind),
            Some(("#", title)) => number != 0 || title != "Changelog",
            Some(("-", item)) => releases == 0 || item.is_empty(),
            // Prose before the first release, and items that go on in the next line.
            _ => number == 0 || releases > 0 && !line.is_empty() && !line.starts_with("  "),
        };
        if wrong {
            let text = "`# Changelog`, `## Unreleased` or `## 1.2.3 - 2026-01-31`, `### Added` \
                        (Changed, Fixed ...) and `- items`, nothing else";
            found.push(Finding::new("changelog", PATH, number + 1, text));
        }
    }
}

/// `Unreleased` comes first, if at all; others are a version and a day.
fn is_release(text: &str, place: usize) -> bool {
    if text == "Unreleased" {
        return place == 1;
    }
    let is_numbers = |text: &str, by: char| {
        text.split(by).count() == 3 && text.split(by).all(|part| part.parse::<u32>().is_ok())
    };
    text.split_once(" - ").is_some_and(|(version, day)| {
        is_numbers(version, '.') && is_numbers(day, '-') && day.len() == 10
    })
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn a_good_log_passes() {
        let text = "# Changelog\n\nFor users.\n\n## Unreleased\n\n### Added\n\n- A thing\n  \
                    and more.\n\n## 0.1.0 - 2026-11-23\n\n- First.\n";
        assert_eq!(broken(&[("CHANGELOG.md", text)]), []);
    }

    #[test]
    fn anything_else_is_found() {
        let bad = [
            ("Changes\n", 1),
            ("# Changelog\n## 1.0\n", 2),
            ("# Changelog\n## 1.0.0 - 2026-11-23\n## Unreleased\n", 3),
            ("# Changelog\n## Unreleased\n### Improved\n", 3),
            ("# Changelog\n- early\n", 2),
            ("# Changelog\n## Unreleased\nprose\n", 3),
        ];
        for (text, line) in bad {
            assert_eq!(broken(&[("CHANGELOG.md", text)]), [("changelog", line)], "{text}");
        }
    }
}
