//! Programs that come as Debian packages: peers, load generators and test tools.

use std::process::Command;

use super::Purpose;
use crate::shell::{self, Fail, Outcome, Root};

/// The program that shows a package is there, the package, and what it is for.
const WANTED: [(&str, &str, Purpose); 22] = [
    ("curl", "curl", Purpose::All),
    ("chromium", "chromium", Purpose::Tests),
    ("cc", "build-essential", Purpose::All),
    ("dnsmasq", "dnsmasq-base", Purpose::Tests),
    ("git", "git", Purpose::All),
    ("h2load", "nghttp2-client", Purpose::All),
    ("haproxy", "haproxy", Purpose::All),
    ("nginx", "nginx-core", Purpose::All),
    ("node", "nodejs", Purpose::Tests),
    ("npm", "npm", Purpose::Tests),
    ("openssl", "openssl", Purpose::All),
    ("pgbench", "postgresql", Purpose::Tests),
    ("redis-benchmark", "redis-tools", Purpose::Tests),
    ("redis-server", "redis-server", Purpose::Tests),
    ("slowhttptest", "slowhttptest", Purpose::Tests),
    ("sslscan", "sslscan", Purpose::Tests),
    ("strace", "strace", Purpose::All),
    ("testssl", "testssl.sh", Purpose::Tests),
    ("traffic_server", "trafficserver", Purpose::Bench),
    ("varnishtest", "varnish", Purpose::All),
    ("wrk", "wrk", Purpose::All),
    ("zstd", "zstd", Purpose::Tests),
];

/// Packages that start a server of their own when they are installed.
const SERVICES: [&str; 6] = ["haproxy", "nginx", "postgresql", "redis", "trafficserver", "varnish"];

/// Installs the packages whose programs are missing.
pub(super) fn install(root: &Root, purpose: Purpose) -> Outcome {
    let mut missing = missing(purpose);
    if !shell::succeeds(root.command("python3").args(["-c", "import ensurepip, venv"])) {
        missing.extend(["python3", "python3-venv"]);
    }
    if missing.is_empty() {
        return Ok(());
    }
    if shell::which("apt-get").is_none() {
        let list = missing.join(" ");
        return Err(Fail::new(format!("no apt-get here; install these yourself: {list}")));
    }
    shell::run(privileged(root, "apt-get").args(["-qq", "update"]))?;
    let mut install = privileged(root, "apt-get");
    install.args(["-qq", "-y", "--no-install-recommends", "install"]).args(&missing);
    shell::run(&mut install)?;
    for service in SERVICES.iter().filter(|service| missing.iter().any(|m| m.contains(*service))) {
        silence(root, service);
    }
    Ok(())
}

fn missing(purpose: Purpose) -> Vec<&'static str> {
    let is_for = |of: Purpose| purpose == of || purpose == Purpose::All || of == Purpose::All;
    let wanted = WANTED.iter().filter(|(_, _, of)| is_for(*of));
    let absent = wanted.filter(|(program, ..)| shell::which(program).is_none());
    absent.map(|(_, package, _)| *package).collect()
}

/// Stops the server that came with a package and keeps it from coming back. Failure is no
/// matter: a container has no service manager to refuse.
fn silence(root: &Root, service: &str) {
    if !shell::succeeds(privileged(root, "systemctl").args(["disable", "--now", service])) {
        shell::succeeds(privileged(root, "service").args([service, "stop"]));
    }
}

/// The program itself for root, else through sudo, never asking anything.
fn privileged(root: &Root, program: &str) -> Command {
    let is_root = shell::output(root.command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let mut command = if is_root {
        root.command(program)
    } else {
        let mut sudo = root.command("sudo");
        sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", program]);
        sudo
    };
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
