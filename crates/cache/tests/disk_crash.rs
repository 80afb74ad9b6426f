//! `kill -9` while several threads write, read and remove: what the dead process was told to be
//! done holds for the next one, and all that is served is whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use weir_cache::disk::{DiskPlan, DiskStore};

const DIRECTORY: &str = "WEIR_TEST_DISK_DIRECTORY";
const SEED: &str = "WEIR_TEST_DISK_SEED";
const ROUNDS: u64 = 60;
const THREADS: u64 = 3;
const KEYS: u64 = 30;

fn open(directory: &Path) -> DiskStore {
    let mut plan = DiskPlan::new(directory, 8 << 20);
    plan.segment_bytes = 512 * 1024;
    DiskStore::open(plan).unwrap()
}

/// A generator without a pattern that matters.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn body(key: &str, version: u64) -> Vec<u8> {
    let mut random = Random((version << 8) | key.len() as u64 | (1 << 40));
    let bytes = [300, 20_000, 150_000, 600_000][usize::try_from(random.below(4)).unwrap()];
    let bytes = random.below(bytes);
    std::iter::repeat_with(|| random.below(256) as u8)
        .take(usize::try_from(bytes).unwrap())
        .chain(key.bytes())
        .collect()
}

/// One line, in one call, so that a kill leaves all of it or none.
fn say(text: &str) {
    std::io::stdout().write_all(format!("\n@{text}\n").as_bytes()).unwrap();
}

/// Works until it is killed. Each thread has keys of its own, so the last word on a key is known.
fn work(store: &DiskStore, thread: u64, seed: u64) {
    let mut random = Random((seed << 8) + thread + 1);
    for step in 0.. {
        let (key, version) = (format!("{thread}-{}", random.below(KEYS)), (seed << 32) | step);
        match random.below(8) {
            0 => {
                say(&format!("begin {key} 0"));
                store.remove(key.as_bytes()).unwrap();
                say(&format!("done {key} 0"));
            }
            1 => _ = store.get(key.as_bytes()),
            _ => {
                let mut writer = store.begin(key.as_bytes(), None).unwrap();
                for piece in body(&key, version).chunks(16_384) {
                    writer.push(piece).unwrap();
                }
                say(&format!("begin {key} {version}"));
                writer.commit(version.to_string().as_bytes()).unwrap();
                say(&format!("done {key} {version}"));
            }
        }
    }
}

/// The process that is killed; run on its own, it has nothing to do.
#[test]
fn the_process_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    let store = open(Path::new(&directory));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || work(store, thread, seed));
        }
    });
}

/// What is known of the keys: the last word that was done, and one that was begun after it.
type Words = HashMap<String, (u64, Option<u64>)>;

/// Lets a process work until it has said so much, and kills it.
fn kill_after(directory: &Path, seed: u64, lines: u64, words: &mut Words) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_process_that_is_killed", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
        let Some(text) = line.strip_prefix('@') else { continue };
        let [what, key, version] = text.split(' ').collect::<Vec<_>>()[..] else { continue };
        let version = version.parse().unwrap();
        let word = words.entry(key.to_owned()).or_default();
        *word = if what == "done" { (version, None) } else { (word.0, Some(version)) };
        said += 1;
        if said == lines {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success() && said >= lines, "it was killed at its work");
}

/// Reads all keys; how many there were.
fn check(store: &DiskStore, words: &mut Words) -> usize {
    let mut present = 0;
    for (key, word) in words {
        let Some(found) = store.get(key.as_bytes()) else {
            // Evicted or removed, and not to come back.
            *word = (0, None);
            continue;
        };
        let version: u64 = std::str::from_utf8(found.meta()).unwrap().parse().unwrap();
        assert!(version == word.0 || Some(version) == word.1, "{key}: {version}, not {word:?}");
        assert!(found.read_all(1 << 20).unwrap() == body(key, version), "{key}: {version}");
        *word = (version, None);
        present += 1;
    }
    present
}

#[test]
fn sixty_kills_lose_nothing_that_was_done_and_mix_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut words, mut random, mut present) = (Words::new(), Random(0x5EED), 0);
    for round in 1..=ROUNDS {
        kill_after(directory.path(), round, 1 + random.below(150), &mut words);
        let store = open(directory.path());
        assert!(store.numbers().bytes <= 8 << 20);
        present += check(&store, &mut words);
        assert_eq!(store.numbers().errors, 0);
        // What was damaged is the tail that was being written, at most.
        assert!(store.numbers().corrupt <= 1);
    }
    assert!(present as u64 > ROUNDS * 10, "{present} objects survived");
}
