//! Requests divided among upstreams.

use testkit::Origin;
use testkit::origin::ok;

use super::setup;

#[test]
fn chance_divides_by_weight() {
    let (app, next) = (Origin::simple(ok("app")), Origin::simple(ok("next")));
    let site = "route \"/*\" { split { to \"app\" weight=4; to \"next\"; }; \
                response-headers { set \"X-Part\" \"{upstream.name}\"; }; }";
    let weir = setup(&[("app", &app), ("next", &next)], site).start();
    let mut client = weir.client();
    for _ in 0..500 {
        let response = client.get("/");
        assert_eq!(response.field("x-part"), Some(response.text().as_str()));
    }
    let counts = (app.requests().len(), next.requests().len());
    assert!((60..=140).contains(&counts.1), "{counts:?}");
    assert_eq!(counts.0 + counts.1, 500);
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_upstream_responses_total", &["\"next\""]), counts.1 as f64);
}

#[test]
fn a_key_keeps_a_client_at_its_part() {
    let (app, next) = (Origin::simple(ok("app")), Origin::simple(ok("next")));
    let part = |weights: (u32, u32)| {
        let (first, second) = weights;
        let site = format!(
            "route \"/*\" {{ split key=\"header:X-User\" {{ to \"app\" weight={first}; \
             to \"next\" weight={second}; }}; }}"
        );
        let weir = setup(&[("app", &app), ("next", &next)], &site).start();
        let mut client = weir.client();
        let mut ask = |user: u32| {
            client.exchange(format!("GET / HTTP/1.1\r\nHost: a\r\nX-User: u{user}\r\n\r\n")).text()
        };
        let parts: Vec<_> = (0..200).map(&mut ask).collect();
        assert_eq!(parts, (0..200).map(&mut ask).collect::<Vec<_>>(), "the same again");
        parts
    };
    let (few, more) = (part((90, 10)), part((70, 30)));
    let on_next = |parts: &[String]| parts.iter().filter(|part| *part == "next").count();
    assert!(on_next(&few) > 5 && on_next(&more) > on_next(&few));
    let fell_back = few.iter().zip(&more).filter(|(few, more)| *few == "next" && *more == "app");
    assert_eq!(fell_back.count(), 0, "a larger canary only wins clients");
}

#[test]
fn a_part_of_weight_zero_gets_nobody() {
    let (app, next) = (Origin::simple(ok("app")), Origin::simple(ok("next")));
    let site =
        "route \"/*\" { split { to \"app\" weight=0; to \"next\" { host \"next.test\"; }; }; }";
    let weir = setup(&[("app", &app), ("next", &next)], site).start();
    (0..20).for_each(|_| assert_eq!(weir.get("/").text(), "next"));
    assert_eq!(next.requests()[0].field("host"), Some("next.test"));
}
