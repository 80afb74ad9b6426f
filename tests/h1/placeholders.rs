//! Placeholders in what a configuration sets, and what they cannot be abused for.

use testkit::{Origin, Setup};

#[test]
fn each_has_its_value() {
    let origin = Origin::echo();
    let weir = Setup::new()
        .route(
            "request-headers {\n\
             set \"X-A\" \"{method} {scheme} {host} {path} {query} {uri}\"\n\
             set \"X-B\" \"{client.ip} {upstream.name}\"\n\
             set \"X-C\" \"{request.id}\"\n}\n\
             response-headers { set \"X-D\" \"{status} {path.rest}\"; }",
        )
        .to(&origin)
        .start();
    let got = weir.get("/some/path?q=1");
    let seen = got.echoed();
    assert_eq!(seen.field("x-a"), Some("GET http a.test /some/path q=1 /some/path?q=1"));
    assert_eq!(seen.field("x-b"), Some("127.0.0.1 origin"));
    assert_eq!(seen.field("x-c"), seen.field("x-request-id"));
    assert_eq!(got.field("x-d"), Some("200 some/path"));
}

#[test]
fn decoded_bytes_cannot_end_a_field() {
    let origin = Origin::echo();
    let weir = Setup::new()
        .route("request-headers { set \"X-Rest\" \"{path.rest}\"; set \"X-Query\" \"{query}\"; }")
        .to(&origin)
        .start();
    let seen = weir.get("/a%0d%0aX-Evil:%201?b%0d%0aX-Evil:%202").echoed();
    assert_eq!(seen.field("x-evil"), None);
    assert_eq!(seen.field("x-query"), Some("b%0d%0aX-Evil:%202"));
}

#[test]
fn braces_in_the_request_are_only_braces() {
    let origin = Origin::echo();
    let weir =
        Setup::new().route("request-headers { set \"X-P\" \"{path}\"; }").to(&origin).start();
    let seen = weir.get("/{env.HOME}{client.ip}").echoed();
    assert_eq!(seen.field("x-p"), Some("/{env.HOME}{client.ip}"));
}
