//! The certificate of every contender: ECDSA P-256, its own authority, made anew for each run.

use std::path::Path;

use crate::shell::{self, Fail, Outcome, Root};

/// The certificate, and its key.
pub(super) const CERTIFICATE: &str = "cert.pem";
pub(super) const KEY: &str = "key.pem";
/// Both in one file.
pub(super) const BOTH: &str = "both.pem";

/// Writes the files into the folder.
pub(super) fn make(root: &Root, folder: &Path) -> Outcome {
    let mut openssl = root.command("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.arg("-keyout").arg(folder.join(KEY)).arg("-out").arg(folder.join(CERTIFICATE));
    shell::output(&mut openssl)?;
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read_to_string(&path).map_err(|cause| Fail::at(&path, cause))
    };
    let both = folder.join(BOTH);
    std::fs::write(&both, read(CERTIFICATE)? + &read(KEY)?).map_err(|cause| Fail::at(&both, cause))
}
