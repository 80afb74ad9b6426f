//! The demo as a newcomer meets it: every command that it prints is run as it was printed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A running demo; killed when dropped.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    commands: Vec<String>,
    /// Where its authority is kept.
    _data: tempfile::TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(testkit::weir::binary());
        let data = tempfile::tempdir().unwrap();
        command.env("XDG_DATA_HOME", data.path());
        command.arg("demo").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut demo = Self {
            out: BufReader::new(child.stdout.take().unwrap()),
            child,
            commands: Vec::new(),
            _data: data,
        };
        loop {
            let line = demo.line();
            match line.strip_prefix("  ") {
                Some(command) if !command.starts_with('#') => {
                    demo.commands.push(command.to_owned());
                }
                _ if line.ends_with("Requests:") => return demo,
                _ => {}
            }
        }
    }

    /// The next line of its standard output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.out.read_line(&mut line).unwrap() > 0, "the demo ended");
        line.trim_end().to_owned()
    }

    /// The next line of its access log.
    fn log_line(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.is_empty() {
                return line;
            }
        }
    }

    /// Runs the command with this in it and returns what it wrote.
    fn run(&self, part: &str) -> String {
        let mut found = self.commands.iter().filter(|command| command.contains(part));
        let command = found.next().unwrap_or_else(|| panic!("{part}: {:#?}", self.commands));
        let bounded = format!("curl() {{ command curl --max-time 15 \"$@\"; }}; {command}");
        let output = Command::new("sh").args(["-c", &bounded]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ended_is_fine = self.child.kill();
        let _reaped_is_fine = self.child.wait();
    }
}

fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no curl");
    }
    found
}

#[test]
fn every_printed_command_shows_what_it_says() {
    if !has_curl() {
        return;
    }
    let demo = Demo::start(&[]);
    let turns = demo.run("/ http://");
    assert_eq!(turns, "oak stands at /\nelm stands at /\nash stands at /\nelm stands at /\n");
    let seen = demo.run("/headers");
    assert!(seen.starts_with("oak got\n\nGET /headers HTTP/1.1\n"), "{seen}");
    assert!(seen.contains("\nX-Forwarded-For: 127.0.0.1\n"), "{seen}");

    let api = demo.run("/api/headers");
    assert!(api.starts_with("HTTP/1.1 200 OK\n"), "{api}");
    assert!(api.contains("\nGET /headers HTTP/1.1\n"), "{api}");
    assert!(api.contains("\nX-Asked-By: 127.0.0.1\n"), "{api}");
    assert!(api.contains("\nForwarded: for=127.0.0.1;host="), "{api}");
    assert!(!api.contains("X-Tree-Rings"), "{api}");

    assert_eq!(demo.run("X-Version: 2"), "version 2 is not grown yet\n");
    let encrypted = demo.run("--cacert");
    assert!(encrypted.starts_with("HTTP/2 200 \n"), "{encrypted}");
    assert!(demo.run("/tree/willow").contains("\nGET /headers?tree=willow HTTP/1.1\n"));
}

#[test]
fn answers_of_weir_itself() {
    if !has_curl() {
        return;
    }
    let demo = Demo::start(&[]);
    let own = demo.run("/robots.txt");
    assert!(own.contains("\n\nUser-agent: *\nDisallow: /\n"), "{own}");
    assert!(own.contains("HTTP/1.1 308 Permanent Redirect\n"), "{own}");
    assert!(own.contains("\nLocation: /new/stump\n"), "{own}");
    assert!(demo.run("/small/box").starts_with("HTTP/1.1 413 "));
    let broken = demo.run("/broken");
    assert!(broken.starts_with("HTTP/1.1 502 "), "{broken}");
    assert!(broken.contains("\nProxy-Status: weir; error=connection_refused\n"), "{broken}");
    assert!(broken.ends_with("\n\nThe tree fell. Try again soon.\n"), "{broken}");
    let metrics = demo.run("/metrics");
    assert!(metrics.contains("weir_requests_total{route=\"* =/broken\",status=\"5xx\"} 1\n"));
}

#[test]
fn streams_and_tunnels() {
    if !has_curl() {
        return;
    }
    let demo = Demo::start(&[]);
    assert!(demo.run("/upload").ends_with(" took 100000 bytes\n"));
    let events = demo.run("/events");
    assert_eq!(events.matches("data: leaf ").count(), 5, "{events}");
    let lines = demo.run("/tunnel");
    assert_eq!(lines.matches(": raw leaf ").count(), 5, "{lines}");
}

#[test]
fn requests_are_shown_as_they_flow() {
    if !has_curl() {
        return;
    }
    let mut demo = Demo::start(&[]);
    demo.run("X-Version: 2");
    let line = demo.log_line();
    assert!(line.starts_with("200  GET /api/  route * /api/*, server -, "), "{line}");
}

#[test]
fn it_listens_where_it_is_told_to() {
    if !has_curl() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("demo.sock");
    let demo = Demo::start(&["--listen", &format!("unix:{}", socket.display())]);
    assert_eq!(demo.run("X-Version: 2"), "version 2 is not grown yet\n");
}

#[test]
fn its_configuration_is_a_start_of_your_own() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text, _) = testkit::weir::run_to_end(&["demo", "--print"], dir.path());
    assert_eq!(code, Some(0));
    std::fs::write(dir.path().join("own.kdl"), text).unwrap();
    let (code, said, _) = testkit::weir::run_to_end(&["check", "-c", "own.kdl"], dir.path());
    assert_eq!(code, Some(0));
    assert_eq!(said, "own.kdl is good: 1 listeners, 1 sites, 8 routes, 2 upstreams");
}
