//! What processes have used so far, read from /proc.

use std::fs;
use std::ops::Sub;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// CPU time of a process with its descendants.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cost {
    /// Time on a core, in nanoseconds, of the threads that live.
    ran_ns: u64,
    /// Clock ticks outside the kernel and in it: coarse, and only good for the ratio.
    user_ticks: u64,
    system_ticks: u64,
}

impl Cost {
    /// Of a process and all that descend from it.
    pub(super) fn of_tree(pid: u32) -> Self {
        tree(pid).into_iter().map(Self::of_process).fold(Self::default(), |sum, one| Self {
            ran_ns: sum.ran_ns + one.ran_ns,
            user_ticks: sum.user_ticks + one.user_ticks,
            system_ticks: sum.system_ticks + one.system_ticks,
        })
    }

    fn of_process(pid: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let ran = |task: fs::DirEntry| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ticks = |number| stat_field(&stat, number).and_then(|n| n.parse().ok()).unwrap_or(0);
        Self { ran_ns: tasks.filter_map(ran).sum(), user_ticks: ticks(14), system_ticks: ticks(15) }
    }

    /// Microseconds outside the kernel and in it.
    pub(super) fn split_us(self) -> (f64, f64) {
        let ticks = (self.user_ticks + self.system_ticks) as f64;
        if ticks == 0.0 {
            return (0.0, self.ran_ns as f64 / 1e3);
        }
        let user = self.ran_ns as f64 / 1e3 * self.user_ticks as f64 / ticks;
        (user, self.ran_ns as f64 / 1e3 - user)
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            ran_ns: self.ran_ns.saturating_sub(before.ran_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }
}

/// Resident memory of a process with its descendants, in bytes.
pub(super) fn resident_bytes(pid: u32) -> u64 {
    let of_one = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    tree(pid).into_iter().filter_map(of_one).sum::<u64>() * 1024
}

/// Memory of a process with its descendants, in bytes; what several share is counted once.
pub(super) fn proportional_bytes(pid: u32) -> u64 {
    let of_one = |pid: u32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    tree(pid).into_iter().filter_map(of_one).sum::<u64>() * 1024
}

/// What the files below a folder take, in bytes. Those that come and go meanwhile may be missed.
pub(super) fn file_bytes(folder: &Path) -> u64 {
    let of_one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => file_bytes(&entry.path()),
        Ok(about) => about.blocks() * 512,
        Err(_) => 0,
    };
    fs::read_dir(folder).into_iter().flatten().flatten().map(of_one).sum()
}

/// A process and its descendants, parents first.
pub(super) fn tree(pid: u32) -> Vec<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, stat_field(&stat, 4)?.parse().ok()?))
        })
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found
}

/// A field of /proc/PID/stat, counted from one as proc(5) does. The second one, a name in
/// parentheses, may hold anything.
fn stat_field(stat: &str, number: usize) -> Option<&str> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(number.checked_sub(3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_fields_are_counted_behind_the_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 15 16 0 0 20";
        assert_eq!(stat_field(stat, 4), Some("1"));
        assert_eq!((stat_field(stat, 14), stat_field(stat, 15)), (Some("15"), Some("16")));
    }

    #[test]
    fn the_time_on_a_core_is_split_as_the_ticks_are() {
        let cost = Cost { ran_ns: 10_000_000, user_ticks: 1, system_ticks: 3 };
        assert_eq!(cost.split_us(), (2_500.0, 7_500.0));
        assert_eq!((cost - cost).split_us(), (0.0, 0.0));
    }

    #[test]
    fn this_process_is_in_its_own_tree_and_has_memory() {
        let own = std::process::id();
        assert_eq!(tree(own).first(), Some(&own));
        assert!(resident_bytes(own) > 0 && proportional_bytes(own) > 0);
    }
}
