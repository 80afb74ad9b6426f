//! Validation and conditional requests (RFC 9111 §4.3, RFC 9110 §13).

use super::{Scene, date};

#[test]
fn s4_3_1_what_is_stale_is_validated_by_its_own_validators() {
    let scene = Scene::new("cache");
    let modified = date(-5000);
    let first =
        format!("200 | Cache-Control: max-age=0 | ETag: \"a\" | Last-Modified: {modified} | A: 1");
    scene.ask("GET /", &first);
    let request = "GET /\nIf-None-Match: \"other\"";
    let validated = scene.ask(request, "304 | ETag: \"a\" | A: 2 | Content-Encoding: x");
    assert_eq!(validated.asked("If-None-Match"), Some("\"a\""));
    assert_eq!(validated.asked("If-Modified-Since"), Some(modified.as_str()));
    assert_eq!(validated.response.status, 200);
    assert_eq!(validated.response.text(), "body of /");
    assert_eq!(validated.response.field("A"), Some("2"), "§3.2: fields are brought up to date");
    assert_eq!(validated.response.field("Content-Encoding"), None, "§3.2: but not this one");
    assert!(validated.status().contains("fwd=stale; fwd-status=304"), "{}", validated.status());
    let own = scene.ask("GET /\nIf-None-Match: \"a\"", "304 | ETag: \"a\"");
    assert_eq!((own.response.status, own.response.text().as_str()), (304, ""));
    let new = scene.ask("GET /", "200 | Cache-Control: max-age=60 | body=new");
    assert_eq!(new.response.text(), "new");
    assert_eq!(scene.ask("GET /", "500").response.text(), "new");
}

#[test]
fn s4_3_2_conditions_are_answered_from_what_is_fresh() {
    let scene = Scene::new("cache");
    let modified = date(-5000);
    let answer = format!(
        "200 | Cache-Control: max-age=60 | ETag: W/\"a\" | Last-Modified: {modified} | \
         Content-Type: text/plain | Vary: X"
    );
    scene.ask("GET /", &answer);
    let ask = |fields: &str| {
        let outcome = scene.ask(&format!("GET /\n{fields}"), "500");
        assert!(outcome.is_hit(), "{fields}");
        outcome.response
    };
    let unchanged = ask("If-None-Match: \"x\", \"a\"");
    assert_eq!((unchanged.status, unchanged.field("ETag")), (304, Some("W/\"a\"")));
    assert_eq!((unchanged.field("Vary"), unchanged.field("Content-Type")), (Some("X"), None));
    assert_eq!(ask("If-None-Match: *").status, 304);
    assert_eq!(ask(&format!("If-Modified-Since: {modified}")).status, 304);
    assert_eq!(ask(&format!("If-Modified-Since: {}", date(-6000))).status, 200);
    let both = format!("If-None-Match: \"x\"\nIf-Modified-Since: {modified}");
    assert_eq!(ask(&both).status, 200, "tags go before dates");
    let strict = scene.ask("GET /\nIf-Match: \"x\"", "412");
    assert_eq!((strict.is_hit(), strict.response.status), (false, 412), "only the origin judges");
}

#[test]
fn s4_3_2_conditions_of_a_miss_are_answered_by_what_comes() {
    let scene = Scene::new("cache");
    let miss =
        scene.ask("GET /\nIf-None-Match: \"a\"", "200 | Cache-Control: max-age=60 | ETag: \"a\"");
    assert_eq!(miss.asked("If-None-Match"), None, "all of it is wanted");
    assert_eq!((miss.response.status, miss.response.text().as_str()), (304, ""));
    assert_eq!(scene.ask("GET /", "500").response.text(), "body of /");
}

#[test]
fn conditions_for_what_is_not_kept_reach_the_origin() {
    let scene = Scene::new("cache");
    scene.ask("GET /", "200 | Cache-Control: private | ETag: \"a\"");
    let validated = scene.ask("GET /\nIf-None-Match: \"a\"", "304 | ETag: \"a\"");
    assert_eq!(validated.asked("If-None-Match"), Some("\"a\""));
    assert_eq!((validated.response.status, validated.response.text().as_str()), (304, ""));
    assert!(validated.status().contains("fwd=uri-miss; detail=status"), "{}", validated.status());
    let kept = scene.ask("GET /\nIf-None-Match: \"a\"", "200 | Cache-Control: max-age=60");
    assert_eq!(kept.response.status, 200);
    assert!(scene.ask("GET /", "500").is_hit());
}

#[test]
fn s4_3_5_an_answer_to_head_updates_or_invalidates() {
    let scene = Scene::new("cache");
    let answer = "200 | Cache-Control: max-age=60 | ETag: \"a\"";
    scene.ask("GET /", answer);
    let head = scene.ask("HEAD /", "500");
    assert!(head.is_hit() && head.response.body.is_empty());
    assert_eq!(head.response.field("Content-Length"), Some("9"));
    scene.ask("GET /old", "200 | Cache-Control: max-age=0 | ETag: \"a\" | A: 1 | body=123");
    scene.ask("HEAD /old", "200 | Cache-Control: max-age=60 | ETag: \"a\" | A: 2 | body=123");
    let updated = scene.ask("GET /old", "500");
    assert!(updated.is_hit());
    assert_eq!((updated.response.field("A"), updated.response.text().as_str()), (Some("2"), "123"));
    scene.ask("GET /new", "200 | Cache-Control: max-age=0 | ETag: \"a\"");
    scene.ask("HEAD /new", "200 | Cache-Control: max-age=60 | ETag: \"b\"");
    assert!(!scene.ask("GET /new", "200").is_hit());
    assert!(!scene.reuses("HEAD /never", answer, "GET /never"), "a head is not a whole");
}
