//! What the verbs print and which code they end with: 0, 1 for a failure, 2 for wrong usage or
//! configuration.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use testkit::weir::run_to_end;

const GOOD: &str = "listen \":8080\"\n\
                    upstream \"app\" {\n    server \"127.0.0.1:3000\"\n}\n\
                    site {\n    route \"/*\" { proxy \"app\" }\n}\n";

/// Runs in a directory that holds `weir.kdl` with this text.
fn run(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("weir.kdl"), text).unwrap();
    run_to_end(arguments, dir.path())
}

#[test]
fn check_of_a_good_file_says_what_it_holds() {
    let (code, out, err) = run(GOOD, &["check", "-c", "weir.kdl"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, "weir.kdl is good: 1 listeners, 1 sites, 1 routes, 1 upstreams");
}

#[test]
fn check_says_all_that_is_wrong_at_once() {
    let text = GOOD.replace("proxy \"app\"", "proxy \"apq\"").replace("listen", "lisen");
    let (code, out, err) = run(&text, &["check", "-c", "weir.kdl"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("weir.kdl:1:1") && err.contains("listen"), "{err}");
    assert!(err.contains("weir.kdl:6:24") && err.contains("app"), "{err}");
}

#[test]
fn check_counts_what_only_the_compiled_form_shows() {
    let route = "    route \"/*\" { proxy \"app\" }\n";
    let twice = GOOD.replace(route, &format!("{route}{route}"));
    let (code, _, err) = run(&twice, &["check", "-c", "weir.kdl"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_configuration() {
    for verb in ["check", "run"] {
        let (code, _, err) = run("", &[verb, "-c", "none.kdl"]);
        assert_eq!(code, Some(2));
        assert!(err.contains("none.kdl"), "{err}");
    }
}

#[test]
fn an_address_that_is_taken_is_a_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = run("", &["proxy", "-l", &address, "--to", "127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    assert!(err.contains(&format!("cannot listen on {address}")), "{err}");
}

#[test]
fn wrong_usage_ends_with_two_and_a_hint() {
    let lines: [&[&str]; 4] =
        [&["proxy"], &["run", "-c", "weir.kdl", "--verbose"], &["rum"], &["proxy", "--to", ":"]];
    for arguments in lines {
        let (code, out, err) = run(GOOD, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
    let (_, _, err) = run("", &["rum"]);
    assert!(err.contains("run"), "{err}");
}

#[test]
fn the_schema_is_json_and_knows_the_nodes() {
    let (code, out, _) = run("", &["schema"]);
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
    let nodes = &schema["properties"];
    for node in ["listen", "site", "upstream", "access-log"] {
        assert!(nodes.get(node).is_some(), "{node}");
    }
}

#[test]
fn fmt_changes_a_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weir.kdl");
    std::fs::write(&file, "listen   \":8080\"\n").unwrap();
    let fmt = |arguments: &[&str]| run_to_end(arguments, dir.path());
    let (code, _, err) = fmt(&["fmt", "--check", "weir.kdl"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("weir.kdl is not formatted"), "{err}");
    assert_eq!(read(&file), "listen   \":8080\"\n");
    assert_eq!(fmt(&["fmt", "weir.kdl"]).0, Some(0));
    assert_eq!(read(&file), "listen \":8080\"\n");
    assert_eq!(fmt(&["fmt", "--check", "weir.kdl"]).0, Some(0));
}

#[test]
fn fmt_of_what_is_no_kdl_is_a_wrong_configuration() {
    assert_eq!(run("listen {", &["fmt", "weir.kdl"]).0, Some(2));
    assert_eq!(run("", &["fmt", "none.kdl"]).0, Some(1));
}

#[test]
fn completions_and_version() {
    let (code, out, _) = run("", &["completions", "bash"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("complete -F _weir"), "{out}");
    let (code, out, _) = run("", &["--version"]);
    assert_eq!((code, out.as_str()), (Some(0), concat!("weir ", env!("CARGO_PKG_VERSION"))));
}

/// A configuration in which every line has its number.
const SITES: &str = "\
listen \":8080\"
listen \":8443\" { redirect-https; }
listen \":9000\" protocol=\"tcp\" { proxy \"app\"; }
trusted-proxies \"10.0.0.0/8\"
upstream \"app\" { balance \"round-robin\"; server \"127.0.0.1:3000\" weight=2; }
upstream \"next\" { server \"127.0.0.1:3001\"; }
site \"a.test\" {
    route \"/closed\" { maintenance; proxy \"app\"; }
    route \"/form\" methods=\"POST\" { proxy \"app\"; }
    route \"/shop/*\" {
        match cookie=\"plan\" value=\"gold\"
        proxy \"next\"
    }
    route \"/shop/*\" {
        rewrite strip-prefix=\"/shop\"
        request-headers { set \"X\" \"y\"; }
        cache ttl=\"1h\" stale-if-error=\"1d\" {
            bypass cookie=\"session\"
        }
        proxy \"app\"
    }
    route \"/inside\" { match client=\"192.0.2.0/24\"; respond 200; }
    route \"/old/*\" { redirect \"/shop/{path.rest}\" status=301; }
}
site \"*.b.test\" {
    route \"/shop/*\" { respond 204; }
    route \"/only-b\" { split { to \"app\" weight=9; to \"next\" weight=1; }; }
}
";

/// What `weir explain` prints of a request for that configuration.
fn explained(arguments: &[&str]) -> String {
    let whole = [&["explain", "-c", "weir.kdl"], arguments].concat();
    let (code, out, err) = run(SITES, &whole);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
    out
}

/// The lines of a subject, with what follows them.
fn about<'a>(text: &'a str, subject: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(subject));
    let first = lines.next().unwrap_or_default();
    let more = lines.take_while(|line| line.starts_with(' '));
    std::iter::once(first).chain(more).map(|line| line.get(11..).unwrap_or_default()).collect()
}

#[test]
fn a_request_is_explained_with_its_places() {
    let text = explained(&["http://a.test:8080/shop/shoe?size=42"]);
    assert_eq!(about(&text, "listener"), ["[::]:8080  (weir.kdl:1)"]);
    assert_eq!(about(&text, "site"), ["a.test  (weir.kdl:7)"]);
    assert_eq!(about(&text, "route"), ["/shop/*  (weir.kdl:14)"]);
    let near = about(&text, "not taken");
    let predicate =
        "a.test /shop/*: predicate: not so: cookie=\"plan\" value=\"gold\"  (weir.kdl:10)";
    assert_eq!(near[0], predicate);
    let chain = ["rewrite strip-prefix=\"/shop\"  (weir.kdl:15)", "request-headers  (weir.kdl:16)"];
    assert_eq!(about(&text, "chain"), chain);
    let cache = [
        "store default  (weir.kdl:17)",
        "key http://a.test:8080/shop/shoe?size=42",
        "ttl=3600s stale-if-error=86400s",
    ];
    assert_eq!(about(&text, "cache"), cache);
    let upstream = ["app, by round-robin  (weir.kdl:5)", "127.0.0.1:3000, weight 2"];
    assert_eq!(about(&text, "upstream"), upstream);
    let answer = ["from the cache or the upstream, by what is stored"];
    assert_eq!(about(&text, "answer"), answer);
    let gold = explained(&["http://a.test:8080/shop/shoe", "-H", "Cookie: plan=gold"]);
    assert_eq!(about(&gold, "route"), ["/shop/*  (weir.kdl:10)"]);
    assert!(about(&gold, "not taken")[0].contains("a more specific one is taken"), "{gold}");
    let bypass = explained(&["http://a.test:8080/shop/", "-H", "Cookie: session=1"]);
    assert!(bypass.contains("bypass cookie=\"session\"  (weir.kdl:18)"), "{bypass}");
    assert_eq!(about(&bypass, "answer"), ["from the upstream: fwd=bypass"]);
}

#[test]
fn what_weir_answers_itself_is_explained() {
    let answer = |arguments: &[&str]| about(&explained(arguments), "answer")[0].to_owned();
    assert_eq!(answer(&["http://a.test:8080/form"]), "405 method_not_allowed, Allow: POST");
    assert_eq!(answer(&["POST", "http://a.test:8080/form"]), "from the upstream");
    assert_eq!(answer(&["http://a.test:8080/none"]), "404 no_route");
    assert_eq!(answer(&["http://c.test:8080/none"]), "421 misdirected_host");
    assert_eq!(answer(&["http://a.test:8080/closed"]), "503 by maintenance");
    assert_eq!(answer(&["http://a.test:8080/old/shoe"]), "301 to /shop/shoe");
    assert_eq!(answer(&["http://a.test:8443/form"]), "308 to https://a.test/form");
    assert_eq!(answer(&["http://a.test:9000/"]), "the connection is passed on unread");
    assert_eq!(answer(&["TRACE", "http://a.test:8080/"]), "405 method_not_allowed");
    assert!(
        answer(&["http://a.test:8080/%zz"]).starts_with("400 "),
        "{}",
        answer(&["http://a.test:8080/%zz"])
    );
    let inside = |from: &[&str]| answer(&[&["http://a.test:8080/inside"], from].concat());
    assert_eq!(inside(&[]), "404 no_route");
    assert_eq!(inside(&["--from", "192.0.2.9"]), "200");
    assert_eq!(inside(&["--from", "10.0.0.1", "-H", "X-Forwarded-For: 192.0.2.9"]), "200");
    assert_eq!(inside(&["--from", "11.0.0.1", "-H", "X-Forwarded-For: 192.0.2.9"]), "404 no_route");
}

#[test]
fn what_comes_near_is_explained() {
    let method = explained(&["http://a.test:8080/form"]);
    assert_eq!(
        about(&method, "not taken")[0],
        "a.test =/form: method: it takes POST  (weir.kdl:9)"
    );
    let host = explained(&["http://a.test:8080/only-b"]);
    let near = about(&host, "not taken");
    assert!(near.contains(&"*.b.test =/only-b: host  (weir.kdl:27)"), "{host}");
    let path = explained(&["http://a.test:8080/sho"]);
    assert!(about(&path, "not taken")[0].starts_with("a.test /shop/*: path"), "{path}");
    // Where a route is found, other hosts are told of only if they are of the same domain.
    let other = explained(&["http://a.test:8080/shop/x"]);
    assert!(!other.contains("b.test"), "{other}");
    let split = explained(&["http://x.b.test:8080/only-b"]);
    assert!(split.contains("upstream   app, ") && split.contains("upstream   next, "), "{split}");
    let elsewhere = explained(&["http://a.test/old/x"]);
    assert!(elsewhere.contains("nothing listens at this port"), "{elsewhere}");
    let encrypted = explained(&["https://a.test:8080/old/x"]);
    assert!(encrypted.contains("is not encrypted; the URL says https"), "{encrypted}");
}

#[test]
fn an_explanation_is_json_where_that_is_wanted() {
    let text = explained(&["http://a.test:8080/shop/", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["route"]["at"], "weir.kdl:14");
    assert_eq!(told["chain"][0]["name"], "rewrite");
    assert_eq!(
        told["cache"]["policy"],
        serde_json::json!({"ttl_s": 3600, "stale_if_error_s": 86400})
    );
    assert!(told["cache"]["stored"].is_null(), "a file knows nothing of what is stored");
}

#[test]
fn a_wrong_question_is_wrong_usage() {
    let lines: [&[&str]; 8] = [
        &["explain", "-c", "weir.kdl"],
        &["explain", "http://a.test/"],
        &["explain", "-c", "weir.kdl", "--admin", "127.0.0.1:1", "http://a.test/"],
        &["explain", "-c", "weir.kdl", "/path"],
        &["explain", "-c", "weir.kdl", "G E T", "http://a.test/"],
        &["explain", "-c", "weir.kdl", "http://a.test/", "--from", "somewhere"],
        &["explain", "-c", "weir.kdl", "http://a.test/", "-H", "no field"],
        &["explain", "-c", "none.kdl", "http://a.test/"],
    ];
    for arguments in lines {
        let (code, out, err) = run(SITES, arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
