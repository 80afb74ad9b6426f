//! Paths with `*` and `?`: which files they stand for.

use std::path::{Component, Path, PathBuf};

/// The files that a path stands for, sorted. A path without wildcards stands for itself,
/// whether it exists or not. `Err` says what is wrong.
pub(super) fn files(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    if pattern.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if pattern.contains("**") {
        return Err("`**` is not supported, only `*` and `?` within one name".to_owned());
    }
    if !is_wild(pattern) {
        return Ok(vec![directory.join(pattern)]);
    }
    let mut paths = vec![directory.to_owned()];
    for component in Path::new(pattern).components() {
        paths = match component {
            Component::Normal(name) if is_wild(&name.to_string_lossy()) => {
                let wild = name.to_string_lossy();
                paths.iter().flat_map(|path| entries(path, &wild)).collect()
            }
            other => paths.iter().map(|path| path.join(other)).collect(),
        };
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}

fn is_wild(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Entries of a directory that match; hidden ones only if the pattern starts with a dot.
fn entries(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let visible = names.filter(|name| !name.starts_with('.') || pattern.starts_with('.'));
    visible.filter(|name| matches(pattern, name)).map(|name| directory.join(name)).collect()
}

/// Whether a name matches: `*` is any number of characters, `?` is one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(c), _) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            (_, Some((star_p, star_n))) => {
                star = Some((star_p, star_n + 1));
                p = star_p + 1;
                n = star_n + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let cases = [
            ("*.kdl", "a.kdl", true),
            ("*.kdl", ".kdl", true),
            ("*.kdl", "a.kdl.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbx", false),
            ("", "", true),
            ("*", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
