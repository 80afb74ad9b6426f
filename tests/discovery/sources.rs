//! Lists of servers in files and behind URLs.

use std::sync::Mutex;

use serde_json::{Value, json};
use testkit::authority::Authority;
use testkit::message::Request;
use testkit::origin::ok;
use testkit::{Origin, Setup, Weir};

use crate::load::Load;

fn setup(discover: &str) -> Setup {
    Setup::whole(&format!(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\nupstream \"app\" {{\n\
         discover {{\n{discover}\n}}\n}}\nsite {{ route \"/*\" {{ proxy \"app\"; }}; }}"
    ))
}

fn told(weir: &Weir, text: &str) {
    weir.wait_metrics(|_| weir.stderr().iter().any(|line| line.contains(text)));
}

#[test]
fn a_file_is_followed_and_what_is_wrong_in_it_changes_nothing() {
    let (one, other) = (Origin::simple(ok("one")), Origin::simple(ok("other")));
    let list = |origin: &Origin| format!("server \"{}\" weight=3\n", origin.server());
    let weir = setup("file \"servers.kdl\"").file("servers.kdl", &list(&one)).start();
    let load = Load::on(&weir, 2);
    load.wait(20);
    assert_eq!(weir.get("/").text(), "one");
    let path = weir.dir().join("servers.kdl");
    let replace = |text: &str| {
        let next = weir.dir().join("next");
        std::fs::write(&next, text).expect("a file");
        std::fs::rename(&next, &path).expect("a rename");
    };
    replace(&(list(&one) + &list(&other)));
    other.seen().wait_requests(5);
    replace(&list(&other));
    told(&weir, &format!("gone: {}", one.server()));
    replace("server \"10.0.0.1\"\n");
    told(&weir, "a port is missing");
    assert!(weir.stderr().iter().any(|line| line.contains("servers.kdl:1:8")));
    std::fs::remove_file(&path).expect("it is there");
    replace(&(list(&one) + &list(&other)));
    let before = one.requests().len();
    one.seen().wait_requests(before + 5);
    load.end();
    let metrics = weir.metrics();
    assert!(metrics.sum("weir_discovery_total", &["file", "changed"]) >= 3.0);
    assert!(metrics.sum("weir_discovery_total", &["file", "failed"]) >= 1.0);
}

#[test]
fn a_file_may_be_json() {
    let origin = Origin::simple(ok("one"));
    let list = json!({ "server": [origin.server()] }).to_string();
    let weir = setup("file \"servers.json\"").file("servers.json", &list).start();
    assert_eq!(weir.get("/").text(), "one");
}

/// A list that can be exchanged, with an ETag; what is asked is kept by the origin.
fn document(list: &'static Mutex<(u32, String)>) -> impl Fn(&Request) -> Vec<u8> {
    move |request| {
        let (version, body) = list.lock().expect("a list").clone();
        if body.is_empty() {
            return b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec();
        }
        let etag = format!("\"v{version}\"");
        if request.field("if-none-match") == Some(etag.as_str()) {
            return format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n").into_bytes();
        }
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

fn list(servers: &[&Origin]) -> String {
    let servers: Vec<Value> =
        servers.iter().map(|origin| json!({ "_": origin.server(), "weight": 2 })).collect();
    json!({ "server": servers }).to_string()
}

#[test]
fn a_document_is_asked_for_by_its_etag() {
    let (one, other) = (Origin::simple(ok("one")), Origin::simple(ok("other")));
    let content: &'static Mutex<(u32, String)> =
        Box::leak(Box::new(Mutex::new((1, list(&[&one])))));
    let say = |version: u32, text: String| *content.lock().expect("a list") = (version, text);
    let lists = Origin::answer(document(content));
    let weir = setup(&format!(
        "http \"http://{}/servers?dc=a\" interval=\"100ms\" body-bytes-max=\"1KiB\" {{\n\
         header \"X-Token\" \"secret\"\n}}",
        lists.server()
    ))
    .start();
    assert_eq!(weir.get("/").text(), "one", "the start waits for the first answer");
    let load = Load::on(&weir, 2);
    lists.seen().wait_requests(3);
    let asked = lists.requests();
    assert_eq!(asked[0].target(), "/servers?dc=a");
    assert_eq!(asked[0].field("x-token"), Some("secret"));
    assert_eq!(asked[0].field("host"), Some(lists.server().as_str()));
    assert_eq!(asked[0].field("if-none-match"), None);
    assert_eq!(asked[2].field("if-none-match"), Some("\"v1\""));
    say(2, list(&[&one, &other]));
    other.seen().wait_requests(5);
    say(3, String::new());
    told(&weir, "HTTP status 500");
    say(4, list(&[&other]));
    told(&weir, &format!("gone: {}", one.server()));
    say(5, "{\"server\": [7]}".to_owned());
    told(&weir, "expected an address such as");
    say(6, list(&[&one]));
    told(&weir, &format!("gone: {}", other.server()));
    say(7, " ".repeat(2000));
    told(&weir, "length limit exceeded");
    load.wait(20);
    load.end();
}

#[test]
fn a_document_may_be_encrypted_and_its_server_is_verified() {
    let authority = Authority::new();
    let origin = Origin::simple(ok("one"));
    let text = list(&[&origin]);
    let lists = |names: &[&str]| {
        let text = text.clone();
        Origin::secured(
            authority.leaf(names),
            testkit::origin::answering(move |_| ok(text.as_bytes())),
        )
    };
    let (good, wrong) = (lists(&["localhost"]), lists(&["other.test"]));
    let source = |list: &Origin| {
        format!(
            "http \"https://localhost:{}/\" ca=\"ca.pem\" interval=\"100ms\"",
            list.addr().port()
        )
    };
    let weir = setup(&source(&good)).file("ca.pem", &authority.pem()).start();
    assert_eq!(weir.get("/").text(), "one");
    let weir = setup(&source(&wrong)).file("ca.pem", &authority.pem()).start();
    told(&weir, "TLS: ");
    assert_eq!(weir.get("/").status, 503);
}
