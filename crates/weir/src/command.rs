//! One function for each verb of the command line.

mod admin_client;
mod cache;
mod demo;
mod explain;
mod fmt;
mod proxy;
mod purge;
mod warm;

use std::io::{IsTerminal, Write};
use std::path::Path;

use ::proxy::snapshot::Snapshot;
use clap::CommandFactory;
use config::Config;

use crate::cli::{CacheCommand, Cli, Command};
use crate::{start, tunables};

/// Why a command failed: what to say, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence, or the diagnostics of a configuration.
    pub(crate) message: String,
    /// 1 for a failure, 2 for wrong usage or configuration.
    pub(crate) code: u8,
}

impl Failure {
    /// Something went wrong while doing what was asked.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: format!("weir: {}", message.into()), code: 1 }
    }

    /// What was asked for is wrong; the message is complete as it is.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    if cli.command.serves() {
        tunables::apply();
    }
    match cli.command {
        Command::Run { config } => start::run(&load(&config)?),
        Command::Check { config } => check(&config),
        Command::Proxy { listen, to, workers, access_log } => {
            proxy::run(&proxy::Wish { listen, to, workers, access_log })
        }
        Command::Demo { listen, print } if print => demo::print(listen.as_deref()),
        Command::Demo { listen, .. } => demo::run(listen.as_deref()),
        Command::Cache { what: CacheCommand::Top(wish) } => cache::top(&wish),
        Command::Cache { what: CacheCommand::Stats(wish) } => cache::stats(&wish),
        Command::Purge(wish) => purge::run(&wish),
        Command::Warm(wish) => warm::run(&wish),
        Command::Explain(wish) => explain::run(&wish),
        Command::Schema => print(&format!("{:#}\n", config::json_schema())),
        Command::Fmt { file, check } => fmt::run(&file, check),
        Command::Completions { shell } => completions(shell),
    }
}

/// Loads a file; warnings go to standard error.
fn load(path: &Path) -> Result<Config, Failure> {
    let config = config::load(path).map_err(|report| Failure::wrong(render(&report)))?;
    warn(&config);
    Ok(config)
}

/// Compiles what was loaded. What is wrong only now is shown like everything else.
pub(crate) fn compile(config: &Config, before: Option<&Snapshot>) -> Result<Snapshot, Failure> {
    ::proxy::snapshot::compile(config, before).map_err(|fault| {
        let Some(span) = fault.span else { return Failure::wrong(format!("weir: {fault}")) };
        let found = [config::Diagnostic::error(span, fault.message)];
        let colored = std::io::stderr().is_terminal();
        let shown = config::render(&found, &config.sources, colored);
        Failure::wrong(shown.trim_end().to_owned())
    })
}

/// Shows what is allowed and yet looks wrong.
pub(crate) fn warn(config: &Config) {
    let shown = config::render(&config.warnings, &config.sources, std::io::stderr().is_terminal());
    eprint!("{shown}");
}

/// The diagnostics as text, in colour for people.
pub(crate) fn render(report: &config::Report) -> String {
    report.render(std::io::stderr().is_terminal()).trim_end().to_owned()
}

fn check(path: &Path) -> Result<(), Failure> {
    let config = load(path)?;
    // What only shows when names become indices (two equal routes, an unreadable page) counts too.
    compile(&config, None)?;
    let routes: usize = config.sites.iter().map(|site| site.routes.len()).sum();
    print(&format!(
        "{} is good: {} listeners, {} sites, {routes} routes, {} upstreams\n",
        path.display(),
        config.listeners.len(),
        config.sites.len(),
        config.upstreams.len(),
    ))
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "weir", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Writes to standard output. A reader that stops reading is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
