//! What the documents say is so: the tour's configuration and diagnostics, links, file names.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use testkit::weir::run_to_end;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Every document for people.
fn documents() -> Vec<String> {
    let pages = std::fs::read_dir(root().join("docs")).unwrap();
    let pages = pages.map(|page| format!("docs/{}", page.unwrap().file_name().display()));
    let tops = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    pages.filter(|page| page.ends_with(".md")).chain(tops.map(str::to_owned)).collect()
}

/// The first fenced block of this language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn the_tour_shows_what_check_says() {
    let readme = read("README.md");
    let dir = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(dir.path().join("weir.kdl"), text).unwrap();
        run_to_end(&["check", "-c", "weir.kdl"], dir.path())
    };
    let text = block(&readme, "kdl");
    let shown = block(&readme, "console");
    let (_, wanted) = shown.split_once("$ weir check -c weir.kdl\n").unwrap();
    let (code, _, said) = check(text);
    assert_eq!((code, said.trim_end()), (Some(2), wanted.trim_end()));
    let (code, _, said) = check(&text.replace("filse", "files"));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = read(&document);
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let elsewhere = link.starts_with("http") || file.is_empty();
            assert!(elsewhere || folder.join(file).exists(), "{document}: {link}");
        }
    }
}

#[test]
fn the_files_that_architecture_names_are_there() {
    let places = ["", "crates", "crates/proxy/src", "xtask/src"].map(|place| root().join(place));
    let text = read("ARCHITECTURE.md");
    let quoted = text.split('`').skip(1).step_by(2);
    for name in quoted.filter(|name| name.ends_with(".rs") || name.ends_with('/')) {
        assert!(places.iter().any(|place| place.join(name).exists()), "{name}");
    }
}

#[test]
fn every_page_of_the_manual_is_in_its_index() {
    let index = read("docs/README.md");
    for page in documents().iter().filter_map(|name| name.strip_prefix("docs/")) {
        assert!(page == "README.md" || index.contains(&format!("({page})")), "{page}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let (_, section) = manifest.split_once("[workspace.dependencies]\n").unwrap();
    let section = section.split("\n[").next().unwrap();
    let reasons = read("ARCHITECTURE.md");
    for (name, rest) in section.lines().filter_map(|line| line.split_once(" = ")) {
        let own = rest.contains("path =") || name.starts_with('#');
        assert!(own || reasons.contains(&format!("`{name}`")), "{name}");
    }
}
