//! Tests of the lanes: what is counted, what is sampled, how they add up.

use super::*;

const HIT: Seen = Seen { is_hit: true, bytes: 100 };
const MISS: Seen = Seen { is_hit: false, bytes: 0 };

#[test]
fn lanes_add_up_and_the_most_asked_for_is_first() {
    let top = Top::default();
    top.note(0, b"a", MISS);
    top.note(1, b"b", MISS);
    (0..5).for_each(|_| top.note(1, b"a", HIT));
    (0..2).for_each(|_| top.note(LANES, b"b", HIT));
    let listed = top.list(10);
    let shown: Vec<_> =
        listed.iter().map(|one| (one.key.as_slice(), one.hits, one.misses, one.bytes)).collect();
    assert_eq!(shown, [(b"a".as_slice(), 5, 1, 500), (b"b".as_slice(), 2, 1, 200)]);
    assert!(listed.iter().all(|one| one.unseen_max == 0 && !one.is_cut));
    assert_eq!(top.list(1).len(), 1);
}

#[test]
fn a_hot_key_is_first_among_many_cold_ones() {
    let top = Top::default();
    for number in 0..50_000_u32 {
        top.note(number as usize % 3, format!("cold {number}").as_bytes(), MISS);
        if number % 10 == 0 {
            // Not in step with the workers or the sampling.
            top.note((number / 10) as usize % 3, b"hot", HIT);
        }
    }
    let first = &top.list(1)[0];
    assert_eq!(first.key, b"hot");
    let most = first.hits + first.unseen_max;
    assert!((4_000..=6_500).contains(&most), "5,000 times: {first:?}");
    assert_eq!(first.misses, 0);
}

#[test]
fn what_a_full_lane_does_not_have_may_be_unseen_there() {
    let top = Top::default();
    for round in 0..2 {
        for number in 0..sketch::KEYS_MAX + round {
            top.note(0, format!("{number}").as_bytes(), HIT);
        }
    }
    top.note(1, b"other", HIT);
    let other = top.list(usize::MAX).into_iter().find(|one| one.key == b"other").unwrap();
    assert!((1..=3).contains(&other.unseen_max), "{other:?}");
}

#[test]
fn later_requests_are_sampled_and_old_ones_fade() {
    let top = Top::default();
    (0..4 * FADES_AT).for_each(|_| top.note(0, b"a", HIT));
    let one = &top.list(1)[0];
    assert!((FADES_AT / 2..=FADES_AT + 16).contains(&one.hits), "{one:?}");
    let lane = top.lanes[0].get().unwrap();
    let total = lane.counted.lock().unwrap().sketch.total();
    assert_eq!(total, one.hits);
}

#[test]
fn nobody_waits_for_a_reader() {
    let top = Top::default();
    top.note(0, b"a", HIT);
    let reader = top.lanes[0].get().unwrap().counted.lock().unwrap();
    top.note(0, b"a", HIT);
    drop(reader);
    assert_eq!(top.list(1)[0].hits, 1);
}
