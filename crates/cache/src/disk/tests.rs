//! The store as a whole: what is written is found, also after a restart, and what is full, gone
//! or refused is handled.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::io::fault;
use super::*;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;

fn open(directory: &Path, bytes_max: u64) -> DiskStore {
    let mut plan = DiskPlan::new(directory, bytes_max);
    plan.segment_bytes = 256 * 1024;
    DiskStore::open(plan).unwrap()
}

/// Bytes that no other name or length has.
fn body(name: &str, bytes: usize) -> Vec<u8> {
    let mut state = u64::from(crc32fast::hash(name.as_bytes())) ^ (bytes as u64) << 32;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn put(store: &DiskStore, key: &str, meta: &str, body: &[u8]) -> Result<(), DiskError> {
    let mut writer = store.begin(key.as_bytes(), None)?;
    for piece in body.chunks(10_000) {
        writer.push(piece)?;
    }
    writer.commit(meta.as_bytes())
}

fn read(store: &DiskStore, key: &str) -> Option<(String, Vec<u8>)> {
    let found = store.get(key.as_bytes())?;
    let body = found.read_all(64 << 20).unwrap();
    Some((String::from_utf8(found.meta().to_vec()).unwrap(), body))
}

/// What the files are after a crash at this moment.
fn crashed(directory: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_all(directory, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Bytes of all files that a size is meant for.
fn bytes_on_disk(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| {
        let path = entry.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("lock" | "identity" | "purges") => 0,
            _ if path.is_dir() => bytes_on_disk(&path),
            _ => entry.metadata().unwrap().len(),
        }
    });
    bytes.sum()
}

const SIZES: [usize; 9] = [0, 1, 15_000, 65_535, 65_536, 65_537, 66_000, 300_000, 1_000_000];

#[test]
fn objects_of_all_sizes_are_found_as_they_were_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    for bytes in SIZES {
        let name = format!("size {bytes}");
        assert!(read(&store, &name).is_none());
        put(&store, &name, "head", &body(&name, bytes)).unwrap();
    }
    let check = |store: &DiskStore| {
        for bytes in SIZES {
            let name = format!("size {bytes}");
            assert_eq!(read(store, &name), Some(("head".to_owned(), body(&name, bytes))), "{name}");
        }
        assert_eq!(store.numbers().objects, SIZES.len() as u64);
        assert_eq!(store.numbers().bytes, bytes_on_disk(store.directory()));
    };
    check(&store);
    let copy = crashed(directory.path());
    check(&open(copy.path(), 32 << 20));
    drop(store);
    check(&open(directory.path(), 32 << 20));
    // What was cut after a crash and goes on is found after the next one too.
    let store = open(copy.path(), 32 << 20);
    put(&store, "one more", "", b"x").unwrap();
    drop(store);
    assert!(read(&open(copy.path(), 32 << 20), "one more").is_some());
}

#[test]
fn parts_of_a_body_are_read_from_any_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    for bytes in [10, 66_000, 400_000] {
        let whole = body("k", bytes);
        put(&store, "k", "", &whole).unwrap();
        let found = store.get(b"k").unwrap();
        let file = found.file().unwrap();
        if bytes > 65_536 {
            assert!(found.lying(&file, 0, bytes as u64).is_none(), "nobody has checked it yet");
        }
        assert!(found.span((&file, Wait::Yes), 0, bytes).unwrap() == whole);
        if let Some(Lying { file, offset, bytes: length }) = found.lying(&file, 3, 1 << 30) {
            let raw = io::read_vec_at(&file, offset, usize::try_from(length).unwrap()).unwrap();
            assert_eq!(raw, whole[3..]);
        }
        assert!(found.lying(&file, bytes as u64, 1).is_none());
        for (start, wanted) in [(0, 5), (3, 70_000), (65_530, 10), (65_536, 131_072), (bytes, 9)] {
            let mut buffer = vec![0; wanted];
            let read = found.read_at(start as u64, &mut buffer).unwrap();
            let end = (start + wanted).min(bytes);
            assert_eq!(buffer[..read], whole[start.min(end)..end], "{bytes}: {start} {wanted}");
        }
    }
}

#[test]
fn little_is_sent_as_it_lies_and_nothing_whose_beginning_has_left_memory() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    put(&store, "k", "", &body("k", 2_000_000)).unwrap();
    let found = Arc::new(store.get(b"k").unwrap());
    let file = found.file().unwrap();
    let span = || DiskSpan::kept((&found, Some(&file)), 0, u64::MAX);
    found.span((&file, Wait::Yes), 0, 2_000_000).unwrap();
    let Some(Lying { file, offset, bytes }) = span().lying() else {
        eprintln!("skipped: this file system cannot tell what is in memory");
        return;
    };
    assert_eq!((offset, bytes), (0, 256 * 1024));
    file.sync_all().unwrap();
    let first = std::num::NonZeroU64::new(128 * 1024);
    rustix::fs::fadvise(&file, 0, first, rustix::fs::Advice::DontNeed).unwrap();
    if io::read_as(Wait::No, &file, 0, &mut [0]).is_ok() {
        eprintln!("skipped: this file system keeps it in memory");
        return;
    }
    let last = io::read_as(Wait::No, &file, 256 * 1024 - 1, &mut [0]);
    assert!(last.is_ok(), "its end is still there");
    assert!(span().lying().is_none());
}

#[test]
fn what_is_not_committed_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    for bytes in [10, 500_000] {
        let mut writer = store.begin(b"k", None).unwrap();
        writer.push(&body("k", bytes)).unwrap();
        assert!(store.get(b"k").is_none());
        drop(writer);
        let mut short = store.begin(b"k", Some(bytes as u64 + 1)).unwrap();
        short.push(&body("k", bytes)).unwrap();
        assert!(matches!(short.push(b"xx"), Err(DiskError::Length)));
        assert!(matches!(short.commit(b""), Err(DiskError::Length)));
        assert!(store.get(b"k").is_none());
    }
    assert_eq!((store.numbers().bytes, bytes_on_disk(directory.path())), (0, 0));
    let numbers = store.numbers();
    assert_eq!((numbers.writers, numbers.objects, numbers.writes), (0, 0, 0));
}

#[test]
fn limits_of_keys_heads_bodies_and_writers_hold() {
    let directory = tempfile::tempdir().unwrap();
    let mut plan = DiskPlan::new(directory.path(), 8 << 20);
    (plan.object_bytes_max, plan.writers_max) = (1 << 20, 2);
    let store = DiskStore::open(plan).unwrap();
    let too_large = |outcome: Result<(), DiskError>| matches!(outcome, Err(DiskError::TooLarge));
    assert!(too_large(put(&store, &"k".repeat(70_000), "", b"")));
    assert!(too_large(put(&store, "k", &"m".repeat(2 << 20), b"")));
    assert!(too_large(put(&store, "k", "", &vec![0; (1 << 20) + 1])));
    assert!(too_large(store.begin(b"k", Some((1 << 20) + 1)).map(drop)));
    let mut writers = [store.begin(b"a", None).unwrap(), store.begin(b"b", None).unwrap()];
    assert!(matches!(store.begin(b"c", None), Err(DiskError::Busy)));
    for writer in &mut writers {
        writer.push(&vec![0; 1 << 20]).unwrap();
    }
    drop(writers);
    assert!(store.begin(b"c", None).is_ok());
}

#[test]
fn bodies_under_way_have_a_limit_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut plan = DiskPlan::new(directory.path(), 8 << 20);
    plan.object_bytes_max = 2 << 20;
    let store = DiskStore::open(plan).unwrap();
    let mut writers: Vec<Writer> = (0..3).map(|_| store.begin(b"k", None).unwrap()).collect();
    let mut push = |number: usize| writers[number].push(&vec![1; 1 << 20]);
    assert!(push(0).is_ok() && push(1).is_ok());
    assert!(matches!(push(2), Err(DiskError::Busy)));
}

#[test]
fn a_directory_has_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    let again = DiskStore::open(DiskPlan::new(directory.path(), 8 << 20));
    assert!(matches!(again, Err(DiskError::InUse(_))));
    drop(store);
    open(directory.path(), 8 << 20);
}

#[test]
fn the_last_word_about_a_key_survives() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    for bytes in [20, 400_000] {
        for name in ["replaced", "removed", "renewed"] {
            put(&store, &format!("{name} {bytes}"), "old", &body(name, bytes)).unwrap();
        }
        put(&store, &format!("replaced {bytes}"), "new", &body("other", 420_000 - bytes)).unwrap();
        assert!(store.remove(format!("removed {bytes}").as_bytes()).unwrap());
        assert!(!store.remove(format!("removed {bytes}").as_bytes()).unwrap());
        let renewed = format!("renewed {bytes}");
        let nonce = store.get(renewed.as_bytes()).unwrap().nonce();
        assert!(!store.update_meta(renewed.as_bytes(), b"other", nonce + 1).unwrap());
        assert!(store.update_meta(renewed.as_bytes(), b"new", nonce).unwrap());
    }
    assert!(!store.update_meta(b"nothing", b"new", 1).unwrap());
    let check = |store: &DiskStore| {
        for bytes in [20, 400_000] {
            let found = |name| read(store, &format!("{name} {bytes}"));
            let new = |body| Some(("new".to_owned(), body));
            assert_eq!(found("replaced"), new(body("other", 420_000 - bytes)));
            assert_eq!(found("renewed"), new(body("renewed", bytes)));
            assert_eq!(found("removed"), None);
        }
        assert_eq!(store.numbers().bytes, bytes_on_disk(store.directory()));
    };
    check(&store);
    check(&open(crashed(directory.path()).path(), 32 << 20));
    drop(store);
    check(&open(directory.path(), 32 << 20));
}

/// The files of segments from the oldest.
fn segments(directory: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "segment")).collect();
    segments.sort();
    segments
}

#[test]
fn a_segment_that_was_only_begun_costs_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let fill = |store: &DiskStore, name: &str| {
        (0..20).for_each(|n| put(store, &format!("{name} {n}"), "", &body("n", 30_000)).unwrap());
    };
    fill(&open(directory.path(), 8 << 20), "old");
    let last = segments(directory.path()).pop().unwrap();
    let number: u32 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::write(last.with_file_name(format!("{:010}.segment", number + 1)), b"weir").unwrap();
    fill(&open(directory.path(), 8 << 20), "new");
    assert_eq!(open(directory.path(), 8 << 20).numbers().objects, 40);
}

#[test]
fn nothing_older_than_lost_records_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    put(&store, "k", "", b"old").unwrap();
    let fill = |number: usize| put(&store, &number.to_string(), "", &body("n", 30_000)).unwrap();
    (0..10).for_each(fill);
    store.remove(b"k").unwrap();
    (10..30).for_each(fill);
    drop(store);
    let copy = crashed(directory.path());
    fs::remove_file(&segments(directory.path())[1]).unwrap();
    // The removal cannot be read any more, and the footer does not say that there was one.
    let second = &segments(copy.path())[1];
    let mut bytes = fs::read(second).unwrap();
    let length = bytes.len();
    bytes[100] ^= 1;
    bytes[length - 1] ^= 1;
    fs::write(second, bytes).unwrap();
    for directory in [directory.path(), copy.path()] {
        let store = open(directory, 8 << 20);
        assert!(read(&store, "k").is_none() && read(&store, "29").is_some());
    }
}

#[test]
fn the_oldest_goes_and_what_was_asked_for_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 4 << 20);
    let long = body("long", 300_000);
    put(&store, "long", "", &long).unwrap();
    put(&store, "hot", "", &body("hot", 5_000)).unwrap();
    put(&store, "cold", "", &body("cold", 5_000)).unwrap();
    for number in 0..3_000 {
        put(&store, &format!("n{number}"), "", &body("n", 5_000)).unwrap();
        drop(store.get(b"long"));
        assert!(read(&store, "hot").is_some(), "{number}");
        assert!(store.numbers().bytes <= 4 << 20);
    }
    assert_eq!(read(&store, "long").unwrap().1, long);
    assert!(read(&store, "cold").is_none() && read(&store, "n2999").is_some());
    let numbers = store.numbers();
    assert_eq!(numbers.bytes, bytes_on_disk(directory.path()));
    assert!(numbers.evicted > 2_000 && numbers.reinserted > 2, "{numbers:?}");
    drop(store);
    let store = open(directory.path(), 4 << 20);
    assert_eq!(store.numbers().objects, numbers.objects);
    assert!(read(&store, "hot").is_some() && read(&store, "cold").is_none());
    assert_eq!(read(&store, "long").unwrap().1, long);
}

#[test]
fn eviction_ends_where_everything_is_hot_and_long_bodies_count() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 4 << 20);
    for number in 0..200 {
        put(&store, &format!("n{number}"), "", &body("n", 20_000 + number * 3_000)).unwrap();
        (0..=number).for_each(|number| drop(store.get(format!("n{number}").as_bytes())));
        assert!(store.numbers().bytes <= 4 << 20);
    }
    assert_eq!(store.numbers().bytes, bytes_on_disk(directory.path()));
    assert!(store.numbers().evicted > 0 && store.numbers().segments > 2);
}

#[test]
fn an_object_that_is_open_is_read_to_its_end_when_it_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 32 << 20);
    for bytes in [200_000, 900_000] {
        let whole = body("k", bytes);
        put(&store, "k", "", &whole).unwrap();
        let found = store.get(b"k").unwrap();
        let _open = found.file().unwrap();
        store.remove(b"k").unwrap();
        for number in 0..200 {
            put(&store, &number.to_string(), "", &body("n", 200_000)).unwrap();
        }
        assert!(store.get(b"k").is_none());
        assert_eq!(found.read_all(1 << 20).unwrap(), whole);
    }
}

#[test]
fn purges_come_back_in_order_and_are_replaced_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut plan = DiskPlan::new(directory.path(), 8 << 20);
    plan.purge_bytes_max = 1000;
    let open = || DiskStore::open(plan.clone()).unwrap();
    let store = open();
    for entry in ["a", "", "ccc"] {
        store.record_purge(entry.as_bytes()).unwrap();
    }
    assert!(matches!(store.record_purge(&[0; 1000]), Err(DiskError::PurgesFull)));
    drop(store);
    let wanted = vec![b"a".to_vec(), vec![], b"ccc".to_vec()];
    let store = open();
    assert_eq!(store.take_purges(), wanted);
    store.replace_purges(|| wanted[2..].to_vec()).unwrap();
    store.record_purge(b"d").unwrap();
    put(&store, "k", "", b"body").unwrap();
    drop(store);
    let path = directory.path().join("purges");
    let log = fs::read(&path).unwrap();
    fs::write(&path, &log[..log.len() - 1]).unwrap();
    let store = open();
    assert_eq!(store.take_purges(), wanted[2..], "the torn entry was never answered");
    assert!(read(&store, "k").is_some());
    drop(store);
    let mut damaged = log;
    damaged[0] ^= 1;
    fs::write(&path, damaged).unwrap();
    let store = open();
    assert!(read(&store, "k").is_none(), "a purge is lost, so all is");
    assert!(store.take_purges().is_empty() && store.numbers().objects == 0);
}

#[test]
fn a_full_disk_turns_the_store_off() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    put(&store, "k", "", b"body").unwrap();
    fault::WRITE.set(Some(ENOSPC));
    for bytes in [10, 500_000, 10, 500_000, 10, 10, 10] {
        assert!(matches!(put(&store, "n", "", &vec![1; bytes]), Err(DiskError::Io(_))));
        assert!(!store.is_failed() && read(&store, "k").is_some() && read(&store, "n").is_none());
    }
    let nonce = store.get(b"k").unwrap().nonce();
    assert!(matches!(store.update_meta(b"k", b"new", nonce), Err(DiskError::Io(_))));
    fault::WRITE.set(None);
    assert!(store.is_failed() && store.get(b"k").is_none());
    assert!(matches!(put(&store, "n", "", b"body"), Err(DiskError::Failed)));
    assert!(matches!(store.record_purge(b"p"), Err(DiskError::Failed)));
    assert_eq!(store.numbers().errors, 8);
    drop(store);
    let store = open(directory.path(), 8 << 20);
    assert!(read(&store, "k").is_some() && read(&store, "n").is_none());
    assert_eq!(store.numbers().bytes, bytes_on_disk(directory.path()));
}

#[test]
fn a_disk_that_cannot_be_read_turns_the_store_off() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    put(&store, "k", "", b"body").unwrap();
    fault::READ.set(Some(EIO));
    for _ in 0..8 {
        assert!(!store.is_failed() && store.get(b"k").is_none());
    }
    fault::READ.set(None);
    assert!(store.is_failed());
}

#[test]
fn a_removal_that_cannot_be_written_holds_until_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    put(&store, "k", "", b"body").unwrap();
    fault::WRITE.set(Some(ENOSPC));
    assert!(store.remove(b"k").is_err());
    fault::WRITE.set(None);
    assert!(store.get(b"k").is_none());
}

#[test]
fn many_threads_write_read_and_remove_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path(), 4 << 20));
    let work = |thread: usize| {
        for round in 0..150 {
            let key = format!("k{}", (round * 7 + thread) % 20);
            let version = format!("{thread}.{round}");
            let bytes = [100, 30_000, 100_000][round % 3];
            match put(&store, &key, &version, &body(&version, bytes)) {
                Ok(()) | Err(DiskError::Busy) => {}
                Err(cause) => panic!("{cause}"),
            }
            if round % 10 == 3 {
                store.remove(key.as_bytes()).unwrap();
            }
            let key = format!("k{}", round % 20);
            let nonce = store.get(key.as_bytes()).map_or(0, |found| found.nonce());
            store.update_meta(key.as_bytes(), b"", nonce).map_or_else(|e| panic!("{e}"), drop);
            let other = format!("k{}", (round + 5) % 20);
            if let Some(found) = store.get(other.as_bytes()) {
                // It may have been replaced since.
                let Ok(_open) = found.file() else { continue };
                let read = found.read_all(1 << 20).unwrap();
                let version = String::from_utf8(found.meta().to_vec()).unwrap();
                assert!(version.is_empty() || read == body(&version, read.len()));
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || work(thread));
        }
    });
    let found = |store: &DiskStore| -> Vec<_> {
        (0..20).map(|key| read(store, &format!("k{key}"))).collect()
    };
    let (last, numbers) = (found(&store), store.numbers());
    assert_eq!((numbers.corrupt, numbers.errors, numbers.writers), (0, 0, 0));
    assert_eq!(numbers.bytes, bytes_on_disk(directory.path()));
    drop(store);
    assert!(found(&open(directory.path(), 4 << 20)) == last, "a restart finds what was found last");
}

#[test]
fn a_key_is_admitted_when_it_comes_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 8 << 20);
    assert!(!store.admits(b"k") && store.admits(b"k"));
}
