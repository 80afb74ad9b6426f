//! `weir fmt`: one way to lay out a configuration.

use std::io::Read;
use std::path::Path;

use super::{Failure, print, render};

/// Formats a file in place, or says whether it is formatted.
pub(crate) fn run(path: &Path, check: bool) -> Result<(), Failure> {
    let from_stdin = path == Path::new("-");
    let text = read(path, from_stdin)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    let formatted = config::format(&text).map_err(|report| Failure::wrong(render(&report)))?;
    match (check, from_stdin) {
        (true, _) if formatted == text => Ok(()),
        (true, _) => Err(Failure::failed(format!("{} is not formatted", path.display()))),
        (false, true) => print(&formatted),
        (false, false) if formatted == text => Ok(()),
        (false, false) => std::fs::write(path, formatted)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display()))),
    }
}

fn read(path: &Path, from_stdin: bool) -> std::io::Result<String> {
    if !from_stdin {
        return std::fs::read_to_string(path);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
