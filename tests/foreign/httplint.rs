//! httplint (PyPI) finds nothing to blame in the responses that Weir itself makes.

use testkit::external::{python_script, run};
use testkit::{Client, Setup, Weir};

/// The raw response to this request, as the linter wants it.
fn raw(weir: &Weir, request: &str) -> String {
    let mut client: Client = weir.client();
    client.send(request);
    client.half_close();
    client.everything()
}

fn lint(weir: &Weir, name: &str, request: &str) {
    let file = weir.dir().join("response.http");
    std::fs::write(&file, raw(weir, request)).expect("a file");
    let mut linter = python_script("lint.py");
    linter.arg(&file);
    if matches!(name, "respond" | "redirect" | "empty") {
        linter.arg("configured");
    }
    let (code, out, err) = run(&mut linter);
    assert_eq!(code, Some(0), "{name}: {}{err}", String::from_utf8_lossy(&out));
}

#[test]
fn has_nothing_to_say_about_our_own_responses() {
    let nobody = testkit::port::free_addr().to_string();
    let weir = Setup::new()
        .server(&nobody)
        .file("sorry.html", "<!doctype html><title>Sorry</title>\n")
        .site(
            "route \"=/respond\" { respond 200 body=\"hello\" type=\"text/plain\"; }\n\
             route \"=/empty\" { respond 204; }\n\
             route \"=/redirect\" { redirect \"/elsewhere\" status=308; }\n\
             route \"/page/*\" { error-page 502 file=\"sorry.html\"; proxy \"origin\"; }\n\
             route \"=/post\" methods=\"POST\" { respond 200 body=\"posted\"; }",
        )
        .start();
    let get = |target: &str, fields: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{fields}\r\n")
    };
    for (name, request) in [
        ("respond", get("/respond", "")),
        ("empty", get("/empty", "")),
        ("redirect", get("/redirect", "")),
        ("error page", get("/page/x", "")),
        ("502 as text", get("/", "")),
        ("502 as HTML", get("/", "Accept: text/html\r\n")),
        ("502 as JSON", get("/", "Accept: application/json\r\n")),
        ("400", get("/", "Bad Name: x\r\n")),
        ("414", get(&"/long".repeat(3000), "")),
        ("431", get("/", &format!("X: {}\r\n", "v".repeat(40_000)))),
        ("501", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n".to_owned()),
        ("505", "GET / HTTP/3.0\r\nHost: a.test\r\n\r\n".to_owned()),
    ] {
        lint(&weir, name, &request);
    }
}

#[test]
fn has_nothing_to_say_about_not_found_and_method_not_allowed() {
    let weir = Setup::whole(
        "listen \"$LISTEN\"\nadmin \"$ADMIN\"\n\
         site \"a.test\" { route \"=/post\" methods=\"POST\" { respond 200 body=\"x\"; }; }\n",
    )
    .start();
    for (name, request) in [
        ("404", "GET /nowhere HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"),
        ("405", "GET /post HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"),
        ("421", "GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"),
    ] {
        lint(&weir, name, request);
    }
}
