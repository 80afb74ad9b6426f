//! Real programs beside Weir: origins, clients, foreign test suites.
//!
//! A missing program fails the test and says how to get it; it is never skipped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::PATIENCE;

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct External {
    child: Child,
    addr: SocketAddr,
    err: Arc<Mutex<Vec<String>>>,
    /// Its files.
    pub dir: tempfile::TempDir,
}

impl External {
    /// nginx with this `server { ... }` body on a free port, one worker, files under `$DIR`.
    #[must_use]
    pub fn nginx(server: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let addr = crate::port::free_addr();
        let server = server.replace("$DIR", &dir.path().display().to_string());
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path tmp_{name};\n"))
            .concat();
        let text = format!(
            "daemon off; pid nginx.pid; error_log stderr; worker_processes 1;\n\
             {user}events {{ worker_connections 4096; }}\n\
             http {{ access_log off; {paths} \
             server {{ listen {addr} backlog=4096;\n{server}\n}} }}\n",
            user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" },
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, text).expect("write nginx.conf");
        let mut command = Command::new(tool("nginx"));
        command.arg("-p").arg(dir.path()).arg("-e").arg("stderr").arg("-c").arg(file);
        Self::listening(command, dir, addr)
    }

    /// `python3 -m http.server` over these files.
    #[must_use]
    pub fn python_files(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, content) in files {
            std::fs::write(dir.path().join(name), content).expect("write a file");
        }
        let addr = crate::port::free_addr();
        let mut command = Command::new(tool("python3"));
        let protocol = ["--protocol", "HTTP/1.1"];
        command.args(["-m", "http.server", "--bind", "127.0.0.1"]).args(protocol);
        command.arg(addr.port().to_string()).current_dir(dir.path());
        Self::listening(command, dir, addr)
    }

    /// A script of `tests/scripts` in the environment made by `cargo xtask setup`. It gets
    /// its own port as first argument, then `args`, and must listen on it.
    #[must_use]
    pub fn script(name: &str, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let addr = crate::port::free_addr();
        let mut command = python_script(name);
        command.arg(addr.port().to_string()).args(args);
        Self::listening(command, dir, addr)
    }

    /// Any program that will listen on `addr`.
    #[must_use]
    pub fn listening(mut command: Command, dir: tempfile::TempDir, addr: SocketAddr) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}; {SETUP_ADVICE}"));
        let err = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&err);
        let stderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().expect("lines").push(line);
            }
        });
        let mut external = Self { child, addr, err, dir };
        let up = crate::port::wait_listening(addr.port(), PATIENCE, || true);
        let ended = external.child.try_wait().expect("wait");
        assert!(up, "{command:?} does not listen ({ended:?}): {:#?}", external.err.lock());
        external
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let raw = i32::try_from(self.child.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(raw).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Takes another address it listens on for the one that matters.
    pub fn move_to(&mut self, addr: SocketAddr) {
        self.addr = addr;
    }

    /// Where it listens, as a configuration writes it.
    #[must_use]
    pub fn server(&self) -> String {
        self.addr.to_string()
    }

    /// Its lines on stderr.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.err.lock().expect("lines").clone()
    }
}

impl Drop for External {
    fn drop(&mut self) {
        // A forked worker (nginx) goes with its master only on an orderly end.
        let raw = i32::try_from(self.child.id()).expect("a pid");
        let pid = rustix::process::Pid::from_raw(raw).expect("a pid");
        let _gone_is_fine = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        for _ in 0..200 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _gone_is_fine = self.child.kill();
        let _reaped_is_fine = self.child.wait();
    }
}

/// A program of the system by name.
///
/// # Panics
/// When it is not installed, saying what to run.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&paths).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = places.map(|dir| dir.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed; {SETUP_ADVICE}"))
}

/// The Python of the tests' environment (`WEIR_VENV`, else `.tools/venv`).
///
/// # Panics
/// When the environment is not there, saying what to run.
#[must_use]
pub fn venv_tool(name: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/venv");
    let venv = std::env::var_os("WEIR_VENV").map_or(default, PathBuf::from);
    let path = venv.join("bin").join(name);
    assert!(path.exists(), "{} is missing; {SETUP_ADVICE}", path.display());
    path
}

/// A script of `tests/scripts`, run by that Python.
#[must_use]
pub fn python_script(name: &str) -> Command {
    let mut command = Command::new(venv_tool("python3"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts").join(name));
    command
}

/// Runs a tool to its end and returns exit code, stdout and stderr.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(command: &mut Command) -> (Option<i32>, Vec<u8>, String) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|e| panic!("{command:?}: {e}; {SETUP_ADVICE}"));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), output.stdout, err)
}

const SETUP_ADVICE: &str = "run `cargo xtask setup` first";
