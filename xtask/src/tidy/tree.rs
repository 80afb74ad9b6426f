//! The files that belong to the project, as text in memory.

use std::collections::BTreeMap;
use std::fs;

use crate::shell::{self, Outcome, Root};

/// Path from the top folder to content.
#[derive(Debug)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// What git tracks, or would if it were added. Files that are no text are left out.
    pub fn load(root: &Root) -> Outcome<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let list = shell::output(root.command("git").args(arguments))?;
        let read = |path: &str| Some((path.to_owned(), fs::read_to_string(root.join(path)).ok()?));
        Ok(Self { files: list.split('\0').filter_map(read).collect() })
    }

    /// A tree of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(owned).collect() }
    }

    /// Every file with its content, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The content of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// All text that tests consist of: test files, and the test modules of other files.
    pub fn tests(&self) -> String {
        let part = |(path, text): (&str, &str)| match text.find("#[cfg(test)]") {
            _ if is_test(path) => Some(text.to_owned()),
            Some(at) if path.ends_with(".rs") => Some(text[at..].to_owned()),
            _ => None,
        };
        self.files().filter_map(part).collect::<Vec<_>>().join("\n")
    }
}

/// Whether a file holds nothing but tests or their data.
pub(super) fn is_test(path: &str) -> bool {
    let in_folder = path.starts_with("tests/") || path.contains("/tests/");
    in_folder || path.ends_with("/tests.rs")
}
