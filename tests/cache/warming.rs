//! `weir warm` before a running Weir.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use testkit::weir::{binary, run_to_end};
use testkit::{Authority, Gate, Origin, Request, Setup, Weir};

/// An origin with these texts at these paths, fresh for a minute; 404 elsewhere.
fn site(pages: &[(&str, &str)]) -> Origin {
    let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let pages: HashMap<String, String> = pages.iter().map(own).collect();
    Origin::answer(move |request: &Request| match pages.get(request.target()) {
        Some(text) if request.target().starts_with("/private") => answer("private", text),
        Some(text) => answer("max-age=60", text),
        None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
    })
}

fn answer(cache_control: &str, text: &str) -> Vec<u8> {
    let length = text.len();
    let head = format!("Cache-Control: {cache_control}\r\nContent-Length: {length}\r\n");
    format!("HTTP/1.1 200 OK\r\nVary: Accept-Encoding\r\n{head}\r\n{text}").into_bytes()
}

fn cached(origin: &Origin) -> Weir {
    Setup::new().to(origin).route("cache").start()
}

/// Everything of `a.test` goes to this Weir.
fn warm(weir: &Weir, args: &[&str]) -> (Option<i32>, String, String) {
    let connect = weir.addr().to_string();
    run_to_end(&[&["warm", "--connect", &connect], args].concat(), weir.dir())
}

fn write(weir: &Weir, name: &str, text: &str) {
    std::fs::write(weir.dir().join(name), text).unwrap();
}

fn is_hit(weir: &Weir, path: &str, fields: &str) -> bool {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n");
    let response = weir.client().exchange(request);
    response.field("cache-status").is_some_and(|told| told.starts_with("weir; hit"))
}

#[test]
fn a_list_is_fetched_and_then_there_for_users() {
    let origin = site(&[("/a", "A"), ("/b?x=1", "B"), ("/private", "P")]);
    let weir = cached(&origin);
    let list = "# what is asked for most\nhttp://a.test/a\n\nhttp://a.test/b?x=1  # with a query\n\
                http://a.test/private\n";
    write(&weir, "urls.txt", list);
    let (code, out, err) = warm(&weir, &["urls.txt"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out, "        2  stored\n        1  not stored: private\n        3  in all");
    assert!(is_hit(&weir, "/a", "") && is_hit(&weir, "/b?x=1", ""));
    assert_eq!(origin.requests().len(), 3);
    let (code, out, _) = warm(&weir, &["urls.txt"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("2  already fresh"), "{out}");
    assert_eq!(origin.requests().len(), 4, "what is private is asked for again");
    let asked = &origin.requests()[0];
    assert_eq!(asked.field("host"), Some("a.test"));
    assert!(asked.field("user-agent").unwrap().contains("weir/"), "{asked:?}");
}

#[test]
fn urls_come_by_standard_input_and_go_to_their_own_host() {
    let origin = site(&[("/a", "A")]);
    let weir = cached(&origin);
    let mut command = Command::new(binary());
    command.args(["warm", "-", "--rate", "1000/s"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let line = format!("{}\n", weir.url("/a"));
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    assert!(String::from_utf8(done.stdout).unwrap().contains("1  stored"));
    assert_eq!(origin.requests()[0].field("host"), Some(&*weir.addr().to_string()));
}

const INDEX: &str = "<sitemapindex><sitemap><loc>http://a.test/one.xml</loc></sitemap>\
                     <sitemap><loc>http://a.test/two.xml</loc></sitemap></sitemapindex>";
const ONE: &str = "<?xml version=\"1.0\"?><urlset><url><loc>http://a.test/a?x=1&amp;y=2</loc></url>\
                   <url><loc>http://a.test/b</loc></url></urlset>";
const TWO: &str = "<urlset><url><loc>http://a.test/c</loc></url></urlset>";

#[test]
fn a_sitemap_is_read_from_a_file() {
    let origin = site(&[("/a?x=1&y=2", "A"), ("/b", "B")]);
    let weir = cached(&origin);
    write(&weir, "sitemap.xml", ONE);
    let (code, out, err) = warm(&weir, &["--sitemap", "sitemap.xml"]);
    assert_eq!((code, out.as_str()), (Some(0), "        2  stored\n        2  in all"), "{err}");
    assert!(is_hit(&weir, "/a?x=1&y=2", ""));
}

#[test]
fn sitemaps_of_an_index_are_followed() {
    let pages = [("/a?x=1&y=2", "A"), ("/b", "B"), ("/c", "C")];
    let sitemaps = [("/index.xml", INDEX), ("/one.xml", ONE), ("/two.xml", TWO)];
    let origin = site(&[&pages[..], &sitemaps].concat());
    let weir = cached(&origin);
    let (code, out, err) = warm(&weir, &["--sitemap", "http://a.test/index.xml"]);
    assert_eq!((code, out.as_str()), (Some(0), "        3  stored\n        3  in all"), "{err}");
    // One of them is missing: the others are warmed, and it is told.
    let origin = site(&[&pages[..], &sitemaps[..2]].concat());
    let weir = cached(&origin);
    let (code, out, err) = warm(&weir, &["--sitemap", "http://a.test/index.xml"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("2  stored"), "{out}");
    assert!(err.contains("the sitemap http://a.test/two.xml: HTTP status 404"), "{err}");
    // Without the first there is nothing to do.
    let (code, out, err) = warm(&weir, &["--sitemap", "http://a.test/none.xml"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("http://a.test/none.xml: HTTP status 404"), "{err}");
}

#[test]
fn what_is_no_sitemap_is_refused() {
    let weir = cached(&site(&[]));
    std::fs::write(weir.dir().join("s.xml.gz"), [0x1f, 0x8b, 8, 0]).unwrap();
    write(&weir, "page.xml", "<html></html>");
    write(&weir, "many.xml", ONE);
    for (args, why) in [
        (&["--sitemap", "s.xml.gz"][..], "compressed"),
        (&["--sitemap", "page.xml"], "no sitemap"),
        (&["--sitemap", "none.xml"], "No such file"),
        (&["--sitemap", "many.xml", "--urls-max", "1"], "more than 1 URLs"),
    ] {
        let (code, _, err) = warm(&weir, args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(err.contains(why), "{args:?}: {err}");
    }
}

#[test]
fn encrypted_with_the_name_of_the_url() {
    let origin = site(&[("/a", "A")]);
    let authority = Authority::new();
    let leaf = authority.leaf(&["a.test"]);
    let setup = Setup::new().to(&origin).route("cache").file("root.pem", &authority.pem());
    let setup = setup.file("leaf.pem", &leaf.pem).file("leaf.key", &leaf.key);
    let weir = setup.listener("tls { certificate \"leaf.pem\" key=\"leaf.key\"; }").start();
    write(&weir, "urls.txt", "https://a.test/a\n");
    let (code, _, err) = warm(&weir, &["urls.txt"]);
    assert_eq!(code, Some(1), "nobody trusts that authority");
    assert!(err.contains("https://a.test/a: the TLS handshake"), "{err}");
    let (code, out, err) = warm(&weir, &["urls.txt", "--ca", "root.pem"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("1  stored"), "{out}");
    let (code, out, _) = warm(&weir, &["urls.txt", "--insecure"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("1  already fresh"), "{out}");
    write(&weir, "other.txt", "https://b.test/a\n");
    assert_eq!(warm(&weir, &["other.txt", "--ca", "root.pem"]).0, Some(1), "another name");
    assert_eq!(warm(&weir, &["urls.txt", "--ca", "none.pem"]).0, Some(2));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn fields_of_one_name_warm_what_varies_by_them() {
    let origin = site(&[("/a", "A")]);
    let weir = cached(&origin);
    write(&weir, "urls.txt", "http://a.test/a\n");
    let codings = ["-H", "Accept-Encoding: br", "--header", "Accept-Encoding: gzip"];
    let (code, out, _) = warm(&weir, &[&["urls.txt"][..], &codings].concat());
    assert_eq!(code, Some(0));
    assert!(out.contains("2  stored"), "{out}");
    assert!(is_hit(&weir, "/a", "Accept-Encoding: br\r\n"));
    assert!(is_hit(&weir, "/a", "Accept-Encoding: gzip\r\n"));
    assert!(!is_hit(&weir, "/a", "Accept-Encoding: zstd\r\n"));
}

#[test]
fn failures_are_told_and_counted() {
    let origin = site(&[("/a", "A")]);
    let weir = cached(&origin);
    write(&weir, "urls.txt", "http://a.test/a\nhttp://a.test/none\n");
    let (code, out, err) = warm(&weir, &["urls.txt"]);
    assert_eq!(code, Some(1));
    let expected = "        1  stored\n        1  failed: status 404\n        2  in all";
    assert_eq!(out, expected);
    assert!(err.contains("weir: http://a.test/none: status 404"), "{err}");
    assert!(err.ends_with("weir: 1 of 2 failed"), "{err}");
    write(&weir, "nobody.txt", &format!("http://{}/\n", testkit::port::free_addr()));
    let (code, out, _) = run_to_end(&["warm", "nobody.txt"], weir.dir());
    assert_eq!(code, Some(1));
    assert!(out.contains("1  failed: no whole answer"), "{out}");
}

#[test]
fn what_does_not_come_ends() {
    let origin = Origin::script(|turn| {
        let request = turn.request();
        if request.target() == "/half" {
            turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        }
        turn.drain();
    });
    let urls = format!("http://{0}/half\nhttp://{0}/none\n", origin.addr());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("urls.txt"), urls).unwrap();
    let (code, _, err) = run_to_end(&["warm", "urls.txt", "--timeout", "1"], dir.path());
    assert_eq!(code, Some(1));
    assert!(err.contains("/half: the content: nothing came within 1s"), "{err}");
    assert!(err.contains("/none: the answer: nothing came within 1s"), "{err}");
    let all = ["warm", "urls.txt", "--timeout", "60", "--max-time", "1"];
    let (code, _, err) = run_to_end(&all, dir.path());
    assert_eq!(code, Some(1));
    assert!(err.contains("it took longer than 1s"), "{err}");
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let origin = Origin::script(|turn| {
        turn.request();
        turn.send(answer("max-age=60", "x"));
    });
    let urls: String = (0..5).map(|at| format!("http://{}/{at}\n", origin.addr())).collect();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("urls.txt"), urls).unwrap();
    let (code, out, err) = run_to_end(&["warm", "urls.txt", "--concurrency", "1"], dir.path());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("5  without Cache-Status"), "{out}");
    assert_eq!(origin.requests().len(), 5);
}

#[test]
fn requests_at_once_are_as_many_as_are_wanted() {
    // Each waits for another one: with one at a time none would come back.
    let pair = Barrier::new(2);
    let origin = Origin::answer(move |_| {
        pair.wait();
        answer("max-age=60", "x")
    });
    let weir = cached(&origin);
    write(&weir, "urls.txt", "http://a.test/1\nhttp://a.test/2\n");
    assert_eq!(warm(&weir, &["urls.txt"]).0, Some(0));
    let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let origin = Origin::answer(move |_| {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        running.fetch_sub(1, Ordering::SeqCst);
        answer("max-age=60", "x")
    });
    let weir = cached(&origin);
    let urls: String = (0..50).map(|number| format!("http://a.test/{number}\n")).collect();
    write(&weir, "urls.txt", &urls);
    assert_eq!(warm(&weir, &["urls.txt", "--concurrency", "1"]).0, Some(0));
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    assert_eq!(origin.requests().len(), 50);
}

#[test]
fn without_a_terminal_the_progress_is_lines() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answer(move |_| {
        held.pass();
        answer("max-age=60", "x")
    });
    let weir = cached(&origin);
    write(&weir, "urls.txt", "http://a.test/1\n");
    let mut command = Command::new(binary());
    command.args(["warm", "urls.txt", "--connect", &weir.addr().to_string()]);
    command.current_dir(weir.dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        assert_eq!(line, "0/1 (0%), 0 hits, 0 stored, 0 failed, 0/s, ? left");
    }
    gate.open();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn wrong_usage_is_told_before_anything_is_asked_for() {
    let origin = site(&[]);
    let weir = cached(&origin);
    write(&weir, "good.txt", "http://a.test/\n");
    write(&weir, "bad.txt", "http://a.test/\n/relative\n");
    let twice = ["good.txt", "-H", "Host: b.test"];
    let cases: [(&[&str], &str); 10] = [
        (&[], "<FILE>"),
        (&["none.txt"], "none.txt"),
        (&["bad.txt"], "bad.txt:2: \"/relative\" is no URL"),
        (&["good.txt", "--concurrency", "0"], "concurrency"),
        (&["good.txt", "--concurrency", "1000"], "concurrency"),
        (&["good.txt", "--rate", "fast"], "requests in a second"),
        (&["good.txt", "-H", "no field"], "Name: value"),
        (&["good.txt", "-H", "Content-Length: 1"], "belongs to the connection"),
        (&twice, "--connect"),
        (&["good.txt", "--ca", "x", "--insecure"], "cannot be used with"),
    ];
    for (args, why) in cases {
        let (code, out, err) = warm(&weir, args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}: {err}");
        assert!(err.contains(why), "{args:?}: {err}");
    }
    assert!(origin.requests().is_empty());
}
