//! What holds for all paths and all routes.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use weir_proxy::route::{PathFault, RouteSpec, Router, Slashes, canonical};

use crate::reference::{self, Request};
use crate::table::{ask, spec};

/// Paths made of the pieces that matter, so that they often collide.
fn raw_path() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "/", "/", "/", "a", "b", "admin", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", ";",
        "%61", "%41", "%25", "%", "%7", "%00", "%c3%a9", "\u{e9}", "~", "%7E", "=", " ", "#", ":",
    ]);
    prop::collection::vec(pieces, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn form(raw: &[u8], slashes: Slashes) -> Result<(Vec<u8>, bool), PathFault> {
    let mut scratch = Vec::new();
    canonical(raw, slashes, &mut scratch).map(|form| (form.path.to_vec(), form.needs_rewrite()))
}

fn contains(path: &[u8], part: &[u8]) -> bool {
    path.windows(part.len()).any(|window| window == part)
}

fn slashes() -> impl Strategy<Value = Slashes> {
    select(vec![Slashes::Merge, Slashes::Keep])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_canonical_form_is_its_own(raw in raw_path(), slashes in slashes()) {
        if let Ok((path, _)) = form(raw.as_bytes(), slashes) {
            prop_assert_eq!(form(&path, slashes), Ok((path, false)));
        }
    }

    #[test]
    fn the_canonical_form_has_no_dot_segments(raw in raw_path(), slashes in slashes()) {
        if let Ok((path, _)) = form(raw.as_bytes(), slashes) {
            prop_assert!(path.starts_with(b"/"));
            prop_assert!(path.iter().all(u8::is_ascii_graphic));
            let closed = [&path[..], b"/"].concat();
            prop_assert!(!contains(&closed, b"/../") && !contains(&closed, b"/./"));
            prop_assert!(slashes == Slashes::Keep || !contains(&path, b"//"));
        }
    }

    #[test]
    fn the_case_of_escapes_is_nothing(raw in raw_path(), slashes in slashes()) {
        let respelled: String = raw
            .char_indices()
            .map(|(at, byte)| match raw[..at].ends_with('%') || is_second_digit(&raw, at) {
                true => byte.to_ascii_uppercase(),
                false => byte,
            })
            .collect();
        prop_assert_eq!(form(raw.as_bytes(), slashes), form(respelled.as_bytes(), slashes));
    }

    #[test]
    fn escaping_letters_is_nothing(raw in raw_path(), slashes in slashes(), at: Index) {
        let at = at.index(raw.len());
        if raw.as_bytes()[at].is_ascii_alphabetic() && !raw[..at].ends_with('%')
            && !is_second_digit(&raw, at)
        {
            let escaped = format!("{}%{:02x}{}", &raw[..at], raw.as_bytes()[at], &raw[at + 1..]);
            prop_assert_eq!(form(raw.as_bytes(), slashes), form(escaped.as_bytes(), slashes));
        }
    }

    /// What is not rewritten means the same to an origin that decodes and resolves by itself.
    #[test]
    fn an_origin_that_resolves_agrees(raw in raw_path()) {
        if let Ok((path, false)) = form(raw.as_bytes(), Slashes::Merge) {
            prop_assert_eq!(as_file_server(raw.as_bytes()), as_file_server(&path));
            prop_assert!(!contains(&as_file_server(raw.as_bytes()), b"/../"));
        }
    }

    #[test]
    fn any_bytes_are_answered(raw in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = form(&raw, Slashes::Merge);
    }
}

fn is_second_digit(raw: &str, at: usize) -> bool {
    raw.get(..at.saturating_sub(1)).is_some_and(|before| before.ends_with('%'))
}

/// Decodes everything once, and takes backslashes for slashes: the most generous reading.
fn as_file_server(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let octet = digits.filter(|_| byte == b'%').and_then(|d| u8::from_str_radix(d, 16).ok());
        rest = if octet.is_some() { &tail[2..] } else { tail };
        out.push(match octet.unwrap_or(byte) {
            b'\\' => b'/',
            other => other,
        });
    }
    out
}

fn specs() -> impl Strategy<Value = Vec<RouteSpec>> {
    let hosts = select(vec!["a", "b.a", "*.a", "*.b.a", "*"]);
    let paths = select(vec![
        "/*",
        "/x/*",
        "/x/y/*",
        "/x/y/z/*",
        "=/",
        "=/x",
        "=/x/",
        "=/x/y",
        "~^/x/[a-z]$",
        "~y",
        "~^/x/y/(z|q)",
        "~z$",
        "~^/x/.",
        "~^/[a-z]$",
    ]);
    let methods = select(vec!["", " GET", " POST", " GET,POST", " PUT"]);
    let route =
        (hosts, paths, methods).prop_map(|(host, path, names)| format!("{host} {path}{names}"));
    prop::collection::hash_set(route, 0..24)
        .prop_map(|routes| routes.iter().map(|route| spec(route)).collect())
}

fn request() -> impl Strategy<Value = (String, String, &'static str)> {
    let hosts = select(vec!["a", "b.a", "c.a", "c.b.a", "d.c.b.a", "z"]).prop_map(str::to_owned);
    let segments = select(vec!["x", "y", "z", "q", "xy", ""]);
    let paths = prop::collection::vec(segments, 0..5).prop_map(|segments| {
        let joined: String = segments
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| format!("/{part}"))
            .collect();
        let slash = segments.last().is_none_or(|last| last.is_empty());
        joined + if slash { "/" } else { "" }
    });
    (hosts, paths, select(vec!["GET", "HEAD", "POST", "PUT", "DELETE"]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_compiled_router_answers_as_the_naive_one(
        specs in specs(),
        requests in prop::collection::vec(request(), 1..12),
    ) {
        let router = Router::compile(&specs, Slashes::Merge).unwrap();
        for (host, path, method) in requests {
            let naive = Request { host: &host, path: &path, method };
            let expected = reference::answer(&specs, &naive);
            let found = ask(&router, &format!("{method} {host} {path}"));
            prop_assert_eq!(found, expected, "{} {} {} of {:#?}", method, host, path, specs);
        }
    }

    /// Shuffled routes give the same answers under new numbers.
    #[test]
    fn order_never_matters(specs in specs(), request in request(), seed: u64) {
        let mut order: Vec<usize> = (0..specs.len()).collect();
        order.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let shuffled: Vec<RouteSpec> = order.iter().map(|at| specs[*at].clone()).collect();
        let (host, path, method) = request;
        let request = format!("{method} {host} {path}");
        let before = ask(&Router::compile(&specs, Slashes::Merge).unwrap(), &request);
        let after = ask(&Router::compile(&shuffled, Slashes::Merge).unwrap(), &request);
        let renumbered = match after.parse::<usize>() {
            Ok(number) if !["404", "421"].contains(&after.as_str()) => order[number].to_string(),
            _ => after,
        };
        prop_assert_eq!(before, renumbered);
    }
}
