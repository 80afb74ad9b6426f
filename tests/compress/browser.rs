//! Headless Chromium decodes what it asked for.

use std::process::Command;

use testkit::external::{run, tool};
use testkit::{Authority, Origin, Setup};

use crate::scene::CODINGS;

/// A script that tells its name, too long to be left as it is.
fn script(name: &str) -> String {
    let filling = "// a comment of the script\n".repeat(400);
    format!("{filling}document.body.append('[{name} ran]');\n")
}

#[test]
fn a_page_whose_scripts_come_in_every_coding() {
    let origin = Origin::answer(|request| {
        let name = request.target().trim_matches('/');
        let (media, body) = if CODINGS.contains(&name) {
            ("text/javascript", script(name))
        } else {
            let tags = CODINGS.map(|name| format!("<script src=\"/{name}\"></script>"));
            ("text/html", format!("<!doctype html><body>{}</body>", tags.concat()))
        };
        let length = body.len();
        let head = format!("Content-Type: {media}\r\nContent-Length: {length}\r\n");
        format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}").into_bytes()
    });
    let route = |name| format!("route \"/{name}\" {{ compress \"{name}\"; proxy \"origin\"; }}\n");
    let leaf = Authority::new().leaf(&["localhost"]);
    let weir = Setup::new()
        .to(&origin)
        .file("both.pem", &leaf.both())
        .listener("tls { certificate \"both.pem\"; }")
        .site(&CODINGS.map(route).concat())
        .start();
    let profile = tempfile::tempdir().expect("a directory");
    let mut chromium = Command::new(tool("chromium"));
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]);
    chromium.args(["--no-first-run", "--disable-background-networking", "--disable-sync"]);
    chromium.args(["--disable-component-update", "--ignore-certificate-errors", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display()));
    chromium.arg(format!("https://localhost:{}/", weir.addr().port()));
    let (_, page, err) = run(&mut chromium);
    let page = String::from_utf8_lossy(&page);
    for name in CODINGS {
        assert!(page.contains(&format!("[{name} ran]")), "{name}: {page} {err}");
        let coding = format!("coding=\"{name}\"");
        let count = weir.metrics().sum("weir_compress_responses_total", &[&coding]);
        assert_eq!(count, 1.0, "{name}");
    }
}
