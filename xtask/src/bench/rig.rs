//! The processes of a run: one origin on the load's core, every proxy on the other, and the
//! promise that none of them outlives it.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::contender::{Contender, Site};
use super::scenario::{Door, Scenario};
use super::{answer, certificate, cost, peer};
use crate::shell::{Fail, Outcome, Root};

/// Core of the load and the origin.
pub(super) const LOAD_CORE: &str = "0";
/// Core of the proxies.
const PROXY_CORE: &str = "1";
const OPEN_FILES: u64 = 65_536;
const START_MAX: Duration = Duration::from_secs(15);
const STOP_MAX: Duration = Duration::from_secs(2);

/// The origin and the contenders, started or not.
pub(super) struct Rig {
    root: Root,
    folder: PathBuf,
    origin: SocketAddr,
    _origin: Process,
    h2_origin: Option<(SocketAddr, Process)>,
    takes_h2_origin: bool,
    seats: Vec<Seat>,
}

struct Seat {
    contender: Contender,
    doors: [SocketAddr; 3],
    process: Option<Process>,
}

impl Rig {
    /// Starts the origin; proxies start when they are asked for.
    pub(super) fn new(root: &Root, contenders: Vec<Contender>) -> Outcome<Self> {
        raise_open_files()?;
        let folder = root.target().join("bench-rig");
        fs::create_dir_all(&folder).map_err(|cause| Fail::at(&folder, cause))?;
        let origin = free_address()?;
        let mut command = pinned(root, LOAD_CORE, &root.target().join("release/origin"));
        let process = Process::start(command.arg(origin.to_string()), &folder.join("origin.log"))?;
        wait_for(origin, &process)?;
        let seat = |contender| Ok(Seat { contender, doors: free_doors()?, process: None });
        let seats = contenders.into_iter().map(seat).collect::<Outcome<Vec<Seat>>>()?;
        certificate::make(root, &folder)?;
        let root = root.clone();
        let (h2_origin, takes_h2_origin) = (None, false);
        Ok(Self { root, folder, origin, _origin: process, h2_origin, takes_h2_origin, seats })
    }

    /// Says which origin is behind the contenders from now on.
    pub(super) fn take_origin(&mut self, h2: bool) -> Outcome {
        if h2 && self.h2_origin.is_none() {
            let address = free_address()?;
            let path = self.folder.join("h2-origin.conf");
            let text = peer::h2_origin(address, &self.folder);
            fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))?;
            let mut command = pinned(&self.root, LOAD_CORE, "nginx".as_ref());
            command.args(["-e", "stderr", "-c"]).arg(&path);
            let process = Process::start(&mut command, &self.folder.join("h2-origin.log"))?;
            self.h2_origin = Some((address, process));
        }
        if self.takes_h2_origin != h2 {
            self.takes_h2_origin = h2;
            self.stop_all();
        }
        Ok(())
    }

    /// Whether a contender can do what a scenario is about.
    pub(super) fn can(&self, turn: usize, scenario: &Scenario) -> bool {
        !scenario.h2_origin || self.seats[turn].contender.speaks_h2_to_origins()
    }

    /// How many take part.
    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// The name of a contender.
    pub(super) fn label(&self, turn: usize) -> &str {
        &self.seats[turn].contender.label
    }

    /// Where a contender listens.
    pub(super) fn address(&self, turn: usize, door: Door) -> SocketAddr {
        self.seats[turn].doors[door as usize]
    }

    /// The process of a contender that runs.
    pub(super) fn pid(&self, turn: usize) -> Outcome<u32> {
        let process = self.seats[turn].process.as_ref();
        process.map(Process::pid).ok_or_else(|| Fail::new("the contender does not run"))
    }

    /// A program of this run on the load's core.
    pub(super) fn load_command(&self, program: &Path) -> Command {
        pinned(&self.root, LOAD_CORE, program)
    }

    /// The load generator of this project.
    pub(super) fn own_load(&self) -> PathBuf {
        self.root.target().join("release/load")
    }

    /// The folder for configuration, logs and traces of the run.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts whoever does not run yet.
    pub(super) fn start_all(&mut self) -> Outcome {
        let wanted = |turn: &usize| {
            let seat = &self.seats[*turn];
            let can = !self.takes_h2_origin || seat.contender.speaks_h2_to_origins();
            seat.process.is_none() && can
        };
        (0..self.len())
            .filter(wanted)
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|turn| self.restart(turn))
    }

    /// Stops everyone but the origin.
    pub(super) fn stop_all(&mut self) {
        for seat in &mut self.seats {
            seat.process = None;
        }
    }

    /// Starts a contender afresh and waits until it answers.
    pub(super) fn restart(&mut self, turn: usize) -> Outcome {
        let seat = &mut self.seats[turn];
        seat.process = None;
        let folder = self.folder.join(&seat.contender.label);
        fs::create_dir_all(&folder).map_err(|cause| Fail::at(&folder, cause))?;
        seat.doors = free_doors()?;
        let [listen, h2c, tls] = seat.doors;
        let origin = match &self.h2_origin {
            Some((address, _)) if self.takes_h2_origin => *address,
            _ => self.origin,
        };
        let (folder, certificate) = (folder.as_path(), self.folder.as_path());
        let h2_origin = self.takes_h2_origin;
        let site = Site { folder, certificate, listen, h2c, tls, origin, h2_origin };
        let launch = seat.contender.install(&site)?;
        let mut command = pinned(&self.root, PROXY_CORE, &launch.program);
        command.args(&launch.args).envs(launch.env);
        let process = Process::start(&mut command, &folder.join("log"))?;
        wait_for(listen, &process)
            .map_err(|fail| Fail::new(format!("{}: {fail}", seat.contender.label)))?;
        seat.process = Some(process);
        Ok(())
    }

    /// Name and version of everyone.
    pub(super) fn versions(&self) -> Vec<(String, String)> {
        let pair = |seat: &Seat| (seat.contender.label.clone(), seat.contender.version.clone());
        self.seats.iter().map(pair).collect()
    }
}

/// A child that is ended with all its descendants when this is dropped.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    fn start(command: &mut Command, log: &Path) -> Outcome<Self> {
        let file = File::create(log).map_err(|cause| Fail::at(log, cause))?;
        let copy = file.try_clone().map_err(|cause| Fail::at(log, cause))?;
        let child = command.stdout(file).stderr(copy).spawn();
        let child = child.map_err(|cause| Fail::new(format!("{command:?}: {cause}")))?;
        Ok(Self { child, log: log.to_owned() })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        let mut text = String::new();
        File::open(&self.log).and_then(|mut log| log.read_to_string(&mut text)).unwrap_or(0);
        text.lines().take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    /// Politely first, so that a master can end its workers; then all that is left.
    fn drop(&mut self) {
        let family = cost::tree(self.pid());
        signal(self.pid(), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            family.into_iter().for_each(|pid| signal(pid, Signal::KILL));
            self.child.wait().ok();
        }
    }
}

/// Sends a signal; a process that is gone already is as good.
pub(super) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process(pid, signal).ok();
    }
}

fn pinned(root: &Root, core: &str, program: &Path) -> Command {
    let mut command = root.command("taskset");
    command.args(["-c", core]).arg(program).stderr(Stdio::inherit());
    command
}

fn wait_for(address: SocketAddr, process: &Process) -> Outcome {
    let begun = Instant::now();
    loop {
        match answer::get(address, "/small") {
            Ok(128) => return Ok(()),
            Ok(_) | Err(_) if begun.elapsed() < START_MAX => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(_) | Err(_) => {
                return Err(Fail::new(format!(
                    "no good answer after the start\n{}",
                    process.said()
                )));
            }
        }
    }
}

/// One for each door.
fn free_doors() -> Outcome<[SocketAddr; 3]> {
    Ok([free_address()?, free_address()?, free_address()?])
}

/// A loopback port that nobody has at the moment.
fn free_address() -> Outcome<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(|cause| Fail::new(format!("no free port: {cause}")))
}

/// Lets this process and its children hold many connections.
fn raise_open_files() -> Outcome {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let hard = limit.maximum.map_or(OPEN_FILES, |hard| hard.max(OPEN_FILES));
    let wanted = Rlimit { current: Some(OPEN_FILES), maximum: Some(hard) };
    if rustix::process::setrlimit(Resource::Nofile, wanted).is_ok() {
        return Ok(());
    }
    let all = Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, all)
        .map_err(|cause| Fail::new(format!("open files cannot be raised: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ended_with_its_children() -> Outcome {
        let log = std::env::temp_dir().join(format!("weir-rig-{}", std::process::id()));
        let stubborn = "trap '' TERM; sleep 100 & sleep 100 & echo ready; wait; wait; wait";
        let process = Process::start(Command::new("sh").args(["-c", stubborn]), &log)?;
        while process.said() != "ready" {
            std::thread::sleep(Duration::from_millis(5));
        }
        let family = cost::tree(process.pid());
        assert_eq!(family.len(), 3);
        drop(process);
        let gone = |pid: &u32| match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        while !family.iter().all(gone) {
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(&log).map_err(|cause| Fail::at(&log, cause))
    }
}
