//! The processes of a run: one origin on the load's core, every proxy on the other, and the
//! promise that none of them outlives it.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal};

use super::contender::{Contender, Launch, Site};
use super::samples::Counts;
use super::scenario::{Door, SCENARIO, Scenario, Store};
use super::{answer, cached, certificate, cost, peer};
use crate::shell::{Fail, Outcome, Root};

/// Core of the load and the origin.
pub(super) const LOAD_CORE: &str = "0";
/// Core of the proxies.
const PROXY_CORE: &str = "1";
/// A file system in memory: for what contenders keep in files, and for what they log in memory.
const TMPFS: &str = "/dev/shm/weir-bench";
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
    /// What the contenders are set up for.
    scene: Scenario,
    left_out: Vec<String>,
    seats: Vec<Seat>,
}

struct Seat {
    contender: Contender,
    doors: [SocketAddr; 3],
    process: Option<Process>,
    /// It does not take the configuration of this scene.
    is_out: bool,
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
        let seat =
            |contender| Ok(Seat { contender, doors: free_doors()?, process: None, is_out: false });
        let seats = contenders.into_iter().map(seat).collect::<Outcome<Vec<Seat>>>()?;
        certificate::make(root, &folder)?;
        let root = root.clone();
        let (h2_origin, scene, left_out) = (None, SCENARIO, Vec::new());
        Ok(Self { root, folder, origin, _origin: process, h2_origin, scene, left_out, seats })
    }

    /// Says what the contenders are set up for from now on. Those that run go on if it makes no
    /// difference to them.
    pub(super) fn take(&mut self, scenario: &Scenario) -> Outcome {
        if scenario.h2_origin && self.h2_origin.is_none() {
            let address = free_address()?;
            let path = self.folder.join("h2-origin.conf");
            let text = peer::h2_origin(address, &self.folder);
            fs::write(&path, text).map_err(|cause| Fail::at(&path, cause))?;
            let mut command = pinned(&self.root, LOAD_CORE, "nginx".as_ref());
            command.args(["-e", "stderr", "-c"]).arg(&path);
            let process = Process::start(&mut command, &self.folder.join("h2-origin.log"))?;
            self.h2_origin = Some((address, process));
        }
        let before = std::mem::replace(&mut self.scene, *scenario);
        if (before.h2_origin, before.store) != (scenario.h2_origin, scenario.store) {
            self.stop_all();
            self.seats.iter_mut().for_each(|seat| seat.is_out = false);
        }
        for (label, reason) in scenario.gaps {
            if let Some(turn) = (0..self.len()).find(|turn| self.label(*turn) == *label) {
                self.leave_out(turn, scenario.name, reason);
            }
        }
        Ok(())
    }

    /// Tells whoever reads that a contender has no part in a scenario.
    pub(super) fn leave_out(&mut self, turn: usize, scenario: &str, reason: &str) {
        let line = format!("{} of {scenario}: {reason}", self.label(turn));
        if !self.left_out.contains(&line) {
            eprintln!("  left out: {line}");
            self.left_out.push(line);
        }
    }

    /// Who had no part in what, and why.
    pub(super) fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Whether a contender can do what a scenario is about.
    pub(super) fn can(&self, turn: usize, scenario: &Scenario) -> bool {
        let seat = &self.seats[turn];
        let is_gap = scenario.gaps.iter().any(|(label, _)| *label == seat.contender.label);
        let speaks = !scenario.h2_origin || seat.contender.speaks_h2_to_origins();
        speaks && !is_gap && !seat.is_out
    }

    /// What the origin was asked for since its start.
    pub(super) fn counts(&self) -> Outcome<Counts> {
        cached::counted(&answer::text(self.origin, "/counts")?)
    }

    /// Memory of a contender's processes, and of its files in memory.
    pub(super) fn memory_bytes(&self, turn: usize) -> Outcome<u64> {
        let in_files = match self.scene.store {
            Some(Store::Memory { .. }) => cost::file_bytes(&self.kept(turn)),
            Some(Store::Disk { .. }) | None => 0,
        };
        Ok(cost::proportional_bytes(self.pid(turn)?) + in_files)
    }

    fn kept(&self, turn: usize) -> PathBuf {
        let top = match self.scene.store {
            Some(Store::Disk { .. }) => &self.folder,
            Some(Store::Memory { .. }) | None => Path::new(TMPFS),
        };
        top.join(self.label(turn)).join("kept")
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
        for turn in 0..self.len() {
            if self.seats[turn].process.is_some() || !self.can(turn, &self.scene) {
                continue;
            }
            let launch = self.prepare(turn)?;
            let refusal = match self.scene.store {
                Some(Store::Disk { .. }) => {
                    self.seats[turn].contender.refusal(&self.site_folder(turn))
                }
                Some(Store::Memory { .. }) | None => None,
            };
            if let Some(reason) = refusal {
                self.seats[turn].is_out = true;
                self.leave_out(turn, self.scene.name, &format!("its check says: {reason}"));
                continue;
            }
            self.start(turn, launch)?;
        }
        Ok(())
    }

    /// Stops everyone but the origin.
    pub(super) fn stop_all(&mut self) {
        for seat in &mut self.seats {
            seat.process = None;
        }
    }

    /// Starts a contender afresh and waits until it answers.
    pub(super) fn restart(&mut self, turn: usize) -> Outcome {
        let launch = self.prepare(turn)?;
        self.start(turn, launch)
    }

    /// Stops a contender, throws away what it kept, and writes its configuration.
    fn prepare(&mut self, turn: usize) -> Outcome<Launch> {
        self.seats[turn].process = None;
        let folder = self.site_folder(turn);
        fs::create_dir_all(&folder).map_err(|cause| Fail::at(&folder, cause))?;
        let (kept, work) = (self.kept(turn), Path::new(TMPFS).join(self.label(turn)).join("work"));
        [&kept, &work].into_iter().try_for_each(|path| empty(path))?;
        let doors = free_doors()?;
        self.seats[turn].doors = doors;
        let [listen, h2c, tls] = doors;
        let Scenario { h2_origin, store, .. } = self.scene;
        let origin = match &self.h2_origin {
            Some((address, _)) if h2_origin => *address,
            _ => self.origin,
        };
        self.seats[turn].contender.install(&Site {
            folder: &folder,
            certificate: &self.folder,
            listen,
            h2c,
            tls,
            origin,
            h2_origin,
            store,
            kept: &kept,
            work: &work,
        })
    }

    fn start(&mut self, turn: usize, launch: Launch) -> Outcome {
        let mut command = pinned(&self.root, PROXY_CORE, &launch.program);
        command.args(&launch.args).envs(launch.env);
        let process = Process::start(&mut command, &self.site_folder(turn).join("log"))?;
        wait_for(self.address(turn, Door::Plain), &process)
            .map_err(|fail| Fail::new(format!("{}: {fail}", self.label(turn))))?;
        self.seats[turn].process = Some(process);
        Ok(())
    }

    fn site_folder(&self, turn: usize) -> PathBuf {
        self.folder.join(self.label(turn))
    }

    /// Name and version of everyone.
    pub(super) fn versions(&self) -> Vec<(String, String)> {
        let pair = |seat: &Seat| (seat.contender.label.clone(), seat.contender.version.clone());
        self.seats.iter().map(pair).collect()
    }
}

impl Drop for Rig {
    /// What was kept is large, and of no use to anyone.
    fn drop(&mut self) {
        self.stop_all();
        for turn in 0..self.len() {
            fs::remove_dir_all(self.site_folder(turn).join("kept")).ok();
        }
        fs::remove_dir_all(TMPFS).ok();
    }
}

/// An empty folder in which everyone may write: one contender is not root.
fn empty(path: &Path) -> Outcome {
    fs::remove_dir_all(path).ok();
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o777)))
        .map_err(|cause| Fail::at(path, cause))
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
