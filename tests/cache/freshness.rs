//! How long what is stored may be used (RFC 9111 §4.2, §5.2).

use super::{Scene, date};

#[test]
fn s4_2_time_zones_change_nothing() {
    let scene = Scene::with(testkit::Setup::new().route("cache").env("TZ", "Pacific/Auckland"));
    let ask = |path: &str, expires_s: i64| {
        scene.reuses(path, &format!("200 | Expires: {}", date(expires_s)), path)
    };
    assert!(ask("GET /later", 60));
    assert!(!ask("GET /before", -60));
}

#[test]
fn s4_2_3_the_time_on_the_way_counts() {
    let origin = testkit::Origin::answer(|_| {
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let fields = "Cache-Control: max-age=60\r\nAge: 30\r\nContent-Length: 0";
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").into_bytes()
    });
    let weir = testkit::Setup::new().to(&origin).route("cache").start();
    let told = |response: testkit::Response| response.field("Age").unwrap().parse::<u32>().unwrap();
    assert!(told(weir.get("/")) >= 32);
    assert!(told(weir.get("/")) >= 32);
    assert_eq!(origin.requests().len(), 1);
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
fn directives_of_requests_count_where_the_operator_wants_them() {
    let scene = Scene::new("cache client-directives=#false");
    scene.ask("GET /", "200 | Cache-Control: max-age=60");
    for directive in ["no-cache", "max-age=0", "min-fresh=600", "only-if-cached, no-cache"] {
        let request = format!("GET /\nCache-Control: {directive}");
        assert!(scene.ask(&request, "500").is_hit(), "{directive}");
    }
}

#[test]
fn rfc5861_s3_stale_is_used_while_it_is_validated() {
    let scene = Scene::new("cache");
    let answer = "200 | Cache-Control: max-age=60, stale-while-revalidate=60 | Age: 90 | \
                  ETag: \"a\" | Vary: X";
    scene.ask("GET /\nX: 1", answer);
    let renewed = "304 | Cache-Control: max-age=60, stale-while-revalidate=60 | ETag: \"a\"";
    let stale = scene.ask("GET /\nX: 1", renewed);
    assert_eq!((stale.response.status, stale.response.text().as_str()), (200, "body of /"));
    scene.origin.seen().wait_requests(2);
    let validation = scene.origin.seen().last();
    assert_eq!(validation.field("If-None-Match"), Some("\"a\""));
    assert_eq!(validation.field("X"), Some("1"), "§4.3.1: the fields that it was selected by");
    scene
        .weir
        .wait_metrics(|m| m.sum("weir_cache_refreshes_total", &["result=\"validated\""]) == 1.0);
    let fresh = scene.ask("GET /\nX: 1", "500");
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

#[test]
fn what_is_validated_beside_is_all_of_it_and_for_nobody_alone() {
    let scene = Scene::new("cache");
    scene.ask("GET /", "200 | Cache-Control: max-age=60, stale-while-revalidate=60 | Age: 90");
    let ask = "GET /\nRange: bytes=0-1\nX-Original-URL: /evil";
    let stale = scene.ask(ask, "200 | Cache-Control: max-age=60 | body=new");
    assert_eq!((stale.response.status, stale.response.text().as_str()), (206, "bo"));
    scene.origin.seen().wait_requests(2);
    let sent = scene.origin.seen().last();
    assert_eq!((sent.field("Range"), sent.field("X-Original-URL")), (None, None));
    scene.weir.wait_metrics(|m| m.sum("weir_cache_stores_total", &[]) == 2.0);
    assert_eq!(scene.ask("GET /", "500").response.text(), "new");
}
