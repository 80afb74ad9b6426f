//! The four forms of a request target (RFC 9112 §3.2), methods, and what is not served.

use testkit::{Origin, Setup, Weir};

#[test]
fn options_asterisk_goes_through() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let response = weir.client().exchange("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.status, 200);
    assert_eq!(origin.seen().lines(), ["OPTIONS *"]);
}

#[test]
fn absolute_form_becomes_origin_form_and_host() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET http://b.test:81/p?q=1 HTTP/1.1\r\nHost: b.test:81\r\n\r\n";
    let seen = weir.client().exchange(ask).echoed();
    assert_eq!((seen.target(), seen.field("host")), ("/p?q=1", Some("b.test:81")));
}

#[test]
fn absolute_form_without_a_path_means_the_root() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET http://b.test?q HTTP/1.1\r\nHost: b.test\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).echoed().target(), "/?q");
    let ask = "GET http://b.test HTTP/1.1\r\nHost: b.test\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).echoed().target(), "/");
}

#[test]
fn an_authority_that_differs_from_host_is_refused() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let ask = "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).status, 400);
    assert!(weir.wait_log(1)[0].mentions("host_mismatch"));
    assert_eq!(origin.seen().lines(), [""; 0]);
}

#[test]
fn connect_is_refused_clearly() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let mut client = weir.client();
    let response = client.exchange("CONNECT db.test:5432 HTTP/1.1\r\nHost: db.test:5432\r\n\r\n");
    assert_eq!(response.status, 501);
    assert!(weir.wait_log(1)[0].mentions("connect_refused"));
    assert_eq!(origin.seen().connections().len(), 0);
}

#[test]
fn unknown_methods_are_the_origins_business() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    let response = weir.client().exchange("PROPFIND /dav HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.echoed().method(), "PROPFIND");
    let response = weir.client().exchange("x-own!1 / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(response.echoed().method(), "x-own!1");
}

#[test]
fn the_raw_target_is_what_is_sent_on() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    for target in ["/a%2Fb/%7euser?x=%00&y=[]", "/a/./b?c=/../d", "/%e4//x", "/;a=b,c?"] {
        assert_eq!(weir.get(target).echoed().target(), target);
    }
}

#[test]
fn an_origin_may_be_sent_the_path_that_was_routed() {
    let origin = Origin::echo();
    let weir = Setup::new().global("path forward=\"canonical\"").to(&origin).start();
    for (target, sent) in
        [("/a/./b?c=/../d", "/a/b?c=/../d"), ("/a/../b%7e?x", "/b~?x"), ("/a/%2e%2E/b", "/b")]
    {
        assert_eq!(weir.get(target).echoed().target(), sent, "{target}");
    }
    assert_eq!(weir.get("/../../etc").status, 400, "above the root is nowhere");
}

#[test]
fn other_versions_are_refused() {
    let origin = Origin::echo();
    let weir = Weir::before(&origin);
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/0.9"] {
        let mut client = weir.client();
        client.send(format!("GET / {version}\r\nHost: a.test\r\n\r\n"));
        assert_eq!(client.response().status, 505, "{version}");
        client.expect_closed();
    }
    assert_eq!(origin.seen().connections().len(), 0);
}
