//! A store with a disk below it, as a whole.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http1::{Headers, ResponseHead, Version};

use super::*;
use crate::storable::Terms;
use crate::store::stored::tags;
use crate::store::{Found as InStore, Store, StoreLimits};
use crate::vary::Selection;

const NOW: Seconds = 1_000;

fn open(directory: &Path, memory_bytes_max: usize) -> Store {
    let limits = StoreLimits { memory_bytes_max, object_bytes_max: 1 << 20 };
    let store = Store::new(limits);
    let plan = TierPlan {
        disk: DiskPlan::new(directory, 64 << 20),
        queue_bytes_max: 64 << 20,
        promote_bytes_max: 256 * 1024,
    };
    store.open_disk(plan).unwrap();
    store
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}

fn response(store: &Store, request: &Headers, fields: &[(&str, &str)], body: &str) -> Arc<Stored> {
    let headers = headers(fields);
    let terms = Terms { received: NOW, lifetime_s: 60, ..Terms::default() };
    Arc::new(Stored {
        terms,
        selection: Selection::of(&headers, request),
        content: Arc::new(Content::whole(Bytes::from(body.to_owned()))),
        declared_length: Some(body.len() as u64),
        part: None,
        tags: tags(&headers),
        checked: AtomicU64::new(store.last_purge()),
        is_written: false.into(),
        disk_nonce: 0.into(),
        head: ResponseHead { status: 200, version: Version::Http11, reason: Vec::new(), headers },
    })
}

/// Puts a response in as one that has just come.
fn put(store: &Store, key: &str, request: &[(&str, &str)], fields: &[(&str, &str)], body: &str) {
    let request = headers(request);
    let mut stored = response(store, &request, fields, body);
    Arc::get_mut(&mut stored).unwrap().content = Arc::default();
    store.put(key.as_bytes(), &request, Arc::clone(&stored));
    stored.content.push(Bytes::from(body.to_owned()));
    stored.content.finish();
    store.settle(key.as_bytes(), &stored.content);
}

fn in_memory(store: &Store, key: &str, request: &Headers) -> Option<Arc<Stored>> {
    match store.find(key.as_bytes(), request, NOW, |_| true) {
        InStore::Stored(stored) => Some(stored),
        _ => None,
    }
}

/// What a request gets, from memory or from below.
fn get(store: &Store, key: &str, request: &[(&str, &str)]) -> Option<String> {
    let request = headers(request);
    let stored =
        in_memory(store, key, &request).or_else(|| store.recall(key.as_bytes(), &request, NOW))?;
    let body: Vec<u8> = stored.content.pieces().flatten().copied().collect();
    let state = if stored.terms.is_fresh(NOW) { "" } else { "stale " };
    Some(format!("{state}{}", String::from_utf8(body).unwrap()))
}

fn close(store: Store) {
    store.tier().unwrap().close(Duration::from_secs(10));
    drop(store);
}

/// Ends a store and opens it again, as a restart does.
fn again(store: Store, directory: &Path) -> Store {
    close(store);
    // The thread that writes lets go of the directory when it ends.
    for _ in 0..1000 {
        let limits = StoreLimits { memory_bytes_max: 1 << 20, object_bytes_max: 1 << 20 };
        let next = Store::new(limits);
        let plan = TierPlan {
            disk: DiskPlan::new(directory, 64 << 20),
            queue_bytes_max: 64 << 20,
            promote_bytes_max: 256 * 1024,
        };
        match next.open_disk(plan) {
            Ok(()) => return next,
            Err(DiskError::InUse(_)) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the directory stays in use");
}

#[test]
fn what_is_kept_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    put(&store, "a", &[], &[("X", "1")], "one");
    put(&store, "b", &[("l", "de")], &[("Vary", "L")], "zwei");
    put(&store, "b", &[("l", "fr")], &[("Vary", "L")], "deux");
    let store = again(store, directory.path());
    assert_eq!(store.numbers().objects, 0);
    assert_eq!(get(&store, "a", &[]).as_deref(), Some("one"));
    assert_eq!(get(&store, "b", &[("L", "fr")]).as_deref(), Some("deux"));
    assert_eq!(get(&store, "b", &[("L", "de")]).as_deref(), Some("zwei"));
    assert_eq!(get(&store, "b", &[("L", "en")]), None);
    assert_eq!(get(&store, "c", &[]), None);
    assert_eq!(store.tier().unwrap().numbers().hits, 3);
}

#[test]
fn what_was_invalid_or_purged_stays_so_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    let vary = [("Vary", "L")];
    for key in ["http://h/a", "http://h/b", "http://h/c", "http://h/d", "http://i/e", "http://j/f"]
    {
        put(&store, key, &[("l", "de")], &vary, key);
        put(&store, &format!("{key}?"), &[], &[("Surrogate-Key", "t")], key);
    }
    store.tier().unwrap().flush().unwrap();
    assert_eq!(store.invalidate(b"http://h/a"), 1);
    store.purge_uri(b"http://h/b", Mode::Hard, NOW).unwrap();
    store.purge_uri(b"http://h/c?", Mode::Soft, NOW).unwrap();
    store.purge(Scope::Host(b"i"), Mode::Hard).unwrap();
    store.purge(Scope::Prefix(b"http://j/"), Mode::Soft).unwrap();
    let check = |store: &Store| {
        let of = |key: &str| get(store, key, &[("l", "de")]);
        assert_eq!(of("http://h/a"), None);
        assert_eq!(of("http://h/a?").as_deref(), Some("http://h/a"));
        assert_eq!(of("http://h/b"), None);
        assert_eq!(of("http://h/c?").as_deref(), Some("stale http://h/c"));
        assert_eq!(of("http://h/d").as_deref(), Some("http://h/d"));
        assert_eq!(of("http://i/e"), None);
        assert_eq!(of("http://j/f").as_deref(), Some("stale http://j/f"));
    };
    check(&store);
    let store = again(store, directory.path());
    check(&store);
    store.purge(Scope::Tag(b"t"), Mode::Hard).unwrap();
    let store = again(store, directory.path());
    assert_eq!(get(&store, "http://h/d?", &[]), None);
    assert_eq!(get(&store, "http://h/d", &[("l", "de")]).as_deref(), Some("http://h/d"));
    put(&store, "http://h/d?", &[], &[("Surrogate-Key", "t")], "new");
    let store = again(store, directory.path());
    assert_eq!(get(&store, "http://h/d?", &[]).as_deref(), Some("new"), "numbers go on");
}

#[test]
fn what_leaves_memory_and_was_asked_for_is_found_below() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 200_000);
    let body = |number: u32| format!("{number}").repeat(5_000);
    for number in 0..100 {
        put(&store, &format!("k{number}"), &[], &[], &body(number));
    }
    assert!(store.numbers().evicted > 50, "{:?}", store.numbers());
    for number in 0..100 {
        assert!(get(&store, &format!("k{number}"), &[]) == Some(body(number)), "{number}");
    }
    assert!(store.numbers().bytes <= 200_000);
}

#[test]
fn an_older_response_never_takes_the_place_of_a_newer_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    for round in 0..50 {
        put(&store, "k", &[], &[], &format!("{round}"));
        store.remove(b"k", |_| true);
        assert_eq!(get(&store, "k", &[]), Some(format!("{round}")), "on its way or written");
        if round % 7 == 0 {
            store.tier().unwrap().flush().unwrap();
        }
    }
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("49"));
}

#[test]
fn a_new_head_goes_to_the_disk_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    put(&store, "k", &[], &[("X", "1")], "body");
    store.tier().unwrap().flush().unwrap();
    let before = in_memory(&store, "k", &Headers::new()).unwrap();
    let mut head = before.head.clone();
    head.headers.set(b"X", b"2");
    let terms = Terms { lifetime_s: 600, ..before.terms };
    store.renew(b"k", &before, Arc::new(before.renewed(head, terms)));
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("body"));
    let stored = in_memory(&store, "k", &Headers::new()).unwrap();
    assert_eq!(stored.head.headers.values_named(b"x").next(), Some(&b"2"[..]));
    assert_eq!(stored.terms.lifetime_s, 600);
}

#[test]
fn a_full_queue_leaves_out_what_comes_and_what_is_older() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreLimits { memory_bytes_max: 1 << 20, object_bytes_max: 1 << 20 };
    let store = Store::new(limits);
    let disk = DiskPlan::new(directory.path(), 64 << 20);
    let plan = TierPlan { disk, queue_bytes_max: 2_000, promote_bytes_max: 1 << 20 };
    store.open_disk(plan).unwrap();
    let tier = Arc::clone(store.tier().unwrap());
    put(&store, "k", &[], &[], "small");
    tier.flush().unwrap();
    assert!(tier.contains(b"k") && tier.numbers().dropped == 0);
    put(&store, "k", &[], &[], &"x".repeat(5_000));
    tier.flush().unwrap();
    assert!(!tier.contains(b"k") && tier.numbers().dropped == 1);
}

#[test]
fn a_long_body_goes_to_the_disk_alone_unless_it_is_called_off() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    let tier = Arc::clone(store.tier().unwrap());
    let long = |byte: u8| vec![byte; 2_000_000];
    let filling = |store: &Store, key: &str| {
        let mut stored = response(store, &Headers::new(), &[("Vary", "L")], "");
        let inner = Arc::get_mut(&mut stored).unwrap();
        inner.content = Arc::default();
        inner.declared_length = Some(2_000_000);
        store.put(key.as_bytes(), &Headers::new(), Arc::clone(&stored));
        let mut sink = Sink::begin(&tier, &stored.content, stored.declared_length).unwrap();
        for piece in long(7).chunks(100_000) {
            sink.push(piece).unwrap();
            stored.content.push(Bytes::copy_from_slice(piece));
            stored.content.spill(&sink.file().unwrap(), stored.content.length());
        }
        stored.content.finish();
        (stored, sink)
    };
    let (stored, sink) = filling(&store, "k");
    store.settle_sink(b"k", &stored.content, sink);
    tier.flush().unwrap();
    assert!(stored.content.is_whole() && !stored.content.is_broken());
    assert!(store.numbers().bytes < 10_000);
    let (off, sink) = filling(&store, "off");
    store.invalidate(b"off");
    store.settle_sink(b"off", &off.content, sink);
    tier.flush().unwrap();
    assert!(off.content.is_broken(), "nobody begins to read it");
    assert!(!tier.contains(b"off") && get(&store, "off", &[]).is_none());
    drop((stored, tier));
    let store = again(store, directory.path());
    let stored = store.recall(b"k", &Headers::new(), NOW).unwrap();
    assert!(!stored.content.is_in_memory());
    assert_eq!(stored.content.length(), 2_000_000);
    assert!(store.recall(b"off", &Headers::new(), NOW).is_none());
}

#[test]
fn a_damaged_log_of_purges_gives_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    put(&store, "k", &[], &[], "body");
    close(store);
    let disk = loop {
        match DiskStore::open(DiskPlan::new(directory.path(), 64 << 20)) {
            Ok(disk) => break disk,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    disk.replace_purges(|| vec![b"?".to_vec()]).unwrap();
    drop(disk);
    let store = open(directory.path(), 1 << 20);
    assert_eq!(get(&store, "k", &[]), None);
    put(&store, "k", &[], &[], "new");
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("new"));
}

/// A store whose writer is busy with something long.
fn busy(directory: &Path, queue_bytes_max: usize) -> Store {
    let limits = StoreLimits { memory_bytes_max: 64 << 20, object_bytes_max: 32 << 20 };
    let store = Store::new(limits);
    let disk = DiskPlan::new(directory, 256 << 20);
    store.open_disk(TierPlan { disk, queue_bytes_max, promote_bytes_max: 256 * 1024 }).unwrap();
    put(&store, "long", &[], &[], &"x".repeat(25 << 20));
    store
}

#[test]
fn a_soft_purge_takes_no_hard_one_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    put(&store, "http://h/a", &[], &[("Cache-Tag", "x")], "body");
    store.purge(Scope::Tag(b"x"), Mode::Hard).unwrap();
    store.purge_uri(b"http://h/a", Mode::Soft, NOW).unwrap();
    assert_eq!(get(&store, "http://h/a", &[]), None);
}

#[test]
fn a_fill_that_ends_after_a_newer_one_is_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    let old = response(&store, &Headers::new(), &[], "old");
    store.put(b"k", &Headers::new(), Arc::clone(&old));
    put(&store, "k", &[], &[], "new");
    store.settle(b"k", &old.content);
    let sink = Sink::begin(store.tier().unwrap(), &old.content, None).unwrap();
    store.settle_sink(b"k", &old.content, sink);
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("new"));
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("new"));
}

#[test]
fn a_head_is_written_to_its_own_body_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    put(&store, "k", &[], &[("ETag", "\"1\"")], "one");
    let tier = Arc::clone(store.tier().unwrap());
    tier.flush().unwrap();
    let first = in_memory(&store, "k", &Headers::new()).unwrap();
    put(&store, "k", &[], &[("ETag", "\"2\"")], "two: another");
    tier.flush().unwrap();
    // As if it had waited since before the second one came.
    first.content.give_up();
    tier.renew(b"k", &first);
    tier.flush().unwrap();
    let found = tier.peek(b"k", &Headers::new());
    let tag = found.and_then(|it| it.head.headers.values_named(b"etag").next().map(<[u8]>::to_vec));
    assert!(tag.is_none_or(|tag| tag == b"\"1\""), "its own body was written with it, or nothing");
}

#[test]
fn a_purge_that_left_no_trace_takes_no_number() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), 1 << 20);
    // Noted, and the process was killed before the log had it.
    store.tier().unwrap().purges.note(Scope::Tag(b"other"), Mode::Hard).unwrap();
    put(&store, "http://h/a", &[], &[("Cache-Tag", "x")], "body");
    let store = again(store, directory.path());
    store.purge(Scope::Tag(b"x"), Mode::Hard).unwrap();
    assert_eq!(get(&store, "http://h/a", &[]), None);
}

#[test]
fn what_waits_is_not_written_when_a_newer_one_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path(), 27 << 20);
    put(&store, "k", &[], &[], "old");
    put(&store, "k", &[], &[], &format!("new{}", "y".repeat(26 << 20)));
    assert_eq!(store.tier().unwrap().numbers().dropped, 1);
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]), None);
}

#[test]
fn a_head_that_comes_while_its_body_waits_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path(), 64 << 20);
    put(&store, "k", &[], &[], "body");
    let first = in_memory(&store, "k", &Headers::new()).unwrap();
    let terms = Terms { received: NOW, lifetime_s: 0, must_revalidate: true, ..Terms::default() };
    store.renew(b"k", &first, Arc::new(first.renewed(first.head.clone(), terms)));
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("stale body"));
}

#[test]
fn many_changes_at_once_are_few_notes() {
    let directory = tempfile::tempdir().unwrap();
    let store = busy(directory.path(), 64 << 20);
    put(&store, "http://h/7\nx", &[], &[], "told apart");
    for number in 0..20_000 {
        store.invalidate_uri(format!("http://h/{number:0100}").as_bytes());
    }
    store.invalidate_uri(b"http://h/7");
    assert!(store.tier().unwrap().numbers().queue_bytes < 32 << 20);
    let store = again(store, directory.path());
    assert_eq!(get(&store, "http://h/7\nx", &[]), None);
}

#[test]
fn a_compaction_of_the_log_loses_no_purge() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let path = directory.path().join(format!("{round}"));
        let open = || {
            let limits = StoreLimits { memory_bytes_max: 1 << 20, object_bytes_max: 1 << 20 };
            let store = Store::new(limits);
            let mut disk = DiskPlan::new(&path, 64 << 20);
            disk.purge_bytes_max = 400;
            let plan = TierPlan { disk, queue_bytes_max: 1 << 20, promote_bytes_max: 1 << 18 };
            store.open_disk(plan).map(|()| store)
        };
        let notes = |store: &Store| {
            let entries = store.tier().unwrap().purges.entries();
            let mut notes: Vec<_> = entries.into_iter().filter(|note| note[0] != b'l').collect();
            notes.sort();
            notes
        };
        let store = open().unwrap();
        // Always the same few, so that compaction makes room.
        std::thread::scope(|scope| {
            for at in 0..4 {
                let (store, tag) = (&store, format!("{at}"));
                scope.spawn(move || {
                    for _ in 0..12 {
                        store.purge(Scope::Tag(tag.as_bytes()), Mode::Hard).unwrap();
                    }
                });
            }
        });
        let noted = notes(&store);
        close(store);
        let store = loop {
            match open() {
                Ok(store) => break store,
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        assert_eq!(notes(&store), noted, "round {round}");
    }
}
