//! Redis and PostgreSQL behind a TCP listener, under their own load tools.

use std::path::Path;
use std::process::Command;

use testkit::external::{run, tool};
use testkit::{External, Weir};

use crate::scene::{Tcp, wait};

fn redis() -> External {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = testkit::port::free_addr();
    let mut command = Command::new(tool("redis-server"));
    command.args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no", "--dir"]).arg(dir.path());
    External::listening(command, dir, addr)
}

fn benchmark(weir: &Weir, args: &[&str]) {
    let mut command = Command::new(tool("redis-benchmark"));
    command.args(["-h", "127.0.0.1", "-p", &weir.addr().port().to_string(), "-q"]).args(args);
    let (code, out, err) = run(&mut command);
    let out = String::from_utf8_lossy(&out);
    let went_well = code == Some(0) && out.contains("requests per second");
    assert!(went_well && !out.contains("Error") && err.is_empty(), "{args:?}: {out}{err}");
}

#[test]
fn redis_under_its_own_load() {
    let redis = redis();
    let weir = Tcp::default().server(&redis.server()).start();
    benchmark(&weir, &["-t", "set,get", "-n", "20000", "-c", "50"]);
    benchmark(&weir, &["-t", "set,get,lrange_100", "-n", "20000", "-c", "20", "-P", "32"]);
    benchmark(&weir, &["-t", "set,get", "-n", "400", "-c", "8", "-d", "1000000"]);
    let log = weir.wait_log(78);
    assert!(log.iter().all(|line| line.status() == 200), "{log:?}");
    weir.wait_metrics(|m| m.sum("weir_tunnels_open", &[]) == 0.0);
}

/// PostgreSQL in a directory of its own; it does not run as root.
struct Postgres {
    server: External,
    user: Option<&'static str>,
}

impl Postgres {
    /// Waits until it takes connections.
    fn wait_ready(&self, bin: &Path) {
        wait("the database is up", || {
            let mut command = as_user(self.user, &bin.join("pg_isready"));
            let port = self.server.addr().port().to_string();
            run(command.args(["-q", "-h", "127.0.0.1", "-p", &port]).current_dir("/")).0 == Some(0)
        });
    }
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let mut command = Command::new(tool("runuser"));
    command.args(["-u", user, "--"]).arg(program);
    command
}

fn postgres() -> Postgres {
    let bin = newest("/usr/lib/postgresql");
    let user = rustix::process::geteuid().is_root().then_some("postgres");
    let dir = tempfile::tempdir().expect("a directory");
    let addr = testkit::port::free_addr();
    if let Some(user) = user {
        let mut chown = Command::new("chown");
        assert_eq!(run(chown.arg(user).arg(dir.path())).0, Some(0));
    }
    let data = dir.path().join("data");
    let mut init = as_user(user, &bin.join("initdb"));
    init.args(["-A", "trust", "-U", "weir", "-N", "-D"]).arg(&data).current_dir("/");
    let (code, _, err) = run(&mut init);
    assert_eq!(code, Some(0), "{err}");
    let mut command = as_user(user, &bin.join("postgres"));
    command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &addr.port().to_string()]);
    command.args(["-F", "-k", ""]).current_dir("/");
    Postgres { server: External::listening(command, dir, addr), user }
}

/// The programs of the newest version that is installed.
fn newest(place: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place).expect("PostgreSQL; run `cargo xtask setup` first");
    let versions = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = versions.max_by_key(|name| name.parse::<u32>().unwrap_or(0)).expect("a version");
    Path::new(place).join(newest).join("bin")
}

#[test]
fn postgresql_under_its_own_load() {
    let postgres = postgres();
    let weir = Tcp::default().server(&postgres.server.server()).start();
    let bin = newest("/usr/lib/postgresql");
    let pgbench = |args: &[&str]| {
        let mut command = as_user(postgres.user, &bin.join("pgbench"));
        command.args(["-h", "127.0.0.1", "-p", &weir.addr().port().to_string(), "-U", "weir"]);
        command.args(args).arg("postgres").current_dir("/");
        let (code, out, err) = run(&mut command);
        assert_eq!(code, Some(0), "{args:?}: {err}");
        String::from_utf8_lossy(&out).into_owned()
    };
    // The port is open before the database is.
    postgres.wait_ready(&bin);
    pgbench(&["-i", "-s", "1", "-q"]);
    let told = pgbench(&["-c", "8", "-t", "100", "-C", "-n"]);
    assert!(told.contains("800/800"), "{told}");
    let told = pgbench(&["-c", "8", "-t", "500", "-M", "prepared", "-n"]);
    assert!(told.contains("number of failed transactions: 0"), "{told}");
    assert!(weir.wait_log(800).iter().all(|line| line.status() == 200));
}
