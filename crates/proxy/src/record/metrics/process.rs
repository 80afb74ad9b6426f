//! What Linux knows of this process. Read by a scrape, never by a worker.

use std::time::Duration;

/// The clock of `/proc/*/stat` ticks at 100 Hz towards programs, whatever the kernel's own is.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads.
pub(super) fn cpu_time() -> Option<Duration> {
    cpu_time_of(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Memory that is in use and not swapped out.
pub(super) fn resident_bytes() -> Option<u64> {
    resident_bytes_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Open file descriptors, without the one that counts them.
pub(super) fn descriptors() -> Option<u64> {
    (std::fs::read_dir("/proc/self/fd").ok()?.count() as u64).checked_sub(1)
}

/// The name of the process stands in parentheses and may hold anything, so counting of fields
/// begins behind the last one: `utime` and `stime` are the 12th and 13th from there (proc(5)).
fn cpu_time_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    TICK.checked_mul(user)?.checked_add(TICK.checked_mul(system)?)
}

fn resident_bytes_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_hostile_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 500 0 0 0 123 45 0 0 20 0 3 0 99 1000 50";
        assert_eq!(cpu_time_of(stat), Some(Duration::from_millis(1_680)));
        assert_eq!(cpu_time_of("7 (a) S 1"), None);
        assert_eq!(resident_bytes_of("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident_bytes_of("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_uses_something() {
        assert!(cpu_time().is_some());
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(descriptors().is_some_and(|count| count > 0));
    }
}
