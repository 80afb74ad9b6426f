//! How long what is stored may be used (RFC 9111 §4.2, §5.2).

use super::{Scene, date};

#[test]
fn s4_2_freshness_and_age() {
    let scene = Scene::new("cache");
    let past = date(-60);
    let cases: Vec<(&str, String, bool)> = vec![
        ("s4_2_1_max_age", "Cache-Control: max-age=60".into(), true),
        ("s4_2_1_max_age_0", "Cache-Control: max-age=0".into(), false),
        ("s4_2_1_quoted", "Cache-Control: max-age=\"60\"".into(), true),
        ("s4_2_1_not_a_number", "Cache-Control: max-age='60'".into(), false),
        ("s4_2_1_negative", "Cache-Control: max-age=-60".into(), false),
        ("s4_2_1_first_of_two", "Cache-Control: max-age=60, max-age=0".into(), true),
        ("s1_2_2_overflow", "Cache-Control: max-age=99999999999".into(), true),
        ("s4_2_1_s_maxage_wins", "Cache-Control: max-age=60, s-maxage=0".into(), false),
        ("s5_3_max_age_over_expires", format!("Cache-Control: max-age=60 | Expires: {past}"), true),
        ("s5_3_expires_past", format!("Expires: {past}"), false),
        ("s5_3_expires_0", "Expires: 0".into(), false),
        ("s5_3_expires_twice", format!("Expires: {0} | Expires: {0}", date(60)), false),
        ("s4_2_3_age", "Cache-Control: max-age=60 | Age: 61".into(), false),
        ("s4_2_3_age_below", "Cache-Control: max-age=60 | Age: 30".into(), true),
        ("s4_2_3_apparent_age", format!("Cache-Control: max-age=30 | Date: {past}"), false),
        ("s5_1_odd_age_is_old", "Cache-Control: max-age=60 | Age: x".into(), false),
        ("rfc9213_cdn", "Cache-Control: no-store | CDN-Cache-Control: max-age=60".into(), true),
        (
            "rfc9213_own",
            "CDN-Cache-Control: max-age=60 | Weir-Cache-Control: no-store".into(),
            false,
        ),
        (
            "rfc9213_s2_2_not_parsed",
            "Cache-Control: max-age=60 | CDN-Cache-Control: max-age=".into(),
            true,
        ),
        (
            "rfc9213_over_expires",
            format!("CDN-Cache-Control: must-revalidate | Expires: {past}"),
            false,
        ),
    ];
    for (index, (name, fields, expected)) in cases.into_iter().enumerate() {
        let request = format!("GET /{index}");
        let answer = format!("200 | {fields}");
        assert_eq!(scene.reuses(&request, &answer, &request), expected, "{name}");
    }
}

#[test]
fn s5_1_age_is_told() {
    let scene = Scene::new("cache");
    scene.ask("GET /", "200 | Cache-Control: max-age=60 | Age: 30");
    let hit = scene.ask("GET /", "200");
    let age: u32 = hit.response.field("Age").unwrap().parse().unwrap();
    assert!((30..40).contains(&age), "{age}");
    assert_eq!(hit.response.head.all("Age").len(), 1);
}

#[test]
fn s5_2_1_directives_of_requests() {
    let scene = Scene::new("cache");
    scene.ask("GET /", "200 | Cache-Control: max-age=60 | Age: 30 | ETag: \"a\"");
    scene.ask("GET /old", "200 | Cache-Control: max-age=60 | Age: 90");
    let ask = |path: &str, directive: &str| {
        scene.ask(&format!("GET {path}\nCache-Control: {directive}"), "500").is_hit()
    };
    assert!(ask("/", "max-age=50"));
    assert!(!ask("/", "max-age=10"));
    assert!(ask("/", "min-fresh=10"));
    assert!(!ask("/", "min-fresh=50"));
    assert!(!ask("/", "no-cache"));
    assert!(ask("/old", "max-stale"));
    assert!(ask("/old", "max-stale=60"));
    assert!(!ask("/old", "max-stale=10"));
    assert!(!scene.ask("GET /\nPragma: no-cache", "500").is_hit());
    let only = scene.ask("GET /none\nCache-Control: only-if-cached", "200");
    assert!(only.is_hit());
    assert_eq!(only.response.status, 504);
    let scene = Scene::new("cache client-directives=#false");
    scene.ask("GET /", "200 | Cache-Control: max-age=60");
    assert!(scene.ask("GET /\nCache-Control: no-cache", "500").is_hit());
}

#[test]
fn rfc5861_s3_stale_is_used_while_it_is_validated() {
    let scene = Scene::new("cache");
    let answer =
        "200 | Cache-Control: max-age=60, stale-while-revalidate=60 | Age: 90 | ETag: \"a\"";
    scene.ask("GET /", answer);
    let renewed = "304 | Cache-Control: max-age=60, stale-while-revalidate=60 | ETag: \"a\"";
    let stale = scene.ask("GET /", renewed);
    assert_eq!((stale.response.status, stale.response.text().as_str()), (200, "body of /"));
    scene.origin.seen().wait_requests(2);
    assert_eq!(scene.origin.seen().last().field("If-None-Match"), Some("\"a\""));
    scene
        .weir
        .wait_metrics(|m| m.sum("weir_cache_refreshes_total", &["result=\"validated\""]) == 1.0);
    let fresh = scene.ask("GET /", "500");
    assert!(fresh.is_hit());
    assert!(fresh.status().contains("hit; ttl=60") || fresh.status().contains("ttl=59"));
    let stale = ["outcome=\"stale\""];
    assert_eq!(scene.weir.metrics().sum("weir_cache_requests_total", &stale), 1.0);
    // The route gives a window to those that name none.
    let scene = Scene::new("cache stale-while-revalidate=\"1m\"");
    scene.ask("GET /", "200 | Cache-Control: max-age=60 | Age: 90");
    assert_eq!(scene.ask("GET /", "200 | body=new").response.text(), "body of /");
    scene.ask("GET /long", "200 | Cache-Control: max-age=60 | Age: 190");
    assert_eq!(scene.ask("GET /long", "200 | body=new").response.text(), "new");
}
