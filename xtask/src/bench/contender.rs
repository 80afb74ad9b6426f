//! Who takes part: builds of Weir, and the peers as their own users would set them up for speed.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scenario::Store;
use super::{Options, cache_peer, peer};
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
    Varnish,
    TrafficServer,
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
    /// What it may keep.
    pub(super) store: Option<Store>,
    /// Where it keeps it, if in files.
    pub(super) kept: &'a Path,
    /// Where it works, in memory.
    pub(super) work: &'a Path,
}

/// Files by name and text.
type Files = Vec<(&'static str, String)>;

const WEIR_FILE: &str = "weir.kdl";

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
        let (files, args) = self.setup(site)?;
        for (name, text) in files {
            let path = site.folder.join(name);
            fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))?;
        }
        let env = match self.kind {
            Kind::Caddy => vec![("GOMAXPROCS", "1")],
            _ => Vec::new(),
        };
        Ok(Launch { program: self.program.clone(), args, env })
    }

    /// Its files, by name and text, and its arguments.
    fn setup(&self, site: &Site<'_>) -> Outcome<(Files, Vec<OsString>)> {
        let (name, text) = match (self.kind, site.store) {
            (Kind::Weir, None) => (WEIR_FILE, peer::weir(site)),
            (Kind::Weir, Some(store)) => (WEIR_FILE, cache_peer::weir(site, store)),
            (Kind::Nginx, None) => ("nginx.conf", peer::nginx(site)),
            (Kind::Nginx, Some(store)) => ("nginx.conf", cache_peer::nginx(site, store)),
            (Kind::Haproxy, None) => ("haproxy.cfg", peer::haproxy(site)),
            (Kind::Haproxy, Some(store)) => ("haproxy.cfg", cache_peer::haproxy(site, store)),
            (Kind::Caddy, None) => ("Caddyfile", peer::caddy(site)),
            (Kind::Envoy, None) => ("envoy.yaml", peer::envoy(site)),
            (Kind::Varnish, Some(store)) => {
                let files = vec![(cache_peer::VARNISH_FILE, cache_peer::varnish(site))];
                return Ok((files, cache_peer::varnish_args(site, store)));
            }
            (Kind::TrafficServer, Some(store)) => {
                let run_root = format!("--run-root={}", site.folder.display());
                return Ok((cache_peer::traffic_server(site, store), vec![run_root.into()]));
            }
            (Kind::Caddy | Kind::Envoy, Some(_)) | (Kind::Varnish | Kind::TrafficServer, None) => {
                return Err(Fail::new(format!("{} has no part in this suite", self.label)));
            }
        };
        let (before, after): (&[&str], &[&str]) = match self.kind {
            Kind::Weir => (&["run", "-c"], &[]),
            Kind::Nginx => (&["-e", "stderr", "-c"], &[]),
            Kind::Haproxy => (&["-db", "-f"], &[]),
            Kind::Caddy => (&["run", "--config"], &[]),
            _ => (&["-c"], &peer::ENVOY_FLAGS),
        };
        let mut args: Vec<OsString> = before.iter().map(OsString::from).collect();
        args.push(site.folder.join(name).into());
        args.extend(after.iter().map(OsString::from));
        Ok((vec![(name, text)], args))
    }

    /// Why a build of Weir does not take its configuration: it may be older than what the
    /// scenario is about.
    pub(super) fn refusal(&self, folder: &Path) -> Option<String> {
        if !matches!(self.kind, Kind::Weir) {
            return None;
        }
        let mut check = Command::new(&self.program);
        let said = check.args(["check", "-c"]).arg(folder.join(WEIR_FILE)).output().ok()?;
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        let first = text.lines().next().unwrap_or("refused").to_owned();
        (!said.status.success()).then_some(first)
    }
}

/// Everyone whom the options want; the first is who the others are compared with.
pub(super) fn all(
    root: &Root,
    weirs: &[(String, PathBuf)],
    labels: &[&str],
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
        ("varnish", shell::which("varnishd"), Kind::Varnish),
        ("ats", shell::which("traffic_server"), Kind::TrafficServer),
    ];
    for (label, program, kind) in peers {
        if labels.contains(&label) && options.wants(label) {
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
        Kind::Varnish | Kind::TrafficServer => "-V",
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
