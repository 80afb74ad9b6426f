//! Methods and predicates: who is passed over, and when the answer is 405.

use weir_proxy::route::Predicate;

use crate::table::{ask, ask_all, compiled, head, router, spec, with};

#[test]
fn methods_fall_through_to_less_specific_routes() {
    let router = router(&["a /api/* POST", "a /* GET", "a =/api DELETE"]);
    assert_eq!(ask(&router, "POST a /api"), "0");
    assert_eq!(ask(&router, "DELETE a /api"), "2");
    assert_eq!(ask(&router, "GET a /api"), "1");
    assert_eq!(ask(&router, "HEAD a /api"), "1");
    assert_eq!(ask(&router, "POST a /x"), "405 GET,HEAD");
    assert_eq!(ask(&router, "PUT a /api"), "405 DELETE,GET,HEAD,POST");
}

#[test]
fn not_allowed_needs_a_route_that_fails_by_its_method_alone() {
    let v2 = Predicate::Header { name: "x-version".into(), value: Some("2".into()) };
    let router = compiled(&[with(spec("a /api/* POST"), &[v2]), spec("a /x/*")]);
    assert_eq!(ask(&router, "GET a /api"), "404");
    let mut request = head("GET a /api");
    request.headers.push(b"X-Version", b"2");
    assert_eq!(ask_all(&router, &request, "::1").0, "405 POST");
    assert_eq!(ask(&router, "GET a /y"), "404");
}

#[test]
fn unknown_methods_are_methods() {
    let router = router(&["a /* PROPFIND,GET"]);
    assert_eq!(ask(&router, "PROPFIND a /"), "0");
    assert_eq!(ask(&router, "MKCOL a /"), "405 GET,HEAD,PROPFIND");
}

#[test]
fn more_conditions_are_more_specific_and_methods_count_once() {
    let header = |name: &str| Predicate::Header { name: name.into(), value: None };
    let router = compiled(&[
        spec("a /*"),
        with(spec("a /* GET,POST,PUT"), &[]),
        with(spec("a /*"), &[header("X-A"), header("X-B")]),
        with(spec("a /*"), &[header("X-A")]),
    ]);
    let ask = |method: &str, names: &[&str]| {
        let mut request = head(&format!("{method} a /"));
        for name in names {
            request.headers.push(name.as_bytes(), b"1");
        }
        ask_all(&router, &request, "192.0.2.1").0
    };
    assert_eq!(ask("DELETE", &[]), "0");
    assert_eq!(ask("GET", &[]), "1");
    assert_eq!(ask("GET", &["x-a", "x-b"]), "2");
    assert_eq!(ask("DELETE", &["x-a"]), "3");
    assert_eq!(ask("DELETE", &["x-b"]), "0");
}

#[test]
fn each_kind_of_predicate() {
    let named = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    let (name, value) = named("v", "a b");
    let query = Predicate::Query { name, value };
    let (name, value) = named("beta", "1");
    let cookie = Predicate::Cookie { name, value };
    let (name, value) = named("X-Version", "2");
    let header = Predicate::Header { name, value };
    let client = Predicate::Client("10.0.0.0/8".parse().unwrap());
    let router = compiled(&[
        with(spec("a /q/*"), &[query]),
        with(spec("a /c/*"), &[cookie]),
        with(spec("a /h/*"), &[header]),
        with(spec("a /n/*"), &[client]),
    ]);
    for (path, field, client, answer) in [
        ("/q?v=a+b", "", "::1", "0"),
        ("/q?x=1&v=a%20b&y", "", "::1", "0"),
        ("/q?v=a", "", "::1", "404"),
        ("/q", "", "::1", "404"),
        ("/c", "Cookie: a=2; beta=1", "::1", "1"),
        ("/c", "Cookie: beta=10", "::1", "404"),
        ("/h", "x-version: 2", "::1", "2"),
        ("/h", "x-version: 22", "::1", "404"),
        ("/n", "", "10.1.2.3", "3"),
        ("/n", "", "::ffff:10.1.2.3", "3"),
        ("/n", "", "11.1.2.3", "404"),
        ("/n", "", "::1", "404"),
    ] {
        let mut request = head(&format!("GET a {path}"));
        if let Some((name, value)) = field.split_once(": ") {
            request.headers.push(name.as_bytes(), value.as_bytes());
        }
        assert_eq!(ask_all(&router, &request, client).0, answer, "{path} {field} {client}");
    }
}
