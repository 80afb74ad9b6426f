//! Programs that come as Debian packages: peers, load generators and test tools.

use std::process::Command;

use crate::shell::{self, Fail, Outcome, Root};

/// The program that shows a package is there, and the package.
const WANTED: [(&str, &str); 20] = [
    ("curl", "curl"),
    ("chromium", "chromium"),
    ("cc", "build-essential"),
    ("dnsmasq", "dnsmasq-base"),
    ("git", "git"),
    ("h2load", "nghttp2-client"),
    ("haproxy", "haproxy"),
    ("nginx", "nginx-core"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
    ("pgbench", "postgresql"),
    ("redis-benchmark", "redis-tools"),
    ("redis-server", "redis-server"),
    ("slowhttptest", "slowhttptest"),
    ("sslscan", "sslscan"),
    ("strace", "strace"),
    ("testssl", "testssl.sh"),
    ("varnishtest", "varnish"),
    ("wrk", "wrk"),
];

/// Packages that start a server of their own when they are installed.
const SERVICES: [&str; 5] = ["haproxy", "nginx", "postgresql", "redis", "varnish"];

/// Installs the packages whose programs are missing.
pub(super) fn install(root: &Root) -> Outcome {
    let mut missing = missing();
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

fn missing() -> Vec<&'static str> {
    let absent = WANTED.iter().filter(|(program, _)| shell::which(program).is_none());
    absent.map(|(_, package)| *package).collect()
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
