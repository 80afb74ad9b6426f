//! What is stored (RFC 9111 §3).

use super::Scene;

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
