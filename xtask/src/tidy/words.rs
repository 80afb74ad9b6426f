//! Words that are not to be found: unfinished work, names that say nothing, places of one
//! machine.

use super::Finding;
use super::code;
use super::tree::Tree;

/// Unfinished work is finished or becomes an issue. In pieces, lest it find itself.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
];

/// Words that name no concept, with what to do about them.
const EMPTY: [(&str, &str); 7] = [
    ("Data", "say what is in it"),
    ("Handler", "name the room or the verb"),
    ("Helper", "name what it does"),
    ("Info", "say what is in it"),
    ("Manager", "name what it owns"),
    ("Util", "put it where it is used"),
    ("Utils", "put it where it is used"),
];

/// Hosts and folders that exist on one machine or belong to its packages' suppliers.
const PLACES: [&str; 9] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("deb.deb", "ian.org"),
];

/// No file holds unfinished work.
pub(super) fn unfinished(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, number, line) in lines(tree) {
        let word = UNFINISHED.iter().find(|word| code::has_word(line, word));
        if let Some(word) = word {
            let text = format!("`{word}`: finish it, or file an issue and say what holds now");
            found.push(Finding::new("unfinished", path, number, text));
        }
    }
}

/// No file knows where it was written.
pub(super) fn places(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, number, line) in lines(tree) {
        if let Some(place) = PLACES.iter().find(|place| has_place(line, place)) {
            let text = format!("`{place}` is a place of one machine or supplier");
            found.push(Finding::new("places", path, number, text));
        }
    }
}

/// Types, modules and files have names that say what they are; getters have no prefix.
pub(super) fn names(tree: &Tree, found: &mut Vec<Finding>) {
    for (path, text) in tree.rust() {
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or("");
        complain(path, 0, stem, found);
        let code = code::only(text);
        let words: Vec<(usize, &str)> = code::identifiers(&code).collect();
        for pair in words.windows(2) {
            let [(_, keyword), (line, name)] = pair else { continue };
            match *keyword {
                "struct" | "enum" | "trait" | "type" | "union" | "mod" => {
                    complain(path, *line, name, found);
                }
                "fn" if name.starts_with("get_") => {
                    let text = format!("`{name}`: a question needs no `get_`");
                    found.push(Finding::new("names", path, *line, text));
                }
                _ => {}
            }
        }
    }
}

fn complain(path: &str, line: usize, name: &str, found: &mut Vec<Finding>) {
    let parts = parts(name);
    for (empty, advice) in EMPTY {
        if parts.iter().any(|part| part.eq_ignore_ascii_case(empty)) {
            let text = format!("`{name}`: {empty} says nothing; {advice}");
            found.push(Finding::new("names", path, line, text));
        }
    }
}

/// The words in a name of either case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for character in name.chars() {
        if character == '_' || character.is_uppercase() {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut().filter(|_| character != '_') {
            last.push(character);
        }
    }
    parts
}

/// Whether the place stands in the line: as a host, or at the start of a path.
fn has_place(line: &str, place: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.' || c == '}';
    line.match_indices(place).any(|(at, _)| {
        !place.starts_with('/') || !line[..at].chars().next_back().is_some_and(inside)
    })
}

/// Lines that people wrote: not the lock file, which names the registry by itself.
fn lines(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    let written = tree.files().filter(|(path, _)| !path.ends_with("Cargo.lock"));
    written.flat_map(|(path, text)| {
        text.lines().enumerate().map(move |(number, line)| (path, number + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use crate::tidy::tests::broken;

    #[test]
    fn unfinished_work_is_found_everywhere() {
        for text in ["a\n TO_DO: b\n", "a\n// FIX_ME b\n", "a\nto_do!()\n", "\nXX_X\n"] {
            let text = text.replace('_', "");
            assert_eq!(broken(&[("docs/a.md", &text)]), [("unfinished", 2)], "{text}");
        }
        assert_eq!(broken(&[("docs/a.md", &"methodTO_DOs TO_DOS".replace('_', ""))]), []);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        for text in ["cd /ho_me/x", "see https://py_pi.org/", "\"/wo_rk/target\""] {
            let text = text.replace('_', "");
            assert_eq!(broken(&[("README.md", &text)]), [("places", 1)], "{text}");
        }
        assert_eq!(broken(&[("README.md", &"GET example.com/ho_me/".replace('_', ""))]), []);
    }

    #[test]
    fn empty_names_are_found_in_types_modules_files_and_getters() {
        let one = |path: &str, code: &str| broken(&[(path, &format!("//! A.\n{code}\n"))]);
        let path = "crates/weir/src/main.rs";
        assert_eq!(one(path, "struct PoolManager;"), [("names", 2)]);
        assert_eq!(one(path, "enum DataKind {}"), [("names", 2)]);
        assert_eq!(one(path, "fn get_name() {}"), [("names", 2)]);
        assert_eq!(one(path, "// struct PoolManager\nstruct Database;"), []);
        assert_eq!(one("bench/tests/utils.rs", ""), [("names", 0)]);
    }
}
