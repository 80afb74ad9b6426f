//! Encoders against decoders, for every coding, level and split.

use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;

fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        Coding::Zstd => {
            plain = zstd::decode_all(coded).unwrap();
        }
        Coding::Brotli => {
            brotli::BrotliDecompress(&mut &*coded, &mut plain).unwrap();
        }
        Coding::Gzip => {
            flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).unwrap();
        }
    }
    plain
}

/// What can be read of coded content that has not ended.
fn decode_part(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        Coding::Zstd => {
            let mut decoder = zstd::stream::write::Decoder::new(&mut plain).unwrap();
            decoder.write_all(coded).unwrap();
            decoder.flush().unwrap();
        }
        Coding::Brotli => {
            // It fails where the input ends, after all that is in it.
            let mut decoder = brotli::Decompressor::new(coded, 4096);
            decoder.read_to_end(&mut plain).unwrap_err();
        }
        Coding::Gzip => {
            let mut decoder = flate2::write::GzDecoder::new(&mut plain);
            decoder.write_all(coded).unwrap();
            decoder.flush().unwrap();
        }
    }
    plain
}

fn codings() -> impl Iterator<Item = (Coding, u8)> {
    let zstd = (1..=12).map(|level| (Coding::Zstd, level));
    let brotli = (2..=6).map(|level| (Coding::Brotli, level));
    zstd.chain(brotli).chain((1..=9).map(|level| (Coding::Gzip, level)))
}

/// Text that compresses as text does.
fn text(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut text = Vec::new();
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let word =
            ["the ", "river ", "<b>", "</b> ", "weir, ", "flows "][(state >> 40) as usize % 6];
        text.extend_from_slice(word.as_bytes());
        text.extend_from_slice(&(state >> 50).to_string().into_bytes());
    }
    text.truncate(bytes);
    text
}

#[test]
fn every_level_and_window_gives_the_content_back() {
    for length in [0, 1, 100, 70_000, 300_000] {
        let content = text(length);
        for (coding, level) in codings() {
            for window in [window_log(Some(length as u64), false), WINDOW_LOG_MAX] {
                let mut encoder = Encoder::new(coding, level, window).unwrap();
                let mut out = Vec::new();
                for part in content.chunks(16 << 10) {
                    encoder.push(part, &mut out).unwrap();
                }
                encoder.finish(&mut out).unwrap();
                assert!(decode(coding, &out) == content, "{coding:?} {level} {window} {length}");
                assert!(length < 1000 || out.len() < length * 3 / 4, "{coding:?} {level}");
            }
        }
    }
}

#[test]
fn zstd_stays_within_what_it_is_charged() {
    let content = text(1 << 20);
    for level in 1..=12 {
        for window in WINDOW_LOG_MIN..=WINDOW_LOG_MAX {
            // A new one, since a kept one may have been larger.
            ZSTD.with_borrow_mut(Vec::clear);
            let mut kept = zstd(level, window).unwrap();
            let mut out = Vec::new();
            run_zstd(kept.get().unwrap(), Step::Process, &content, &mut out).unwrap();
            let used = kept.get().unwrap().sizeof();
            assert!(used <= zstd_bytes(window), "level {level}, window {window}: {used}");
        }
    }
}

#[test]
fn windows_follow_the_length() {
    assert_eq!(window_log(None, false), 18);
    assert_eq!(window_log(Some(0), false), 10);
    assert_eq!(window_log(Some(1 << 12), false), 12);
    assert_eq!(window_log(Some((1 << 12) + 1), false), 13);
    assert_eq!(window_log(Some(u64::MAX), false), 18);
    assert_eq!(window_log(Some(1), true), 15);
}

#[test]
fn a_worker_keeps_a_few_encoders() {
    let some: Vec<_> = (0..10).map(|_| Encoder::new(Coding::Gzip, 5, 15).unwrap()).collect();
    drop(some);
    assert_eq!(GZIP.with_borrow(Vec::len), KEPT_MAX);
}

#[test]
fn an_encoder_that_was_left_in_the_middle_begins_anew() {
    for (coding, level) in codings() {
        let mut left = Encoder::new(coding, level, 15).unwrap();
        left.push(&text(50_000), &mut Vec::new()).unwrap();
        drop(left);
        let mut next = Encoder::new(coding, level, 15).unwrap();
        let mut out = Vec::new();
        next.push(b"next", &mut out).unwrap();
        next.finish(&mut out).unwrap();
        assert_eq!(decode(coding, &out), b"next", "{coding:?} {level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is pushed, in whatever parts, with whatever flushes between: after each flush all
    /// of it can be read, and at the end it is whole.
    #[test]
    fn any_split_gives_the_content_back(
        parts in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..600), 1_usize..200, any::<bool>()),
            0..6,
        ),
        at in 0_usize..26,
    ) {
        let (coding, level) = codings().nth(at).unwrap();
        let mut encoder = Encoder::new(coding, level, 15).unwrap();
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        for (part, times, flushes) in parts {
            let part = part.repeat(times);
            encoder.push(&part, &mut out).unwrap();
            plain.extend(part);
            if flushes {
                encoder.flush(&mut out).unwrap();
                prop_assert!(decode_part(coding, &out) == plain);
            }
        }
        encoder.finish(&mut out).unwrap();
        prop_assert!(decode(coding, &out) == plain);
    }
}
