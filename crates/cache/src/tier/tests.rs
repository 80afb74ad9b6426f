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
        on_disk: false.into(),
        head: ResponseHead { status: 200, version: Version::Http11, reason: Vec::new(), headers },
    })
}

/// Puts a response in as one that has just come.
fn put(store: &Store, key: &str, request: &[(&str, &str)], fields: &[(&str, &str)], body: &str) {
    let request = headers(request);
    let stored = response(store, &request, fields, body);
    let epoch = store.epoch(key.as_bytes());
    store.put(key.as_bytes(), &request, Arc::clone(&stored));
    store.settle(key.as_bytes(), &stored, epoch);
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
        let mut sink =
            Sink::begin(&tier, key.as_bytes(), &stored, store.epoch(key.as_bytes())).unwrap();
        for piece in long(7).chunks(100_000) {
            sink.push(piece).unwrap();
            stored.content.push(Bytes::copy_from_slice(piece));
            stored.content.spill(&sink.file().unwrap(), stored.content.length());
        }
        (stored, sink)
    };
    let (stored, sink) = filling(&store, "k");
    stored.content.finish_on_disk(Arc::new(sink.commit().unwrap().unwrap()));
    store.settle(b"k", &stored, store.epoch(b"k"));
    assert!(store.numbers().bytes < 10_000);
    let (_, sink) = filling(&store, "off");
    store.invalidate(b"off");
    assert!(sink.commit().unwrap().is_none());
    assert!(!tier.contains(b"off") || get(&store, "off", &[]).is_none());
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
    disk.replace_purges(&[b"?".to_vec()]).unwrap();
    drop(disk);
    let store = open(directory.path(), 1 << 20);
    assert_eq!(get(&store, "k", &[]), None);
    put(&store, "k", &[], &[], "new");
    let store = again(store, directory.path());
    assert_eq!(get(&store, "k", &[]).as_deref(), Some("new"));
}
