//! What stands in where the origin fails (RFC 9111 §4.2.4, RFC 5861 §4).

use super::Scene;

fn stale(directives: &str) -> String {
    format!("200 | Cache-Control: max-age=60{directives} | Age: 90 | ETag: \"a\"")
}

#[test]
fn rfc5861_s4_stale_is_used_where_the_origin_fails() {
    let scene = Scene::new("cache");
    scene.ask("GET /", &stale(", stale-if-error=60"));
    for status in [500, 502, 503, 504] {
        let outcome = scene.ask("GET /", &status.to_string());
        assert_eq!((outcome.response.status, outcome.response.text().as_str()), (200, "body of /"));
        let told = format!("weir; fwd=stale; fwd-status={status}; ttl=-3");
        assert!(outcome.status().starts_with(&told), "{}", outcome.status());
    }
    assert_eq!(scene.ask("GET /", "404").response.status, 404, "that is an answer");
    scene.ask("GET /long", &stale(", stale-if-error=10"));
    assert_eq!(scene.ask("GET /long", "503").response.status, 503);
    scene.ask("GET /must", &stale(", stale-if-error=60, must-revalidate"));
    assert_eq!(scene.ask("GET /must", "503").response.status, 503);
}

#[test]
fn s5_2_2_2_what_must_be_validated_is_504_without_an_origin() {
    let scene = Scene::new("cache stale-if-error=\"1m\"");
    scene.ask("GET /", &stale(""));
    scene.ask("GET /must", &stale(", must-revalidate"));
    scene.ask("GET /fresh", "200 | Cache-Control: max-age=60, must-revalidate");
    let get = |path: &str| scene.ask(&format!("GET {path}"), "garbage").response.status;
    assert_eq!(get("/other"), 502);
    assert_eq!(get("/"), 200);
    assert_eq!(get("/fresh"), 200);
    assert_eq!(get("/must"), 504);
}
