//! How the C library copies memory, set before it starts.
//!
//! Large copies by `rep movsb` are slow on AMD processors whenever source and destination do not
//! lie alike, and the records of TLS never do: measured, they take twice the user time of a
//! download. glibc chooses that way by default and looks at its settings only at its start, so the
//! program starts itself once more with another choice. Whoever sets their own keeps them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

const VARIABLE: &str = "GLIBC_TUNABLES";
const CHOICE: &str = "glibc.cpu.x86_rep_movsb_threshold=0x40000000";

/// Starts the program again where that is of use. Returns if it is not, or cannot be done.
pub(crate) fn apply() {
    if !concerned() || std::env::var_os(VARIABLE).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| OsString::from("weir"));
    let Ok(program) = std::env::current_exe() else { return };
    let mut again = Command::new(program);
    again.arg0(name).args(arguments).env(VARIABLE, CHOICE);
    // It comes back only when it failed, and then the default is good enough.
    let _ = again.exec();
}

/// Whether this is glibc on an AMD processor that says it copies well that way.
fn concerned() -> bool {
    if !cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")) {
        return false;
    }
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let first = processor.split("\n\n").next().unwrap_or_default();
    first.contains("AuthenticAMD") && first.split_whitespace().any(|flag| flag == "erms")
}
