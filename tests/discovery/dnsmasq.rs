//! A name server: dnsmasq with a TTL of one second.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use testkit::external::{External, tool};
use testkit::{Origin, origin};

/// A running name server.
pub struct NameServer {
    running: Option<External>,
    directory: tempfile::TempDir,
    addr: SocketAddr,
}

impl NameServer {
    /// Starts with these addresses, and with further options.
    pub fn start(hosts: &[(&str, &str)], options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let addr = testkit::port::free_addr();
        let mut server = Self { running: None, directory, addr };
        server.write(hosts);
        server.run(options);
        server
    }

    /// Runs again after [`Self::die`].
    pub fn run(&mut self, options: &[&str]) {
        let mut command = Command::new(tool("dnsmasq"));
        command
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--bind-interfaces", "--listen-address=127.0.0.1", "--user=root"])
            .args(["--local=/test/", "--local-ttl=1", "--pid-file"])
            .arg(format!("--port={}", self.addr.port()))
            .arg(format!("--addn-hosts={}", self.hosts().display()))
            .args(options);
        let scratch = tempfile::tempdir().expect("a directory");
        self.running = Some(External::listening(command, scratch, self.addr));
    }

    fn hosts(&self) -> PathBuf {
        self.directory.path().join("hosts")
    }

    fn write(&self, hosts: &[(&str, &str)]) {
        let lines: String =
            hosts.iter().map(|(address, name)| format!("{address} {name}\n")).collect();
        std::fs::write(self.hosts(), lines).expect("the hosts");
    }

    /// Has other addresses from now on.
    pub fn say(&self, hosts: &[(&str, &str)]) {
        self.write(hosts);
        self.running.as_ref().expect("it runs").signal(Signal::HUP);
    }

    /// Answers no more.
    pub fn die(&mut self) {
        self.running = None;
    }

    /// The setting that asks it.
    pub fn resolver(&self) -> String {
        format!("resolver \"{}\" timeout=\"500ms\"\n", self.addr)
    }
}

/// Origins on one port of several addresses, each of which says its address.
pub fn origins(addresses: &[&str]) -> (u16, Vec<Origin>) {
    let port = testkit::port::free_addr().port();
    let origin = |address: &&str| {
        let ip: IpAddr = address.parse().expect("an address");
        let body = (*address).to_owned();
        Origin::on(SocketAddr::new(ip, port), origin::answering(move |_| origin::ok(&body)))
    };
    (port, addresses.iter().map(origin).collect())
}
