//! Purges by the method `PURGE`.

use super::Scene;

const FRESH: &str = "200 | Cache-Control: max-age=60 | ETag: \"a\"";

#[test]
fn a_url_is_made_stale_or_removed() {
    let scene = Scene::new("cache { purge \"127.0.0.0/8\"; }");
    scene.ask("GET /", FRESH);
    scene.ask("GET /other", FRESH);
    let soft = scene.ask("PURGE /", "500");
    assert!(soft.is_hit());
    assert_eq!((soft.response.status, soft.response.text().as_str()), (200, "{\"purged\":1}\n"));
    let validated = scene.ask("GET /", "304 | Cache-Control: max-age=60 | ETag: \"a\"");
    assert_eq!(validated.asked("If-None-Match"), Some("\"a\""));
    assert!(scene.ask("GET /", "500").is_hit());
    scene.ask("PURGE /\nPurge-Mode: hard", "500");
    let fetched = scene.ask("GET /", FRESH);
    assert_eq!(fetched.asked("If-None-Match"), None);
    assert!(scene.ask("GET /other", "500").is_hit());
    assert_eq!(scene.weir.metrics().sum("weir_cache_purges_total", &[]), 2.0);
}

#[test]
fn all_that_was_told_apart_goes() {
    let scene = Scene::new("cache { purge \"127.0.0.1\"; key header=\"X\"; }");
    for value in ["1", "2"] {
        scene.ask(&format!("GET /\nX: {value}"), FRESH);
    }
    scene.ask("PURGE /\nPurge-Mode: hard", "500");
    for value in ["1", "2"] {
        assert!(!scene.ask(&format!("GET /\nX: {value}"), FRESH).is_hit());
    }
}

#[test]
fn others_are_refused() {
    let scene = Scene::new("cache { purge \"10.0.0.0/8\"; }");
    scene.ask("GET /", FRESH);
    let refused = scene.ask("PURGE /", "200");
    assert!(refused.is_hit());
    assert_eq!(refused.response.status, 403);
    assert!(scene.ask("GET /", "500").is_hit());
    // Without the setting it is a method like any other.
    let scene = Scene::new("cache");
    assert!(!scene.ask("PURGE /", "200").is_hit());
}
