//! The real binary as a child process: started, watched, stopped.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::client::Client;
use crate::log::LogLine;
use crate::metrics::Metrics;
use crate::origin::Origin;
use crate::setup::Setup;

/// A running Weir; killed when dropped.
#[derive(Debug)]
pub struct Weir {
    child: Child,
    addr: SocketAddr,
    admin: SocketAddr,
    out: Lines,
    err: Lines,
    dir: tempfile::TempDir,
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Weir {
    /// Weir in front of one origin, everything else by default.
    #[must_use]
    pub fn before(origin: &Origin) -> Self {
        Setup::new().to(origin).start()
    }

    /// `weir proxy --listen ... --to ...`: no configuration file.
    #[must_use]
    pub fn proxy(servers: &[String]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let addr = crate::port::free_addr();
        let mut command = Command::new(binary());
        command.args(["proxy", "--listen", &addr.to_string()]);
        for server in servers {
            command.args(["--to", server]);
        }
        Self::spawn(command, dir, [addr, addr])
    }

    pub(crate) fn launch(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let addr = crate::port::free_addr();
        let admin = crate::port::free_addr();
        let file = write_files(setup, dir.path(), [addr, admin]);
        let mut command = Command::new(binary());
        command.args(["run", "-c"]).arg(file);
        command.envs(setup.envs().iter().map(|(name, value)| (name, value)));
        Self::spawn(command, dir, [addr, admin])
    }

    fn spawn(mut command: Command, dir: tempfile::TempDir, places: [SocketAddr; 2]) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.current_dir(dir.path()).spawn().expect("start weir");
        let out = collect(child.stdout.take().expect("piped"));
        let err = collect(child.stderr.take().expect("piped"));
        let [addr, admin] = places;
        let mut weir = Self { child, addr, admin, out, err, dir };
        for place in places {
            let until = Instant::now() + PATIENCE;
            while !crate::port::is_listening(place.port()) {
                assert!(Instant::now() < until, "not listening: {:?}", weir.stderr());
                if let Some(status) = weir.child.try_wait().expect("wait") {
                    std::thread::sleep(Duration::from_millis(50));
                    panic!("weir ended with {status}: {:#?}", weir.stderr());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        weir
    }

    /// Where it listens for clients.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port` + `path`, for tools.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Where the admin listener is.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin
    }

    /// The directory of its configuration and files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new client connection.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// One GET on a connection of its own.
    #[must_use]
    pub fn get(&self, target: &str) -> crate::Response {
        self.client().get(target)
    }

    /// A scrape of the admin listener.
    ///
    /// # Panics
    /// When what comes is no OpenMetrics.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut client = Client::connect(self.admin);
        let ask = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.admin);
        let response = client.exchange(ask);
        assert_eq!(response.status, 200, "{response:?}");
        Metrics::parse(&response.text()).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Polls the metrics until `done`.
    ///
    /// # Panics
    /// When it never is.
    pub fn wait_metrics(&self, done: impl Fn(&Metrics) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let metrics = self.metrics();
            if done(&metrics) {
                return;
            }
            assert!(Instant::now() < until, "never so: {metrics:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Lines on stdout so far.
    #[must_use]
    pub fn stdout(&self) -> Vec<String> {
        self.out.lock().expect("lines").clone()
    }

    /// Lines on stderr so far.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.err.lock().expect("lines").clone()
    }

    /// Access log lines so far.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.stdout().iter().filter_map(|line| LogLine::parse(line)).collect()
    }

    /// Waits for at least `count` access log lines and returns all.
    ///
    /// # Panics
    /// When they do not come.
    #[must_use]
    pub fn wait_log(&self, count: usize) -> Vec<LogLine> {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.len() >= count {
                return log;
            }
            assert!(Instant::now() < until, "{count} log lines wanted, got {log:#?}");
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.process(), signal).expect("signal weir");
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it goes on.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(Instant::now() < until, "weir does not end: {:?}", self.stderr());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn rss_bytes(&self) -> u64 {
        self.status_kib("VmRSS:") * 1024
    }

    /// The most resident memory it ever had, in bytes.
    #[must_use]
    pub fn rss_peak_bytes(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    /// How many file descriptors it has open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    fn process(&self) -> rustix::process::Pid {
        let raw = i32::try_from(self.child.id()).expect("a pid");
        rustix::process::Pid::from_raw(raw).expect("a pid")
    }

    fn status_kib(&self, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let text = text.expect("weir runs");
        let line = text.lines().find_map(|line| line.strip_prefix(key)).expect(key);
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Weir {
    fn drop(&mut self) {
        let _ended_is_fine = self.child.kill();
        let _reaped_is_fine = self.child.wait();
        let crashed = self.stderr().iter().any(|line| line.contains("panicked at"));
        if std::thread::panicking() {
            let (out, err) = (self.stdout(), self.stderr());
            println!("weir stderr: {:#?}", &err[err.len().saturating_sub(20)..]);
            println!("weir stdout: {:#?}", &out[out.len().saturating_sub(5)..]);
        } else {
            assert!(!crashed, "weir panicked: {:#?}", self.stderr());
        }
    }
}

/// The binary under test: `WEIR_BIN`, else the newest of this target directory, else built now.
#[must_use]
pub fn binary() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(given) = std::env::var_os("WEIR_BIN") {
            return PathBuf::from(given);
        }
        newest_built().unwrap_or_else(|| {
            build();
            newest_built().expect("cargo build made the binary")
        })
    })
}

/// Runs `weir` with these arguments to its end.
///
/// # Panics
/// When it does not end in time.
#[must_use]
pub fn run_to_end(args: &[&str], dir: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary());
    command.args(args).current_dir(dir).stdin(Stdio::null());
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start weir");
    let out = collect(child.stdout.take().expect("piped"));
    let err = collect(child.stderr.take().expect("piped"));
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().expect("wait") {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _gone_is_fine = child.kill();
                panic!("weir {args:?} does not end: {:?}", err.lock());
            }
            None => std::thread::sleep(Duration::from_millis(3)),
        }
    };
    let text = |lines: &Lines| {
        while Arc::strong_count(lines) > 1 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        lines.lock().expect("lines").join("\n")
    };
    (status.code(), text(&out), text(&err))
}

fn newest_built() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let target = exe.parent()?.parent()?.parent()?;
    let built = ["release", "test-release", "debug"].map(|p| target.join(p).join("weir"));
    let age = |path: &PathBuf| path.metadata().and_then(|m| m.modified()).ok();
    built.into_iter().filter(|path| path.is_file()).max_by_key(age)
}

fn build() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "-p", "weir"]).current_dir(root).status();
    assert!(status.expect("run cargo").success(), "cargo build -p weir failed");
}

fn write_files(setup: &Setup, dir: &Path, [addr, admin]: [SocketAddr; 2]) -> PathBuf {
    let text = setup
        .text()
        .replace("$LISTEN", &addr.to_string())
        .replace("$ADMIN", &admin.to_string())
        .replace("$ORIGIN", setup.first_server())
        .replace("$DIR", &dir.display().to_string());
    for (name, content) in setup.files() {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        std::fs::write(path, content).expect("write a file");
    }
    let file = dir.join("weir.kdl");
    std::fs::write(&file, text).expect("write the configuration");
    file
}

fn collect(stream: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let sink = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            sink.lock().expect("lines").push(line);
        }
    });
    lines
}
