//! Attacks that broke other servers, each by its name: over HTTP/2, and from HTTP/2 into HTTP/1.1.
//!
//! Each plays the raw frames that fit it, on a process of its own whose peak of memory is recorded,
//! while a neighbour on another connection is served.

use testkit::Weir;

use crate::frames::{echoing, leaks, play_those};

/// The most that an attack may make Weir grow by.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// Plays the cases whose names fit these patterns.
fn attack(patterns: &[&str]) {
    let origin = echoing();
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").status, 200);
    let before = weir.rss_peak_bytes();
    for pattern in patterns {
        let cases = play_those(&weir, &["--only", pattern]);
        assert_eq!(leaks(&cases, &origin), [""; 0], "{pattern}");
        assert_eq!(weir.get("/neighbour").status, 200, "{pattern}");
    }
    let growth = weir.rss_peak_bytes() - before;
    println!("{patterns:?}: grew by {} KiB at the most", growth >> 10);
    assert!(growth < GROWTH_BYTES_MAX, "{patterns:?}: grew by {growth} bytes");
}

#[test]
fn rapid_reset_cve_2023_44487() {
    attack(&["abuse-rapid-reset-*", "abuse-rst-stream-*", "abuse-streams-beyond-the-limit"]);
}

#[test]
fn made_you_reset_cve_2025_8671() {
    attack(&["abuse-made-you-reset-*"]);
}

#[test]
fn continuation_flood_cve_2024_27316_27919_30255() {
    attack(&["abuse-continuation-*"]);
}

#[test]
fn floods_of_2019_cve_2019_9511_to_9518() {
    attack(&["abuse-settings-*", "abuse-ping-*", "abuse-priority-*", "abuse-empty-data-*"]);
}

#[test]
fn small_and_padded_data() {
    attack(&["abuse-data-of-*"]);
}

#[test]
fn unknown_frames_window_updates_and_goaway() {
    attack(&["abuse-unknown-frames*", "abuse-window-updates*", "abuse-goaway"]);
}

#[test]
fn hpack_bomb_and_cookie_crumbs() {
    attack(&["abuse-hpack-bomb-*"]);
}

#[test]
fn header_list_over_the_limit() {
    attack(&["abuse-header-lists-over-the-limit"]);
}

#[test]
fn octets_that_no_field_may_hold() {
    attack(&["8.2.1-*"]);
}

#[test]
fn fields_of_a_connection() {
    attack(&["8.2.2-*"]);
}

#[test]
fn lengths_that_differ_from_the_data() {
    attack(&["8.1.1-length-*"]);
}

#[test]
fn trailers_that_say_what_belongs_to_the_head() {
    attack(&["8.1-trailers-with-*"]);
}

#[test]
fn pseudo_header_injection_cve_2022_45060() {
    attack(&["8.3-pseudo-*", "8.3-method-*", "8.3-scheme-*"]);
}

#[test]
fn targets_that_split_a_request_line() {
    attack(&["8.3-path-*"]);
}

#[test]
fn authorities_that_name_two_hosts() {
    attack(&["8.3*-authority-*"]);
}
