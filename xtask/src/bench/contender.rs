//! Who takes part: builds of Weir, and the peers as their own users would set them up for speed.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Options, peer};
use crate::shell::{self, Fail, Outcome, Root};

/// A proxy under test.
#[derive(Clone, Debug)]
pub(super) struct Contender {
    /// Its name in tables.
    pub(super) label: String,
    /// What `--version` or its like says, first line.
    pub(super) version: String,
    program: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Weir,
    Nginx,
    Haproxy,
    Caddy,
    Envoy,
}

/// Where a proxy is put and what it is to do.
pub(super) struct Site<'a> {
    /// Its own folder, for configuration and temporary files.
    pub(super) folder: &'a Path,
    /// The folder with the certificate.
    pub(super) certificate: &'a Path,
    /// Where it listens in the clear.
    pub(super) listen: SocketAddr,
    /// Where it listens for HTTP/2 in the clear.
    pub(super) h2c: SocketAddr,
    /// Where it listens encrypted.
    pub(super) tls: SocketAddr,
    /// Where everything goes.
    pub(super) origin: SocketAddr,
    /// HTTP/2 is spoken there.
    pub(super) h2_origin: bool,
}

/// How a configured proxy is started.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) env: Vec<(&'static str, &'static str)>,
}

impl Contender {
    /// Whether it can speak HTTP/2 to an origin.
    pub(super) fn speaks_h2_to_origins(&self) -> bool {
        !matches!(self.kind, Kind::Nginx)
    }

    /// Writes the configuration into the site's folder and says how to start with it.
    pub(super) fn install(&self, site: &Site<'_>) -> Outcome<Launch> {
        let (file, text, before, after): (_, _, &[&str], &[&str]) = match self.kind {
            Kind::Weir => ("weir.kdl", peer::weir(site), &["run", "-c"], &[]),
            Kind::Nginx => ("nginx.conf", peer::nginx(site), &["-e", "stderr", "-c"], &[]),
            Kind::Haproxy => ("haproxy.cfg", peer::haproxy(site), &["-db", "-f"], &[]),
            Kind::Caddy => ("Caddyfile", peer::caddy(site), &["run", "--config"], &[]),
            Kind::Envoy => ("envoy.yaml", peer::envoy(site), &["-c"], &peer::ENVOY_FLAGS),
        };
        let path = site.folder.join(file);
        fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))?;
        let mut args: Vec<OsString> = before.iter().map(OsString::from).collect();
        args.push(path.into());
        args.extend(after.iter().map(OsString::from));
        let env = match self.kind {
            Kind::Caddy => vec![("GOMAXPROCS", "1")],
            Kind::Weir | Kind::Nginx | Kind::Haproxy | Kind::Envoy => Vec::new(),
        };
        Ok(Launch { program: self.program.clone(), args, env })
    }
}

/// Everyone whom the options want; the first is who the others are compared with.
pub(super) fn all(
    root: &Root,
    weirs: &[(String, PathBuf)],
    options: &Options,
) -> Outcome<Vec<Contender>> {
    let mut found: Vec<Contender> = Vec::new();
    for (label, program) in weirs {
        found.push(contender(root, label, program.clone(), Kind::Weir));
    }
    let venv = root.join(".tools/bench-venv/bin");
    let peers = [
        ("nginx", shell::which("nginx"), Kind::Nginx),
        ("haproxy", shell::which("haproxy"), Kind::Haproxy),
        ("caddy", Some(venv.join("caddy")), Kind::Caddy),
        ("envoy", Some(venv.join("envoy")), Kind::Envoy),
    ];
    for (label, program, kind) in peers {
        if options.wants(label) {
            let program = program.ok_or_else(|| Fail::new(format!("{label} is not installed")))?;
            found.push(contender(root, label, program, kind));
        }
    }
    if found.is_empty() { Err(Fail::new("nobody takes part")) } else { Ok(found) }
}

fn contender(root: &Root, label: &str, program: PathBuf, kind: Kind) -> Contender {
    let question = match kind {
        Kind::Weir | Kind::Envoy => "--version",
        Kind::Nginx | Kind::Haproxy => "-v",
        Kind::Caddy => "version",
    };
    let said = root.command(&program).arg(question).output();
    // nginx answers on standard error.
    let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown");
    // Envoy begins with the path it was started by, which is nobody's business.
    let version = first.replace(&*program.to_string_lossy(), label);
    Contender { label: label.to_owned(), version, program, kind }
}
