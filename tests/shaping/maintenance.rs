//! Routes that are closed for a while.

use testkit::Origin;
use testkit::origin::ok;

use super::setup;

#[test]
fn everybody_but_the_excepted_is_sent_away() {
    let origin = Origin::simple(ok("in"));
    let site = "maintenance retry-after=\"10m\" {\n\
                except header=\"X-Team\" value=\"yes\"\n\
                except cookie=\"ops\" client=\"10.0.0.0/8\"\n}\n\
                route \"/*\" { proxy \"app\"; }\n\
                route \"=/healthz\" { maintenance enabled=#false; respond 200 body=\"well\"; }";
    let weir = setup(&[("app", &origin)], site).start();
    let away = weir.get("/");
    assert_eq!((away.status, away.field("retry-after")), (503, Some("600")));
    assert_eq!(weir.get("/healthz").text(), "well");
    assert!(weir.wait_log(2).iter().any(|line| line.mentions("maintenance")));
    let ask = |field: &str| {
        weir.client().exchange(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")).status
    };
    assert_eq!(ask("X-Team: yes"), 200);
    assert_eq!(ask("X-Team: no"), 503);
    assert_eq!(ask("Cookie: ops=1"), 503, "the address does not fit");
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn the_page_is_the_sites_own_and_the_form_the_clients() {
    let site = "error-page 503 body=\"back soon\" type=\"text/plain\"\n\
                route \"/own/*\" { maintenance; respond 200; }";
    let weir = setup(&[], site).start();
    assert_eq!(weir.get("/own/").text(), "back soon");
    let weir = setup(&[], "route \"/*\" { maintenance; respond 200; }").start();
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\n\r\n";
    let response = weir.client().exchange(request);
    assert_eq!(response.field("content-type"), Some("application/problem+json"));
    assert_eq!(response.field("retry-after"), Some("300"));
}
