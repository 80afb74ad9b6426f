//! What is stored (RFC 9111 §3).

use super::{Scene, date};

#[test]
fn s3_what_may_and_may_not_be_stored() {
    let scene = Scene::new("cache");
    let modified = format!("Last-Modified: {}", date(-100_000));
    let heuristic = |status: u16| format!("{status} | {modified}");
    let fresh = |directives: &str| format!("200 | Cache-Control: max-age=60{directives}");
    let cases: Vec<(&str, &str, String, bool)> = vec![
        ("s3_explicit", "GET", fresh(""), true),
        ("s3_no_freshness_no_validator", "GET", "200".into(), false),
        ("s3_expires", "GET", format!("200 | Expires: {}", date(60)), true),
        ("s5_2_2_5_no_store", "GET", fresh(", no-store"), false),
        ("s5_2_2_5_no_store_in_any_case", "GET", fresh(", NO-store"), false),
        ("s5_2_2_7_private", "GET", fresh(", private"), false),
        ("s5_2_2_7_private_fields", "GET", fresh(", private=\"x\""), true),
        ("s5_2_2_4_no_cache", "GET", fresh(", no-cache"), false),
        ("s5_2_2_4_no_cache_fields", "GET", fresh(", no-cache=\"x\""), true),
        ("s5_2_2_3_must_understand", "GET", fresh(", no-store, must-understand"), true),
        ("s3_heuristic_200", "GET", heuristic(200), true),
        ("s3_heuristic_404", "GET", heuristic(404), true),
        ("s3_heuristic_410", "GET", heuristic(410), true),
        ("s3_heuristic_201", "GET", heuristic(201), false),
        ("s3_heuristic_403", "GET", heuristic(403), false),
        ("s3_heuristic_503", "GET", heuristic(503), false),
        ("s3_public_599", "GET", format!("{} | Cache-Control: public", heuristic(599)), true),
        ("s3_explicit_503", "GET", "503 | Cache-Control: max-age=60".into(), true),
        ("s4_1_vary_star", "GET", format!("{} | Vary: *", fresh("")), false),
        ("s7_3_set_cookie_explicit", "GET", format!("{} | Set-Cookie: a=b", fresh("")), true),
        ("s7_3_set_cookie_guessed", "GET", format!("{} | Set-Cookie: a=b", heuristic(200)), false),
    ];
    for (index, (name, method, answer, expected)) in cases.into_iter().enumerate() {
        let request = format!("{method} /{index}");
        assert_eq!(scene.reuses(&request, &answer, &format!("GET /{index}")), expected, "{name}");
    }
}

#[test]
fn s3_5_credentials_need_permission() {
    let scene = Scene::new("cache");
    let ask = |path: &str, directives: &str| {
        let request = format!("GET /{path}\nAuthorization: Basic eA==");
        let answer = format!("200 | Cache-Control: max-age=60{directives}");
        scene.reuses(&request, &answer, &format!("GET /{path}"))
    };
    assert!(!ask("none", ""));
    assert!(ask("public", ", public"));
    assert!(ask("must", ", must-revalidate"));
    assert!(ask("shared", ", s-maxage=60"));
}

#[test]
fn s3_1_fields_of_one_connection_are_not_kept() {
    let scene = Scene::new("cache");
    let answer = "200 | Cache-Control: max-age=60, no-cache=\"A\" | Connection: b | A: 1 | B: 2 | \
                  C: 3 | Proxy-Authentication-Info: x | Keep-Alive: x";
    let first = scene.ask("GET /", answer).response;
    assert_eq!(first.field("C"), Some("3"));
    let kept = scene.ask("GET /", "200");
    assert!(kept.is_hit());
    for gone in ["A", "B", "Proxy-Authentication-Info", "Keep-Alive"] {
        assert_eq!(kept.response.field(gone), None, "{gone}");
    }
    assert_eq!(kept.response.field("C"), Some("3"));
    assert_eq!(kept.response.text(), "body of /");
}

#[test]
fn s5_2_1_5_a_request_may_forbid_storing() {
    let scene = Scene::new("cache");
    let request = "GET /\nCache-Control: no-store";
    assert!(!scene.reuses(request, "200 | Cache-Control: max-age=60", "GET /"));
}

#[test]
fn s4_4_changes_make_what_they_name_invalid() {
    let scene = Scene::new("cache");
    let keep =
        |path: &str| drop(scene.ask(&format!("GET {path}"), "200 | Cache-Control: max-age=60"));
    let is_kept = |path: &str| scene.ask(&format!("GET {path}"), "404").is_hit();
    for method in ["POST", "PUT", "DELETE", "M-SEARCH"] {
        let at = |path: &str| format!("/{method}/{path}");
        for path in ["x", "failed", "named", "placed", "other"] {
            keep(&at(path));
        }
        let named =
            format!("201 | Location: http://A.test{} | Content-Location: placed", at("named"));
        scene.ask(&format!("{method} {}", at("x")), &named);
        scene.ask(&format!("{method} {}", at("failed")), "500");
        let elsewhere = format!("200 | Location: http://b.test{}", at("other"));
        scene.ask(&format!("{method} /{method}/y"), &elsewhere);
        let kept = ["x", "failed", "named", "placed", "other"].map(|path| is_kept(&at(path)));
        assert_eq!(kept, [false, true, false, false, true], "{method}");
    }
    let metrics = scene.weir.metrics();
    assert_eq!(metrics.sum("weir_cache_invalidations_total", &[]), 12.0);
    assert!(metrics.sum("weir_cache_forwards_total", &["reason=\"method\""]) >= 12.0);
}

#[test]
fn rfc9110_s9_3_3_a_post_may_answer_a_later_get() {
    let scene = Scene::new("cache");
    let answer = "200 | Cache-Control: max-age=60 | Content-Location: /own";
    assert!(scene.reuses("POST /own", answer, "GET /own"));
    let answer = "200 | Cache-Control: max-age=60 | Content-Location: /other";
    assert!(!scene.reuses("POST /a", answer, "GET /a"));
    assert!(!scene.reuses("POST /b", "200 | Cache-Control: max-age=60", "GET /b"));
}

#[test]
fn lifetimes_that_the_operator_gives() {
    let scene = Scene::new("cache ttl=\"1h\" error-ttl=\"1m\"");
    assert!(scene.reuses("GET /1", "200", "GET /1"));
    assert!(scene.reuses("GET /2", "404", "GET /2"));
    assert!(!scene.reuses("GET /3", "200 | Cache-Control: max-age=0", "GET /3"));
    assert!(!scene.reuses("GET /4", "200 | Cache-Control: private", "GET /4"));
    let scene = Scene::new("cache override-ttl=\"1h\"");
    assert!(scene.reuses("GET /1", "200 | Cache-Control: max-age=0", "GET /1"));
    assert!(!scene.reuses("GET /2", "200 | Cache-Control: no-store", "GET /2"));
}

#[test]
fn what_is_too_long_is_passed_on_and_not_kept() {
    let scene = Scene::with(
        testkit::Setup::new().global("cache { object-bytes-max \"10B\"; }").route("cache"),
    );
    let long = "200 | Cache-Control: max-age=60 | body=0123456789x";
    let first = scene.ask("GET /", long);
    assert_eq!(first.response.text(), "0123456789x");
    assert!(first.status().contains("detail=too-large"), "{}", first.status());
    assert!(!scene.ask("GET /", long).is_hit());
    assert!(scene.reuses("GET /2", "200 | Cache-Control: max-age=60 | body=0123456789", "GET /2"));
}
