//! The signals that a running process listens to.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::command::Failure;

/// Signals being caught. From its making on, none of them has its default effect.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reopen: Signal,
    runtime: Runtime,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// SIGTERM or SIGINT: drain, or if that is being done, end.
    End,
    /// SIGUSR1: open the log files again.
    Reopen,
    /// No signal came.
    Nothing,
}

impl Signals {
    /// Begins to catch.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot watch signals: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let reopen = signal(SignalKind::user_defined1()).map_err(failed)?;
        drop(entered);
        Ok(Self { terminate, interrupt, reopen, runtime })
    }

    /// The next signal, waiting for it no longer than `wait`.
    pub(crate) fn next(&mut self, wait: Duration) -> Told {
        let Self { terminate, interrupt, reopen, runtime } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Told::End,
                _ = interrupt.recv() => Told::End,
                _ = reopen.recv() => Told::Reopen,
                () = tokio::time::sleep(wait) => Told::Nothing,
            }
        })
    }
}
