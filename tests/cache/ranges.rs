//! Parts of what is stored (RFC 9110 §14, RFC 9111 §3.3 and §3.4).

use super::Scene;

const WHOLE: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Type: text/plain | \
                     body=0123456789";

fn part(scene: &Scene, range: &str) -> (u16, String, Option<String>) {
    let outcome = scene.ask(&format!("GET /\nRange: {range}"), "500");
    assert!(outcome.is_hit(), "{range}");
    let response = outcome.response;
    (response.status, response.text(), response.field("Content-Range").map(str::to_owned))
}

#[test]
fn parts_of_the_whole() {
    let scene = Scene::new("cache");
    scene.ask("GET /", WHOLE);
    let expect = |range: &str, text: &str, place: &str| {
        assert_eq!(part(&scene, range), (206, text.to_owned(), Some(place.to_owned())), "{range}");
    };
    expect("bytes=0-1", "01", "bytes 0-1/10");
    expect("bytes=8-", "89", "bytes 8-9/10");
    expect("bytes=-3", "789", "bytes 7-9/10");
    expect("bytes=4-99", "456789", "bytes 4-9/10");
    assert_eq!(part(&scene, "bytes=10-"), (416, String::new(), Some("bytes */10".to_owned())));
    assert_eq!(part(&scene, "bytes=5-4").0, 200);
    assert_eq!(part(&scene, "lines=1-2").0, 200);
    let several = scene.ask("GET /\nRange: bytes=0-1,-1", "500").response;
    assert!(several.field("Content-Type").unwrap().starts_with("multipart/byteranges; boundary="));
    let text = several.text();
    assert!(text.contains("Content-Range: bytes 0-1/10\r\n\r\n01\r\n--"), "{text}");
    assert!(text.contains("Content-Range: bytes 9-9/10\r\n\r\n9\r\n--"), "{text}");
    assert!(text.contains("Content-Type: text/plain"), "{text}");
    let again = scene.ask("GET /\nRange: bytes=0-1,-1", "500").response.text();
    assert_ne!(text, again, "nobody knows the boundary beforehand");
    assert_eq!(several.field("Content-Length"), Some(several.body.len().to_string().as_str()));
}

#[test]
fn if_range_lets_a_range_count_for_the_same_representation() {
    let scene = Scene::new("cache");
    scene.ask("GET /", WHOLE);
    let ask = |condition: &str| {
        let request = format!("GET /\nRange: bytes=0-1\nIf-Range: {condition}");
        scene.ask(&request, "500").response.status
    };
    assert_eq!(ask("\"a\""), 206);
    assert_eq!(ask("\"b\""), 200);
    assert_eq!(ask("W/\"a\""), 200);
}

#[test]
fn a_part_is_kept_and_used_for_what_is_in_it() {
    let scene = Scene::new("cache");
    let answer =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 2-6/10 | body=23456";
    let first = scene.ask("GET /\nRange: bytes=2-6", answer);
    assert_eq!((first.response.status, first.response.text().as_str()), (206, "23456"));
    assert_eq!(first.asked("Range"), Some("bytes=2-6"));
    assert_eq!(part(&scene, "bytes=3-4").1, "34");
    let beyond =
        scene.ask("GET /\nRange: bytes=5-8", "206 | Content-Range: bytes 5-8/10 | body=5678");
    assert!(!beyond.is_hit());
    assert!(beyond.status().contains("fwd=partial"), "{}", beyond.status());
    let whole = scene.ask("GET /", WHOLE);
    assert_eq!((whole.response.status, whole.response.text().as_str()), (200, "0123456789"));
    assert_eq!(part(&scene, "bytes=0-").1, "0123456789");
}

#[test]
fn s3_4_a_part_is_completed() {
    let scene = Scene::new("cache");
    let first =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 0-3/10 | body=0123";
    scene.ask("GET /\nRange: bytes=0-3", first);
    let rest =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 4-9/10 | body=456789";
    let whole = scene.ask("GET /", rest);
    assert_eq!(whole.asked("Range"), Some("bytes=4-"));
    assert_eq!(whole.asked("If-Range"), Some("\"a\""));
    assert_eq!((whole.response.status, whole.response.text().as_str()), (200, "0123456789"));
    assert_eq!(whole.response.field("Content-Range"), None);
    assert_eq!(part(&scene, "bytes=3-4").1, "34");
    assert_eq!(scene.ask("GET /", "500").response.text(), "0123456789");
}

#[test]
fn s3_4_parts_of_two_representations_are_never_put_together() {
    let scene = Scene::new("cache");
    let first =
        "206 | Cache-Control: max-age=60 | ETag: \"a\" | Content-Range: bytes 0-3/10 | body=0123";
    scene.ask("GET /\nRange: bytes=0-3", first);
    let other =
        "206 | Cache-Control: max-age=60 | ETag: \"b\" | Content-Range: bytes 4-9/10 | body=zzzzzz";
    let whole = scene.ask("GET /", other);
    // The origin of this test answers every request alike, so that the second try is a 206 too.
    assert_eq!(whole.response.text(), "zzzzzz");
    assert_eq!(scene.origin.requests().len(), 3, "the rest, then all of it");
    assert_eq!(scene.origin.seen().last().field("Range"), None);
}
