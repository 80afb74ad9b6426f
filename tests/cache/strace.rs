//! The system calls of a running Weir: seen, failed or held up, as a bad disk would do.

use std::process::{Child, Command};
use std::time::Duration;

use testkit::Weir;

/// A tracer of all threads of Weir. What it does ends with it.
pub struct Trace {
    tracer: Child,
    directory: tempfile::TempDir,
}

impl Trace {
    /// Follows these expressions of `strace -e`, from now on.
    pub fn of(weir: &Weir, expressions: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "--decode-pids=comm", "-p", &weir.pid().to_string(), "-o"]);
        command.arg(directory.path().join("calls"));
        for expression in expressions {
            command.args(["-e", expression]);
        }
        let trace = Self { tracer: command.spawn().expect("strace"), directory };
        let threads = || std::fs::read_dir(format!("/proc/{}/task", weir.pid())).unwrap();
        let is_traced = || {
            threads().map(Result::unwrap).all(|thread| {
                let status = std::fs::read_to_string(thread.path().join("status"));
                !status.unwrap_or_default().contains("TracerPid:\t0")
            })
        };
        for _ in 0..1000 {
            if is_traced() {
                return trace;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("strace does not attach");
    }

    /// The calls so far, one a line, each with its thread.
    pub fn calls(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default()
    }

    /// Lets go of Weir; returns the calls.
    pub fn end(mut self) -> String {
        self.stop();
        self.calls()
    }

    fn stop(&mut self) {
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.stop();
    }
}
