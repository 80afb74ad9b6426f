//! Files that no other file names are compiled by nobody.

use super::Finding;
use super::code;
use super::tree::Tree;

/// Every module file is declared by its parent.
pub(super) fn files(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, _) in tree.rust() {
        let Some((folder, module)) = module(path) else { continue };
        let parents = parents(tree, folder);
        if !parents.iter().any(|(_, text)| declares(text, module)) {
            let names: Vec<&str> = parents.iter().map(|(name, _)| *name).collect();
            let text = format!("no `mod {module}` in its parents: {}", names.join(", "));
            found.push(Finding::new("dead", path, 0, text));
        }
    }
}

fn declares(text: &str, module: &str) -> bool {
    if !text.contains(module) {
        return false;
    }
    let code = code::only(text);
    let words: Vec<&str> = code::identifiers(&code).map(|(_, word)| word).collect();
    words.windows(2).any(|pair| pair == ["mod", module])
}

/// Folder and name of a module file; targets of cargo are none.
fn module(path: &str) -> Option<(&str, &str)> {
    let stem = path.strip_suffix(".rs")?;
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    let (folder, name) = stem.rsplit_once('/')?;
    let (_, last) = folder.rsplit_once('/').unwrap_or(("", folder));
    let is_root = matches!(name, "lib" | "main" | "build");
    let is_target = matches!(last, "bin" | "tests" | "benches" | "examples" | "fuzz_targets");
    let is_shared = path.ends_with("/mod.rs");
    (!is_root && (!is_target || is_shared)).then_some((folder, name))
}

/// The files that may declare the modules of a folder: every target, where it is one of those.
fn parents<'a>(tree: &'a Tree, folder: &str) -> Vec<(&'a str, &'a str)> {
    let is_parent = |path: &str| match path.strip_prefix(folder) {
        Some("/lib.rs" | "/main.rs" | "/mod.rs" | ".rs") => true,
        Some(target) => folder.ends_with("/tests") && target.matches('/').count() == 1,
        None => false,
    };
    tree.rust().filter(|(path, _)| is_parent(path)).collect()
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn a_file_without_its_declaration_is_dead() {
        let root = ("crates/weir/src/main.rs", "//! A.\nmod run;\n// mod left;\n");
        let run = ("crates/weir/src/run.rs", "//! A.\npub(crate) mod drain;\n");
        let drain = ("crates/weir/src/run/drain.rs", "//! A.\n");
        let left = ("crates/weir/src/left.rs", "//! A.\n");
        let test = ("crates/weir/tests/any.rs", "//! A.\n");
        assert_eq!(broken(&[root, run, drain, test]), []);
        assert_eq!(broken(&[root, run, drain, left]), [("dead", 0)]);
        let shared = ("crates/weir/tests/shared/mod.rs", "//! A.\n");
        assert_eq!(broken(&[root, run, drain, test, shared]), [("dead", 0)]);
        let test = ("crates/weir/tests/any.rs", "//! A.\nmod shared;\n");
        assert_eq!(broken(&[root, run, drain, test, shared]), []);
    }
}
