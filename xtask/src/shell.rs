//! Where the project lies and how other programs are run from it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a task ends with.
pub type Outcome<T = ()> = Result<T, Fail>;

/// Why a task failed, in words for the person who started it.
#[derive(Debug)]
pub struct Fail(String);

impl Fail {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A failed operation on a file or folder.
    pub fn at(path: &Path, cause: impl fmt::Display) -> Self {
        Self(format!("{}: {cause}", path.display()))
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Fail {}

/// The top folder of the checkout.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// The checkout that this program was started from by cargo, or else was built in.
    pub fn find() -> Outcome<Self> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        match own.parent() {
            Some(top) if top.join("Cargo.toml").is_file() => Ok(Self(top.to_owned())),
            _ => Err(Fail::new("start this as `cargo xtask` inside the checkout")),
        }
    }

    /// A path below the top folder.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// The folder cargo builds into.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.join("target"), |dir| self.join(dir))
    }

    /// A command that runs in the top folder without standard input.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.0).stdin(Stdio::null());
        command
    }

    /// `cargo` with these arguments, the one this program was started by.
    pub fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        // Set by the outer `cargo run` for this package only; inner builds must not see them.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
            command.env_remove(name);
        }
        command.args(args);
        command
    }
}

/// Runs the command with its output shown; anything but success is a failure.
pub fn run(command: &mut Command) -> Outcome {
    let shown = words(command);
    eprintln!("$ {shown}");
    let status = command.status().map_err(|cause| Fail::new(format!("{shown}: {cause}")))?;
    if status.success() { Ok(()) } else { Err(Fail::new(format!("`{shown}`: {status}"))) }
}

/// Runs the command and returns what it wrote to standard output.
pub fn output(command: &mut Command) -> Outcome<String> {
    let shown = words(command);
    let done = command.output().map_err(|cause| Fail::new(format!("{shown}: {cause}")))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(Fail::new(format!("`{shown}`: {}\n{}", done.status, said.trim())))
}

/// Whether the command can be started and succeeds; its output is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Where a program lies: on PATH, or in the folders of system programs that PATH may lack.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

fn words(command: &Command) -> String {
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(program.to_string_lossy().into_owned())
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}
