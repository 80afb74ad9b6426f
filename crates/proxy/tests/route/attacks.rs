//! Path tricks that slipped past the routes of other proxies. Route 1 is the guarded one.

use weir_proxy::route::{Router, Slashes, canonical};

use crate::table::{expect_paths, router};

fn guarded() -> Router {
    router(&["a /*", "a /admin/*"])
}

#[test]
fn traefik_cve_2025_32431_dot_segments_past_a_prefix() {
    expect_paths(
        &guarded(),
        &[
            ("/x/../admin", "1"),
            ("/x/./../admin/y", "1"),
            ("/./admin", "1"),
            ("/public/../admin/../admin/users", "1"),
            ("/admin/../x", "0"),
            ("/../admin", "400"),
        ],
    );
}

#[test]
fn traefik_cve_2025_66490_encoded_characters_past_a_prefix() {
    expect_paths(
        &guarded(),
        &[
            ("/%61dmin", "1"),
            ("/%61%64%6D%69%6e/users", "1"),
            ("/x/%2e%2e/admin", "1"),
            ("/x/%2E./admin", "1"),
            ("/admin%00", "400"),
            ("/admin%2fusers", "400 ambiguous"),
            ("/admin%5cusers", "400 ambiguous"),
            ("/admin\\users", "400 ambiguous"),
            ("/%2fadmin/users", "400 ambiguous"),
            ("/admin/a%2fb", "1"),
            ("/x/a%2fb", "0"),
            ("/admin#/x", "400"),
        ],
    );
}

#[test]
fn traefik_cve_2025_66491_repeated_slashes_past_a_prefix() {
    expect_paths(
        &guarded(),
        &[("//admin", "1"), ("///admin//users", "1"), ("/x//../admin", "1"), ("/.//admin", "1")],
    );
}

#[test]
fn envoy_cve_2021_29492_escaped_slashes_with_dot_segments() {
    expect_paths(
        &guarded(),
        &[
            ("/x%2f..%2fadmin", "400"),
            ("/x%2F..%2Fadmin/users", "400"),
            ("/x%2f%2e%2e%2fadmin", "400"),
            ("/x%5c..%5cadmin", "400"),
            ("/x\\..\\admin", "400"),
            ("/x%2f../admin", "400"),
            ("/admin%2f..", "400"),
            ("/admin/..%2fx", "400"),
        ],
    );
}

#[test]
fn path_parameters_hide_no_dot_segment() {
    expect_paths(&guarded(), &[("/x/..;/admin", "400"), ("/x/.;a=b/admin", "400")]);
}

#[test]
fn double_encoding_is_decoded_once() {
    expect_paths(&guarded(), &[("/x/%252e%252e/admin", "0"), ("/%2561dmin", "0")]);
}

#[test]
fn truncated_and_overlong_escapes_are_refused_or_left_alone() {
    expect_paths(
        &guarded(),
        &[("/admin%", "400"), ("/admin%2", "400"), ("/%zz", "400"), ("/%c0%ae%c0%ae/admin", "0")],
    );
}

#[test]
fn a_pattern_that_names_the_escape_says_what_it_means() {
    let router = router(&["a /*", "a /admin/*", "a ~^/p/([^/]|%2F)+$", "a =/admin%2fopen"]);
    expect_paths(
        &router,
        &[("/p/group%2fname", "2"), ("/admin%2fopen", "3"), ("/admin%2fshut", "400 ambiguous")],
    );
}

/// An origin that resolves nothing gets the path we matched, so that both name the same thing;
/// one whose meaning cannot change stays as the client signed it.
#[test]
fn what_was_matched_is_what_the_origin_gets() {
    let mut scratch = Vec::new();
    for (raw, rewrites) in [
        ("/x/../admin", true),
        ("//admin", true),
        ("/x/%2e%2e/admin", true),
        ("/%61dmin", false),
        ("/a%2fb", false),
        ("/a/b", false),
    ] {
        let form = canonical(raw.as_bytes(), Slashes::Merge, &mut scratch).unwrap();
        assert_eq!(form.needs_rewrite(), rewrites, "{raw}");
    }
}
