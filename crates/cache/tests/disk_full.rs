//! A file system that is really full, or may only be read. Mounting takes rights that not every
//! place of tests has; the same failures are simulated where the store is tested as a whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::path::Path;
use std::process::{Command, Stdio};

use weir_cache::disk::{DiskError, DiskPlan, DiskStore};

struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// A file system of 2 MiB, if it may be mounted here.
    fn new(path: &'a Path) -> Option<Self> {
        mount(&["-t", "tmpfs", "-o", "size=2m", "weir-test"], path).then_some(Self(path))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    let status = command.args(arguments).arg(path).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn put(store: &DiskStore, key: &str, bytes: usize) -> Result<(), DiskError> {
    let mut writer = store.begin(key.as_bytes(), None)?;
    writer.push(&vec![7; bytes])?;
    writer.commit(b"head")
}

#[test]
fn a_full_disk_refuses_what_is_new_and_then_turns_the_store_off() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mounted) = Mount::new(directory.path()) else {
        eprintln!("skipped: no file system may be mounted here");
        return;
    };
    // The plan promises more than the disk has.
    let plan = DiskPlan::new(mounted.0, 64 << 20);
    let store = DiskStore::open(plan.clone()).unwrap();
    let mut written = 0;
    while put(&store, &written.to_string(), 50_000).is_ok() {
        written += 1;
    }
    assert!((20..42).contains(&written), "{written} objects in 2 MiB");
    assert!(store.get(b"0").is_some() && !store.is_failed());
    for _ in 0..8 {
        assert!(matches!(put(&store, "more", 300_000), Err(DiskError::Io(_) | DiskError::Failed)));
    }
    assert!(store.is_failed());
    assert!(store.get(b"0").is_none());
    drop(store);
    // What was written whole is there, and nothing else.
    let store = DiskStore::open(plan.clone()).unwrap();
    assert_eq!(store.numbers().objects, written);
    for number in 0..written {
        let found = store.get(number.to_string().as_bytes()).unwrap();
        assert_eq!(found.read_all(1 << 20).unwrap(), vec![7; 50_000]);
    }
    drop(store);
    assert!(mount(&["-o", "remount,ro"], mounted.0));
    assert!(matches!(DiskStore::open(plan), Err(DiskError::Io(_))));
}
