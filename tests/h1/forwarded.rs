//! Who the client is, and what origins are told about it: trusted proxies, `X-Forwarded-*`,
//! `Forwarded` (RFC 7239), the request id, and the Host policy.

use dialogue::{get, with_fields};
use testkit::{Origin, Request, Setup};

const TRUST: &str = "trusted-proxies \"127.0.0.0/8\" \"10.0.0.0/8\"";
const CLAIM: &str = "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.2.3\r\n\
                     X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.test\r\n";

fn through(setup: Setup, fields: &str) -> Request {
    let origin = Origin::echo();
    let weir = setup.to(&origin).start();
    weir.client().exchange(with_fields(fields)).echoed()
}

#[test]
fn a_direct_client_is_described() {
    let seen = through(Setup::new(), "");
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-host"), Some("a.test"));
    let forwarded = seen.field("forwarded").expect("Forwarded").to_ascii_lowercase();
    for part in ["for=127.0.0.1", "proto=http", "host=a.test"] {
        assert!(forwarded.contains(part), "{forwarded}");
    }
}

#[test]
fn claims_of_an_untrusted_client_are_dropped() {
    let seen = through(Setup::new(), &format!("{CLAIM}Forwarded: for=6.6.6.6;proto=https\r\n"));
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-host"), Some("a.test"));
    let forwarded = seen.field("forwarded").expect("Forwarded");
    assert!(!forwarded.contains("6.6.6.6"), "{forwarded}");
}

#[test]
fn what_a_trusted_proxy_says_is_kept_and_extended() {
    let seen = through(Setup::new().global(TRUST), CLAIM);
    let list = seen.head.all("x-forwarded-for").join(", ");
    assert!(list.ends_with("203.0.113.9, 10.1.2.3, 127.0.0.1"), "{list}");
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-host"), Some("public.test"));
}

#[test]
fn the_client_is_the_right_most_untrusted_address() {
    let origin = Origin::echo();
    let weir = Setup::new().global(TRUST).to(&origin).start();
    assert_eq!(weir.client().exchange(with_fields(CLAIM)).status, 200);
    let line = &weir.wait_log(1)[0];
    assert!(line.mentions("203.0.113.9"), "{line:?}");
    assert!(!line.mentions("6.6.6.6"), "{line:?}");
}

#[test]
fn a_malformed_address_is_not_believed() {
    let fields = "X-Forwarded-For: 203.0.113.9, <script>\r\n";
    let origin = Origin::echo();
    let weir = Setup::new().global(TRUST).to(&origin).start();
    assert_eq!(weir.client().exchange(with_fields(fields)).status, 200);
    let line = &weir.wait_log(1)[0];
    assert!(line.mentions("127.0.0.1") && !line.mentions("203.0.113.9"), "{line:?}");
}

fn request_id(request: &Request) -> String {
    request.field("x-request-id").expect("X-Request-Id").to_owned()
}

#[test]
fn each_request_gets_its_own_id_and_the_log_knows_it() {
    let origin = Origin::echo();
    let weir = Setup::new().to(&origin).start();
    let mut client = weir.client();
    let ids = [(); 2].map(|()| request_id(&client.get("/").echoed()));
    assert_ne!(ids[0], ids[1]);
    assert!(ids[0].len() >= 16, "{ids:?}");
    let log = weir.wait_log(2);
    assert!(log[0].mentions(&ids[0]) && log[1].mentions(&ids[1]), "{log:?} {ids:?}");
}

#[test]
fn an_id_from_a_trusted_proxy_is_kept() {
    let setup = Setup::new().global(TRUST);
    assert_eq!(request_id(&through(setup, "X-Request-Id: abc-123\r\n")), "abc-123");
}

#[test]
fn an_id_that_could_forge_a_log_line_is_replaced() {
    let setup = Setup::new().global(TRUST);
    let long = "a".repeat(5000);
    assert_ne!(request_id(&through(setup, &format!("X-Request-Id: {long}\r\n"))), long);
}

#[test]
fn host_is_the_clients_by_default() {
    let seen = through(Setup::new(), "");
    assert_eq!(seen.field("host"), Some("a.test"));
}

#[test]
fn host_can_be_the_upstreams_or_a_literal() {
    let origin = Origin::echo();
    let site = "route \"/up/*\" { proxy \"origin\" { host \"upstream\"; }; }\n\
                route \"/lit/*\" { proxy \"origin\" { host \"literal.test\"; }; }";
    let weir = Setup::new().site(site).to(&origin).start();
    let mut client = weir.client();
    assert_eq!(client.get("/up/").echoed().field("host"), Some(origin.server().as_str()));
    assert_eq!(client.get("/lit/").echoed().field("host"), Some("literal.test"));
    let seen = client.exchange(get("/else")).echoed();
    assert_eq!(seen.field("host"), Some("a.test"));
}

#[test]
fn the_first_field_is_host() {
    let seen = through(Setup::new(), "X-Later: 1\r\n");
    assert_eq!(seen.head.fields[0].0, "Host");
}
