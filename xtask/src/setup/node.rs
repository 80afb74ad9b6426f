//! Tools of Node under `.tools/node`: the test suite for HTTP caches and what it needs.

use std::fs;

use crate::shell::{self, Fail, Outcome, Root};

/// The suite. Its package asks for a whole package manager besides, which nothing here uses.
const SUITE: &str = "http-cache-tests";
const SUITE_VERSION: &str = "0.4.5";

/// The one library that the suite calls.
const FETCH: &str = "node-fetch@2.7.0";

/// Installs the suite, if it is not there in this version.
pub(super) fn tests(root: &Root) -> Outcome {
    let folder = root.join(".tools/node");
    let stamp = folder.join("installed.txt");
    let wanted = format!("{SUITE}@{SUITE_VERSION} {FETCH}");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let package = folder.join("node_modules").join(SUITE);
    fs::create_dir_all(&package).map_err(|cause| Fail::at(&package, cause))?;
    let mut install = root.command("npm");
    install.args(["install", "--silent", "--no-save", "--no-package-lock", "--ignore-scripts"]);
    shell::run(install.arg(FETCH).current_dir(&folder))?;
    let mut pack = root.command("npm");
    pack.args(["pack", "--silent", &format!("{SUITE}@{SUITE_VERSION}")]).current_dir(&folder);
    let archive = shell::output(&mut pack)?;
    // What is not asked for by a manifest may have been tidied away.
    fs::create_dir_all(&package).map_err(|cause| Fail::at(&package, cause))?;
    let mut unpack = root.command("tar");
    unpack.args(["xzf", archive.trim(), "--strip-components=1", "-C"]).arg(&package);
    shell::run(unpack.current_dir(&folder))?;
    fs::write(&stamp, wanted).map_err(|cause| Fail::at(&stamp, cause))
}
