//! The memory tier as a whole: selection, bounds, eviction, purges.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http1::{Headers, ResponseHead};
use weir_cache::storable::Terms;
use weir_cache::store::content::Content;
use weir_cache::store::purge::{Mode, Scope};
use weir_cache::store::stored::{Stored, tags};
use weir_cache::store::{Found, Store, StoreLimits};
use weir_cache::vary::Selection;

const NOW: u64 = 1_000;

fn store(memory_bytes_max: usize) -> Store {
    Store::new(StoreLimits { memory_bytes_max, object_bytes_max: 1 << 30 })
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}

fn response(store: &Store, fields: &[(&str, &str)], request: &Headers, body: &[u8]) -> Arc<Stored> {
    let head = ResponseHead { status: 200, headers: headers(fields), ..ResponseHead::default() };
    Arc::new(Stored {
        terms: Terms { received: NOW, lifetime_s: 60, ..Terms::default() },
        selection: Selection::of(&head.headers, request),
        content: Arc::new(Content::whole(Bytes::copy_from_slice(body))),
        declared_length: Some(body.len() as u64),
        part: None,
        tags: tags(&head.headers),
        checked: AtomicU64::new(store.last_purge()),
        is_written: false.into(),
        disk_nonce: 0.into(),
        head,
    })
}

fn put(store: &Store, key: &str, fields: &[(&str, &str)], request: &[(&str, &str)], body: &[u8]) {
    let request = headers(request);
    store.put(key.as_bytes(), &request, response(store, fields, &request, body));
}

fn get(store: &Store, key: &str, request: &[(&str, &str)]) -> Option<Vec<u8>> {
    match store.find(key.as_bytes(), &headers(request), NOW, |_| true) {
        Found::Stored(stored) => Some(stored.content.pieces().flat_map(|p| p.to_vec()).collect()),
        _ => None,
    }
}

fn is_fresh(store: &Store, key: &str) -> Option<bool> {
    match store.find(key.as_bytes(), &Headers::new(), NOW, |_| true) {
        Found::Stored(stored) => Some(stored.terms.is_fresh(NOW)),
        _ => None,
    }
}

#[test]
fn variants_stand_side_by_side() {
    let store = store(1 << 20);
    let vary = [("Vary", "A")];
    put(&store, "k", &vary, &[("A", "1")], b"one");
    put(&store, "k", &vary, &[("A", "2")], b"two");
    assert_eq!(get(&store, "k", &[("A", "1")]).unwrap(), b"one");
    assert_eq!(get(&store, "k", &[("A", "2")]).unwrap(), b"two");
    assert_eq!(get(&store, "k", &[]), None);
    put(&store, "k", &vary, &[("A", "1")], b"new");
    assert_eq!(get(&store, "k", &[("A", "1")]).unwrap(), b"new");
    assert_eq!(store.numbers().objects, 2);
    assert_eq!(get(&store, "other", &[]), None);
}

#[test]
fn a_peek_sees_what_a_request_would_and_counts_as_no_use() {
    let store = store(1 << 20);
    let vary = [("Vary", "A")];
    put(&store, "k", &vary, &[("A", "1")], b"one");
    put(&store, "k", &vary, &[("A", "2")], b"two");
    let peek = |value: &str| store.peek(b"k", &headers(&[("A", value)]), NOW, |_| true);
    let (found, all) = peek("1");
    assert!(matches!(found, Found::Stored(one) if Arc::ptr_eq(&one, &all[0])));
    assert_eq!(all.len(), 2);
    assert!(matches!(peek("3"), (Found::Others(_), all) if all.len() == 2));
    assert!(matches!(store.peek(b"x", &Headers::new(), NOW, |_| true), (Found::Nothing, _)));
    store.purge(Scope::All, Mode::Soft).unwrap();
    assert!(matches!(peek("1").0, Found::Stored(one) if !one.terms.is_fresh(NOW)));
    store.purge(Scope::All, Mode::Hard).unwrap();
    assert!(matches!(peek("1"), (Found::Nothing, all) if all.is_empty()));
    assert_eq!(store.numbers().objects, 2, "nothing has gone by being looked at");
    // What is only peeked at leaves as soon as what nobody asks for.
    let store = self::store(1 << 20);
    let body = vec![b'x'; 4096];
    put(&store, "peeked", &[], &[], &body);
    for index in 0..1_000 {
        put(&store, &format!("cold-{index}"), &[], &[], &body);
        let _ = store.peek(b"peeked", &Headers::new(), NOW, |_| true);
    }
    assert!(get(&store, "peeked", &[]).is_none());
}

#[test]
fn memory_is_bounded_and_what_is_asked_for_stays() {
    let store = store(1 << 20);
    let body = vec![b'x'; 4096];
    put(&store, "hot", &[], &[], &body);
    for index in 0..5_000 {
        put(&store, &format!("cold-{index}"), &[], &[], &body);
        assert!(get(&store, "hot", &[]).is_some(), "after {index}");
    }
    let numbers = store.numbers();
    assert!(numbers.bytes <= 1 << 20, "{numbers:?}");
    assert!(numbers.objects > 150 && numbers.evicted > 4_000, "{numbers:?}");
    for index in 0..5_000 {
        store.remove(format!("cold-{index}").as_bytes(), |_| true);
    }
    store.remove(b"hot", |_| true);
    let numbers = store.numbers();
    assert_eq!((numbers.objects, numbers.bytes), (0, 0));
}

#[test]
fn one_key_holds_a_bounded_number_of_variants() {
    let store = store(1 << 24);
    for index in 0..200 {
        let value = index.to_string();
        put(&store, "k", &[("Vary", "A")], &[("A", &value)], b"x");
    }
    assert_eq!(store.numbers().objects, 32);
    assert!(get(&store, "k", &[("A", "199")]).is_some());
}

#[test]
fn purges_by_all_scopes() {
    let store = store(1 << 20);
    let fill = || {
        put(&store, "http://a/x/1", &[("Surrogate-Key", "t1 t2")], &[], b"1");
        put(&store, "http://a/y", &[], &[], b"2");
        put(&store, "https://b/x/1", &[("Cache-Tag", "t2")], &[], b"3");
    };
    let left = || ["http://a/x/1", "http://a/y", "https://b/x/1"].map(|key| is_fresh(&store, key));
    let (fresh, stale) = (Some(true), Some(false));
    for (scope, expected) in [
        (Scope::All, [None, None, None]),
        (Scope::Host(b"A"), [None, None, fresh]),
        (Scope::Host(b"https://b"), [fresh, fresh, None]),
        (Scope::Prefix(b"http://a/x"), [None, fresh, fresh]),
        (Scope::Tag(b"t2"), [None, fresh, None]),
        (Scope::Tag(b"t3"), [fresh, fresh, fresh]),
    ] {
        fill();
        store.purge(scope, Mode::Hard).unwrap();
        assert_eq!(left(), expected, "{scope:?}");
        fill();
        store.purge(scope, Mode::Soft).unwrap();
        assert_eq!(left(), expected.map(|kept| kept.or(stale)), "{scope:?}");
        assert_eq!(left(), expected.map(|kept| kept.or(stale)), "a second time");
    }
    fill();
    assert_eq!(left(), [fresh, fresh, fresh], "what is stored later is not purged");
    assert_eq!(store.purge_uri(b"http://a/y", Mode::Soft, NOW).unwrap(), 1);
    assert_eq!(store.purge_uri(b"https://b/x/1", Mode::Hard, NOW).unwrap(), 1);
    assert_eq!(left(), [fresh, stale, None]);
}

#[test]
fn notes_of_purges_are_bounded() {
    let store = store(1 << 20);
    put(&store, "http://a/old", &[("Cache-Tag", "t7")], &[], b"1");
    put(&store, "http://a/kept", &[], &[], b"1");
    for index in 0..25_000 {
        store.purge(Scope::Tag(format!("t{index}").as_bytes()), Mode::Hard).unwrap();
    }
    assert_eq!(get(&store, "http://a/old", &[]), None);
    assert!(get(&store, "http://a/kept", &[]).is_some());
}
