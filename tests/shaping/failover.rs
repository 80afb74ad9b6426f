//! Another upstream for what one has failed.

use testkit::Origin;
use testkit::origin::ok;

use super::{at, setup};

const SITE: &str = "route \"/*\" { proxy \"app\" { failover \"standby\"; }; \
                    response-headers { set \"X-By\" \"{upstream.name}\"; }; }";

fn status(code: u16) -> Vec<u8> {
    format!("HTTP/1.1 {code} X\r\nContent-Length: 4\r\n\r\nmine").into_bytes()
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

#[test]
fn who_cannot_be_reached_is_replaced_also_for_bodies() {
    let standby = Origin::echo();
    let nobody = testkit::port::free_addr().to_string();
    let weir = at(&[("app", &nobody), ("standby", &standby.server())], SITE).start();
    let response = weir.get("/");
    assert_eq!((response.status, response.field("x-by")), (200, Some("standby")));
    let echoed = weir.client().exchange(POST);
    assert_eq!((echoed.status, echoed.echoed().text().as_str()), (200, "abc"));
    assert_eq!(weir.metrics().sum("weir_upstream_failovers_total", &["app"]), 2.0);
    assert_eq!(weir.wait_log(1)[0].text("upstream"), "standby");
}

#[test]
fn a_status_is_replaced_where_that_is_safe() {
    let (app, standby) = (Origin::simple(status(503)), Origin::simple(ok("standby")));
    let weir = setup(&[("app", &app), ("standby", &standby)], SITE).start();
    assert_eq!(weir.get("/").text(), "standby");
    // A POST may have done its work: its answer stands.
    let response = weir.client().exchange(POST);
    assert_eq!((response.status, response.text().as_str()), (503, "mine"));
    assert_eq!(standby.requests().len(), 1);
}

#[test]
fn what_is_not_named_stands() {
    let (app, standby) = (Origin::simple(status(503)), Origin::simple(status(502)));
    let site = SITE.replace("\"standby\";", "\"standby\" on=\"502\" \"404\";");
    let weir = setup(&[("app", &app), ("standby", &standby)], &site).start();
    assert_eq!(weir.get("/").status, 503);
    let missing = Origin::simple(status(404));
    let weir = setup(&[("app", &missing), ("standby", &standby)], &site).start();
    assert_eq!(weir.get("/").status, 502, "the second answer stands, whatever it is");
}

#[test]
fn a_full_upstream_and_one_without_servers_are_replaced() {
    let (app, standby) = (Origin::deaf(), Origin::simple(ok("standby")));
    let text = format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         upstream \"app\" {{ server \"{}\"; connections max=1; }}\n\
         upstream \"empty\" {{ server \"127.0.0.1:1\" weight=0; }}\n\
         upstream \"standby\" {{ server \"{}\"; }}\n\
         site {{ {SITE}; route \"/none\" {{ proxy \"empty\" {{ failover \"standby\"; }}; }}; }}",
        app.server(),
        standby.server()
    );
    let weir = testkit::Setup::whole(&text).start();
    let mut held = weir.client();
    held.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    app.seen().wait_connections(1);
    assert_eq!(weir.get("/").text(), "standby");
    assert_eq!(weir.get("/none").text(), "standby");
}

/// What was written for the first upstream does not go along to the second.
#[test]
fn each_upstream_gets_its_own_host_and_deadline() {
    let (app, standby) = (Origin::simple(status(503)), Origin::simple(ok("standby")));
    let ask = |failover: &str| {
        let text = format!(
            "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
             upstream \"app\" {{ server \"{}\"; deadline-header \"X-Left\"; }}\n\
             upstream \"standby\" {{ server \"{}\"; }}\n\
             site {{ route \"/*\" {{ timeouts total=\"1m\"; proxy \"app\" {{ host \"app.test\"; \
             failover \"standby\" {failover}; }}; }}; }}",
            app.server(),
            standby.server()
        );
        let weir = testkit::Setup::whole(&text).start();
        assert_eq!(weir.client().exchange("GET / HTTP/1.1\r\nHost: mine\r\n\r\n").status, 200);
        let (first, second) = (app.seen().last(), standby.seen().last());
        assert_eq!(first.field("host"), Some("app.test"));
        assert!(first.field("x-left").is_some());
        assert_eq!(second.field("x-left"), None);
        second.field("host").unwrap_or_default().to_owned()
    };
    assert_eq!(ask(""), "mine");
    assert_eq!(ask("{ host \"standby.test\"; }"), "standby.test");
}
