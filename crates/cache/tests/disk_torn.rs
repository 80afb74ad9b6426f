//! Files that were cut, overwritten with zeros, or had bits flipped, as crashes and bad disks leave
//! them: what is served is what was once committed for its key, byte for byte, or nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use weir_cache::disk::{DiskError, DiskPlan, DiskStore};

const KEYS: u8 = 12;

/// What happens to the store.
#[derive(Clone, Debug)]
enum Step {
    Put { key: u8, bytes: usize },
    Renew { key: u8 },
    Remove { key: u8 },
    Read { key: u8 },
}

/// What happens to one file; `at` is a part of its length in thousandths.
#[derive(Clone, Debug)]
struct Damage {
    file: prop::sample::Index,
    at: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Cut,
    Flip(u8),
    Zeros(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![0..2_000_usize, 0..70_000_usize, 60_000..300_000_usize];
    let step = prop_oneof![
        6 => (0..KEYS, bytes).prop_map(|(key, bytes)| Step::Put { key, bytes }),
        1 => (0..KEYS).prop_map(|key| Step::Renew { key }),
        1 => (0..KEYS).prop_map(|key| Step::Remove { key }),
        1 => (0..KEYS).prop_map(|key| Step::Read { key }),
    ];
    vec(step, 1..60)
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let kind = prop_oneof![
        Just(Kind::Cut),
        (0..8_u8).prop_map(Kind::Flip),
        (1..5_000_usize).prop_map(Kind::Zeros),
    ];
    let one = (any::<prop::sample::Index>(), 0..1_000_u64, kind);
    vec(one.prop_map(|(file, at, kind)| Damage { file, at, kind }), 1..6)
}

fn open(directory: &Path) -> DiskStore {
    let mut plan = DiskPlan::new(directory, 3 << 20);
    plan.segment_bytes = 200_000;
    DiskStore::open(plan).unwrap()
}

/// Bytes that no other number or length has.
fn body(number: u64, bytes: usize) -> Vec<u8> {
    let mut state = (number << 32) | bytes as u64;
    let word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (state >> 16).to_le_bytes()
    };
    let mut body = std::iter::repeat_with(word).take(bytes / 8 + 1).collect::<Vec<_>>().concat();
    body.truncate(bytes);
    body
}

/// Every head that was ever committed, with the key, number and length of its body.
type Committed = HashMap<Vec<u8>, (u8, u64, usize)>;

/// Does the steps, each with a number of its own.
fn run(store: &DiskStore, (first, steps): (u64, &[Step]), committed: &mut Committed) {
    for (number, step) in (first..).zip(steps) {
        let meta = format!("head {number}").into_bytes();
        match step {
            Step::Put { key, bytes } => {
                let mut writer = store.begin(&[*key], None).unwrap();
                writer.push(&body(number, *bytes)).unwrap();
                writer.commit(&meta).unwrap();
                committed.insert(meta, (*key, number, *bytes));
            }
            Step::Renew { key } => {
                let Some(found) = store.get(&[*key]) else { continue };
                // A body with a damaged block can be served in part, and renewed not at all.
                if store.update_meta(&[*key], &meta, found.nonce()).is_ok_and(|updated| updated) {
                    committed.insert(meta, committed[found.meta()]);
                }
            }
            Step::Remove { key } => _ = store.remove(&[*key]).unwrap(),
            Step::Read { key } => _ = store.get(&[*key]),
        }
    }
}

/// Reads every key; how many could be read to their end.
fn check(store: &DiskStore, committed: &Committed) -> usize {
    let mut whole = 0;
    for key in 0..KEYS {
        let Some(found) = store.get(&[key]) else { continue };
        let known = committed.get(found.meta());
        let (of, number, bytes) = known.copied().expect("a head that was committed");
        assert_eq!((of, bytes as u64), (key, found.body_bytes()));
        let wanted = body(number, bytes);
        let mut buffer = vec![0; 10_000];
        let mut at = 0;
        loop {
            match found.read_at(at as u64, &mut buffer) {
                Ok(0) => break,
                Ok(read) => assert_eq!(buffer[..read], wanted[at..at + read], "key {key} at {at}"),
                Err(DiskError::Corrupt) => break,
                Err(cause) => panic!("{cause}"),
            }
            at = (at + buffer.len()).min(bytes);
        }
        whole += usize::from(at == bytes);
    }
    whole
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => files.extend(self::files(&path)),
            path if path.ends_with("lock") => {}
            path => files.push(path),
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let to = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
}

fn damage(directory: &Path, damages: &[Damage]) {
    let files = files(directory);
    for Damage { file, at, kind } in damages {
        let path = file.get(&files);
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() * usize::try_from(*at).unwrap() / 1_000;
        match kind {
            Kind::Cut => bytes.truncate(at),
            Kind::Flip(bit) => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit),
            Kind::Zeros(count) => bytes.iter_mut().skip(at).take(*count).for_each(|byte| *byte = 0),
        }
        fs::write(path, bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_files_never_become_other_objects(
        first in steps(),
        second in steps(),
        sealed in any::<bool>(),
        damages in damages(),
    ) {
        let [before, after] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let mut committed = Committed::new();
        let store = open(before.path());
        run(&store, (0, &first), &mut committed);
        if sealed {
            store.seal();
        }
        copy(before.path(), after.path());
        let objects = usize::try_from(store.numbers().objects).unwrap();
        prop_assert_eq!(check(&store, &committed), objects);
        drop(store);

        damage(after.path(), &damages);
        let store = open(after.path());
        check(&store, &committed);
        // Life goes on, and what is written now is found, whatever was there before.
        run(&store, (1_000, &second), &mut committed);
        check(&store, &committed);
        let mut writer = store.begin(b"new", None).unwrap();
        writer.push(b"body").unwrap();
        writer.commit(b"head").unwrap();
        drop(store);
        let store = open(after.path());
        check(&store, &committed);
        prop_assert!(store.get(b"new").is_some_and(|found| found.meta() == b"head"));
    }
}
