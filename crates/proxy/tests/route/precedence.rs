//! The most specific route wins, and the order in the file never matters.

use weir_proxy::route::{CompileFault, RouteIndex, Router, Slashes};

use crate::table::{ask, ask_all, compiled, expect_paths, head, router, spec};

#[test]
fn exact_host_then_longest_wildcard_then_any() {
    let router = router(&["* /*", "*.example.com /*", "*.b.example.com /*", "example.com /*"]);
    for (host, route) in [
        ("example.com", "3"),
        ("EXAMPLE.COM:8080", "3"),
        ("example.com.", "3"),
        ("example.com.:80", "3"),
        ("a.example.com", "1"),
        ("b.example.com", "1"),
        ("a.b.example.com:1", "2"),
        ("x.y.b.example.com", "2"),
        ("other.org", "0"),
        ("[::1]:80", "0"),
    ] {
        assert_eq!(ask(&router, &format!("GET {host} /")), route, "{host}");
    }
}

#[test]
fn sites_do_not_fall_through() {
    let router = router(&["* /*", "a /x/*", "*.b /y/*"]);
    assert_eq!(ask(&router, "GET a /x/1"), "1");
    assert_eq!(ask(&router, "GET a /y/1"), "404");
    assert_eq!(ask(&router, "GET c.b /x/1"), "404");
    assert_eq!(ask(&router, "GET c /x/1"), "0");
}

#[test]
fn a_host_nobody_serves() {
    let router = router(&["a /*", "*.b /*"]);
    assert_eq!(ask(&router, "GET b /"), "421");
    assert_eq!(ask(&router, "GET  /"), "421");
    assert_eq!(ask(&self::router(&[]), "GET a /"), "421");
}

#[test]
fn exact_path_then_longest_prefix() {
    let router = router(&["a /*", "a /api/*", "a /api/v1/*", "a =/api", "a =/", "a =/api/v1/"]);
    expect_paths(
        &router,
        &[
            ("/", "4"),
            ("/api", "3"),
            ("/api/", "1"),
            ("/api/x", "1"),
            ("/apix", "0"),
            ("/api/v1", "2"),
            ("/api/v1/", "5"),
            ("/api/v1/x/y", "2"),
            ("/API", "0"),
        ],
    );
}

#[test]
fn a_prefix_ends_at_a_segment() {
    let router = router(&["a /api/*"]);
    expect_paths(&router, &[("/api", "0"), ("/api/", "0"), ("/api/x", "0"), ("/apix", "404")]);
}

#[test]
fn expressions_come_between_their_directory_and_its_prefix() {
    let router = router(&[
        "a /*",
        r"a ~\.php$",
        "a /static/*",
        "a ~^/u/(?<id>[0-9]+)$",
        "a ~^/api/v[0-9]+/health$",
        "a /api/*",
        "a =/index.php",
    ]);
    expect_paths(
        &router,
        &[
            ("/x", "0"),
            ("/a.php", "1"),
            ("/static/a.php", "2"),
            ("/u/12", "3"),
            ("/u/x", "0"),
            ("/u/x.php", "1"),
            ("/api/v1/health", "4"),
            ("/api/v1/users.php", "5"),
            ("/index.php", "6"),
        ],
    );
}

#[test]
fn expressions_of_one_directory_by_literal_then_length_then_text() {
    let router = router(&["a ~^/x/.", "a ~^/x/a", "a ~^/x/...", "a ~^/x/[b]..", "a ~^/x/[c].."]);
    let answers = [("/x/abc", "1"), ("/x/d", "0"), ("/x/def", "2"), ("/x/bcd", "2")];
    expect_paths(&router, &answers[..3]);
    // `...` sorts before `[b]..`: same literal, same length, so the text decides.
    assert_eq!(ask(&router, "GET a /x/bcd"), "3");
}

#[test]
fn routes_with_the_same_hosts_share_their_site() {
    let mut specs = [spec("a /*"), spec("a /x/*")];
    for spec in &mut specs {
        spec.hosts.extend([self::spec("*.b /").hosts[0].clone(), spec.hosts[0].clone()]);
    }
    let router = compiled(&specs);
    assert_eq!(ask(&router, "GET a /x"), "1");
    assert_eq!(ask(&router, "GET c.b /x"), "1");
    assert_eq!(ask(&router, "GET c.b /y"), "0");
}

#[test]
fn captures_are_ranges_of_the_canonical_path() {
    let specs =
        [spec("a /old/*"), spec("a =/one"), spec("a ~^/u/(?<id>[0-9]+)(/x)?"), spec("a /*")];
    let router = compiled(&specs);
    let id = specs[2].path.group("id").unwrap();
    for (path, rest, group) in [
        ("/old/a/b", "a/b", None),
        ("/old/%61", "a", None),
        ("/old/", "", None),
        ("/old", "", None),
        ("/one", "", None),
        ("/u/12/x/y", "/y", Some("12")),
        ("/u/7", "", Some("7")),
        ("/else/x", "else/x", None),
        ("/", "", None),
    ] {
        let head = head(&format!("GET a {path}"));
        let (_, captures) = ask_all(&router, &head, "192.0.2.1");
        let canonical = path.replace("%61", "a");
        assert_eq!(&canonical[captures.rest()], rest, "{path}");
        assert_eq!(captures.group(id).map(|range| &canonical[range]), group, "{path}");
        assert_eq!(captures.group(9), None);
    }
}

#[test]
fn duplicates_and_bad_patterns_do_not_compile() {
    let compile = |routes: &[&str]| {
        let specs: Vec<_> = routes.iter().map(|text| spec(text)).collect();
        Router::compile(&specs, Slashes::Merge)
    };
    let twice = compile(&["a /x/*", "b /*", "A. /%78/* GET", "a /x/ GET"]);
    assert!(matches!(twice, Err(CompileFault::Duplicate(RouteIndex(2), RouteIndex(3)))));
    assert!(matches!(compile(&["a =x"]), Err(CompileFault::Path(RouteIndex(0), _))));
    assert!(matches!(compile(&["a /", "a ~("]), Err(CompileFault::Regex(RouteIndex(1), _))));
    let deep = format!("a {}/*", "/x".repeat(64));
    assert!(matches!(compile(&[&deep]), Err(CompileFault::TooDeep(RouteIndex(0)))));
    assert!(compile(&[&deep[..deep.len() - 4]]).is_ok());
    assert!(compile(&["a /x/*", "b /x/*"]).is_ok());
}
