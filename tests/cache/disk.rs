//! The disk below a store: what outlives a restart, what is too long for memory, and what becomes
//! of requests when the disk does not work.

use std::path::Path;
use std::time::Duration;

use super::strace::Trace;
use testkit::{Client, Gate, Origin, Request, Response, Setup, Turn, Weir};

/// An origin and a directory that outlive Weir.
pub struct Place {
    pub origin: Origin,
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::with(Origin::answer(answer))
    }

    pub fn with(origin: Origin) -> Self {
        Self { origin, directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn start(&self) -> Weir {
        self.start_with("memory \"8MiB\"", "size=\"64MiB\"")
    }

    pub fn start_with(&self, store: &str, disk: &str) -> Weir {
        self.setup(store, disk).start()
    }

    pub fn setup(&self, store: &str, disk: &str) -> Setup {
        let path = self.path().join("cache");
        Setup::new()
            .to(&self.origin)
            .global(&format!("cache {{ {store}; disk {path:?} {disk}; }}"))
            .route("cache { purge \"127.0.0.1\"; }")
    }

    /// How often the origin was asked.
    pub fn asked(&self) -> usize {
        self.origin.requests().len()
    }
}

/// `/NAME/LENGTH?FIELD=VALUE`: a body that tells names, lengths and languages apart.
fn answer(request: &Request) -> Vec<u8> {
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    let language = request.field("Accept-Language").unwrap_or("none");
    let language = if query.contains("Vary") { language } else { "" };
    let body = body(path, language);
    let length = body.len();
    let mut head = format!(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nETag: \"{path}\"\r\n\
         Content-Length: {length}\r\n"
    );
    for field in query.split('&').filter_map(|field| field.split_once('=')) {
        head += &format!("{}: {}\r\n", field.0, field.1);
    }
    [format!("{head}\r\n").into_bytes(), body].concat()
}

pub fn body(path: &str, language: &str) -> Vec<u8> {
    let length = path.rsplit('/').next().and_then(|length| length.parse().ok()).unwrap_or(100);
    let text = format!("{path} {language} ");
    text.bytes().cycle().take(length).collect()
}

pub fn get(weir: &Weir, target: &str, fields: &str) -> Response {
    weir.client().exchange(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n"))
}

/// What `Cache-Status` says.
pub fn status(response: &Response) -> String {
    response.head.all("cache-status").join(", ")
}

pub fn stop(mut weir: Weir) {
    weir.signal(rustix::process::Signal::TERM);
    assert!(weir.wait_exit().success());
}

/// Waits until so many responses are on the disk.
pub fn wait_written(weir: &Weir, count: usize) {
    weir.wait_metrics(|m| {
        m.sum("weir_cache_disk_writes_total", &[]) == count as f64
            && m.sum("weir_cache_disk_queue_bytes", &[]) == 0.0
    });
}

/// Waits until standard error says something.
fn wait_told(weir: &Weir, text: &str) {
    for _ in 0..500 {
        if weir.stderr().iter().any(|line| line.contains(text)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{text:?} is not in {:?}", weir.stderr());
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let place = Place::new();
    let weir = place.start();
    let targets = ["/a/10", "/b/100000", "/c/500000", "/d/3000000"];
    for target in targets {
        assert_eq!(get(&weir, target, "").body, body(target, ""));
    }
    for language in ["de", "fr"] {
        get(&weir, "/e?Vary=Accept-Language", &format!("Accept-Language: {language}\r\n"));
    }
    // What tells the languages apart is a record too.
    wait_written(&weir, 7);
    stop(weir);
    let asked = place.asked();
    let weir = place.start();
    for target in targets {
        let response = get(&weir, target, "");
        assert!(response.body == body(target, ""), "{target}");
        assert!(status(&response).starts_with("weir; hit; ttl="), "{}", status(&response));
        assert!(response.field("age").is_some());
        assert_eq!(response.field("etag"), Some(&*format!("\"{target}\"")));
    }
    for language in ["fr", "de"] {
        let field = format!("Accept-Language: {language}\r\n");
        let response = get(&weir, "/e?Vary=Accept-Language", &field);
        assert_eq!(response.body, body("/e", language));
    }
    assert_eq!(place.asked(), asked, "nothing was fetched again");
    let other = get(&weir, "/e?Vary=Accept-Language", "Accept-Language: it\r\n");
    assert!(status(&other).contains("fwd="), "{}", status(&other));
    let metrics = weir.metrics();
    assert_eq!(metrics.sum("weir_cache_disk_hits_total", &["cache=\"default\""]), 6.0);
    assert_eq!(metrics.sum("weir_cache_disk_up", &[]), 1.0);
    assert!(metrics.sum("weir_cache_disk_objects", &[]) >= 6.0);
    assert!(metrics.sum("weir_cache_disk_bytes", &[]) > 3_600_000.0);
    assert!(metrics.sum("weir_cache_disk_index_bytes", &[]) > 0.0);
    for name in [
        "weir_cache_disk_corrupt_total",
        "weir_cache_disk_errors_total",
        "weir_cache_disk_dropped_total",
        "weir_cache_disk_evictions_total",
    ] {
        assert_eq!(metrics.sum(name, &[]), 0.0, "{name}");
    }
}

#[test]
fn ranges_heads_and_conditions_are_answered_from_the_disk() {
    let place = Place::new();
    let weir = place.start();
    let target = "/long/2000000";
    get(&weir, target, "");
    wait_written(&weir, 1);
    stop(weir);
    let weir = place.start();
    let whole = body(target, "");
    let part = get(&weir, target, "Range: bytes=1000000-1299999\r\n");
    assert_eq!(part.status, 206);
    assert!(part.body == whole[1_000_000..1_300_000]);
    let parts = get(&weir, target, "Range: bytes=0-1,1999998-\r\n");
    assert!(parts.field("content-type").unwrap().starts_with("multipart/byteranges"));
    let fresh = get(&weir, target, &format!("If-None-Match: \"{target}\"\r\n"));
    assert_eq!((fresh.status, fresh.body.len()), (304, 0));
    let mut client = weir.client();
    client.ask(format!("HEAD {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    let head = client.read_head().unwrap();
    assert!(String::from_utf8_lossy(&head).to_lowercase().contains("content-length: 2000000"));
    assert_eq!(place.asked(), 1);
}

#[test]
fn a_purge_outlives_a_restart() {
    let place = Place::new();
    let weir = place.start();
    for target in ["/url/9", "/tag/9?Cache-Tag=t", "/soft/9", "/pre/x/9", "/kept/9"] {
        get(&weir, target, "");
    }
    wait_written(&weir, 5);
    let purged =
        weir.client().exchange("PURGE /url/9 HTTP/1.1\r\nHost: a.test\r\nPurge-Mode: hard\r\n\r\n");
    assert_eq!((purged.status, purged.text().as_str()), (200, "{\"purged\":1}\n"));
    for body in [
        "{\"tag\":\"t\",\"mode\":\"hard\"}",
        "{\"url\":\"http://a.test/soft/9\"}",
        "{\"prefix\":\"http://a.test/pre/\",\"mode\":\"hard\"}",
    ] {
        let length = body.len();
        let request = format!(
            "POST /cache/purge HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        assert_eq!(Client::connect(weir.admin_addr()).exchange(request).status, 200);
    }
    // No time to do anything more.
    drop(weir);
    let weir = place.start();
    let of = |target: &str| status(&get(&weir, target, ""));
    assert!(of("/kept/9").starts_with("weir; hit"));
    for target in ["/url/9", "/tag/9?Cache-Tag=t", "/pre/x/9"] {
        assert!(of(target).contains("fwd=uri-miss"), "{target}");
    }
    assert!(of("/soft/9").contains("fwd=stale"));
}

#[test]
fn a_change_at_the_origin_takes_what_the_disk_has() {
    let place = Place::new();
    let weir = place.start();
    get(&weir, "/x/9", "");
    wait_written(&weir, 1);
    let post = "POST /x/9 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(weir.client().exchange(post).status, 200);
    stop(weir);
    let weir = place.start();
    assert!(status(&get(&weir, "/x/9", "")).contains("fwd=uri-miss"));
}

#[test]
fn what_is_longer_than_memory_is_followed_kept_and_found() {
    const PART: usize = 6_000_000;
    let gate = Gate::default();
    let origin = {
        let gate = gate.clone();
        Origin::script(move |turn: &mut Turn| {
            while let Some(request) = turn.next_request() {
                let is_chunked = request.target().ends_with("chunked");
                turn.send("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n");
                let chunk = |byte: u8| vec![byte; PART];
                if is_chunked {
                    turn.send("Transfer-Encoding: chunked\r\n\r\n");
                    turn.send(format!("{PART:x}\r\n"));
                    turn.send([chunk(b'x'), b"\r\n".to_vec()].concat());
                    gate.pass();
                    turn.send(format!("{PART:x}\r\n"));
                    turn.send([chunk(b'y'), b"\r\n0\r\n\r\n".to_vec()].concat());
                } else {
                    turn.send(format!("Content-Length: {}\r\n\r\n", 2 * PART));
                    turn.send(chunk(b'x'));
                    gate.pass();
                    turn.send(chunk(b'y'));
                }
            }
        })
    };
    let place = Place { origin, directory: tempfile::tempdir().unwrap() };
    let weir = place.start_with("memory \"2MiB\"", "size=\"200MiB\"");
    let target = |kind: &str| format!("GET /{kind} HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let mut waiting = Vec::new();
    for kind in ["length", "chunked"] {
        for _ in 0..3 {
            let mut client = weir.client();
            client.ask(target(kind));
            waiting.push(client);
        }
    }
    // One that comes late begins at the beginning, which is on disk only.
    std::thread::sleep(Duration::from_millis(300));
    for kind in ["length", "chunked"] {
        let mut client = weir.client();
        client.ask(target(kind));
        waiting.push(client);
    }
    gate.open();
    gate.open();
    for client in &mut waiting {
        let response = client.response();
        assert_eq!(response.body.len(), 2 * PART);
        assert!(response.body[..PART].iter().all(|byte| *byte == b'x'));
        assert!(response.body[PART..].iter().all(|byte| *byte == b'y'));
    }
    assert_eq!(place.asked(), 2);
    weir.wait_metrics(|m| m.sum("weir_cache_disk_writes_total", &[]) == 2.0);
    assert!(weir.metrics().sum("weir_cache_bytes", &[]) < 100_000.0);
    drop(weir);
    let weir = place.start_with("memory \"2MiB\"", "size=\"200MiB\"");
    for kind in ["length", "chunked"] {
        let response = get(&weir, &format!("/{kind}"), "");
        assert!(response.body.len() == 2 * PART && status(&response).contains("hit"), "{kind}");
    }
    assert_eq!(place.asked(), 2);
}

#[test]
fn an_origin_that_breaks_off_leaves_nothing_on_disk() {
    let origin = Origin::script(|turn: &mut Turn| {
        let request = turn.request();
        turn.send(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4000000\r\n\r\n",
        );
        let is_whole = request.field("X-Whole").is_some();
        turn.send(vec![b'x'; if is_whole { 4_000_000 } else { 3_000_000 }]);
    });
    let place = Place { origin, directory: tempfile::tempdir().unwrap() };
    let weir = place.start_with("memory \"2MiB\"", "size=\"200MiB\"");
    let mut client = weir.client();
    client.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.read_head().unwrap();
    assert!(client.read_exact(4_000_000).is_err(), "the end is missing");
    weir.wait_metrics(|m| m.sum("weir_cache_not_kept_total", &["reason=\"incomplete\""]) == 1.0);
    assert_eq!(weir.metrics().sum("weir_cache_disk_objects", &[]), 0.0);
    let again = get(&weir, "/", "X-Whole: 1\r\n");
    assert_eq!(again.body.len(), 4_000_000);
    assert!(status(&again).contains("fwd=uri-miss"));
}

#[test]
fn without_its_disk_the_cache_works_in_memory() {
    let place = Place::new();
    std::fs::write(place.path().join("cache"), "a file is in the way").unwrap();
    let weir = place.start();
    wait_told(&weir, "the cache works without its disk");
    get(&weir, "/x/9", "");
    assert!(status(&get(&weir, "/x/9", "")).starts_with("weir; hit"));
    assert_eq!(weir.metrics().sum("weir_cache_disk_up", &["cache=\"default\""]), 0.0);
    let listed = Client::connect(weir.admin_addr()).get("/cache").text();
    assert!(listed.contains("\"up\": false"), "{listed}");
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let place = Place::new();
    let first = place.start();
    let second = place.start();
    wait_told(&second, "is in use by another store");
    get(&second, "/x/9", "");
    assert!(status(&get(&second, "/x/9", "")).starts_with("weir; hit"));
    drop(first);
}

#[test]
fn what_memory_has_no_room_for_is_found_on_disk() {
    let place = Place::new();
    let weir = place.start_with("memory \"1MiB\"", "size=\"64MiB\"");
    let targets: Vec<_> = (0..200).map(|number| format!("/{number}/20000")).collect();
    for _ in 0..2 {
        for target in &targets {
            assert!(get(&weir, target, "").body == body(target, ""), "{target}");
        }
        weir.wait_metrics(|m| m.sum("weir_cache_disk_queue_bytes", &[]) == 0.0);
    }
    assert_eq!(place.asked(), 200);
    assert!(weir.metrics().sum("weir_cache_bytes", &[]) <= 1_048_576.0);
    assert!(weir.metrics().sum("weir_cache_disk_hits_total", &[]) > 100.0);
}

#[test]
fn damage_on_disk_is_never_served() {
    let place = Place::new();
    let weir = place.start();
    let targets: Vec<_> =
        (0..40).map(|number| format!("/{number}/{}", 30_000 * (1 + number % 15))).collect();
    for target in &targets {
        get(&weir, target, "");
    }
    wait_written(&weir, targets.len());
    stop(weir);
    // A bit in each page of each file.
    let mut files = Vec::new();
    let mut folders = vec![place.path().join("cache")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if !["lock", "identity", "purges"].iter().any(|name| entry.file_name() == *name)
            {
                files.push(entry.path());
            }
        }
    }
    for file in files {
        let mut bytes = std::fs::read(&file).unwrap();
        // What is read first of a long one is whole, so that an answer begins.
        let first = if file.to_string_lossy().contains("bodies") { 200_000 } else { 100_000 };
        for at in (first..bytes.len()).step_by(100_000) {
            bytes[at] ^= 4;
        }
        std::fs::write(&file, bytes).unwrap();
    }
    let before = place.asked();
    let weir = place.start();
    let mut cut = 0;
    for target in &targets {
        let mut client = weir.client();
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        let wanted = body(target, "");
        let head = client.read_head().unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200"), "{target}");
        match client.read_exact(wanted.len()) {
            Ok(got) => assert!(got == wanted, "{target}: damaged content"),
            // Found out in the middle of it: the client knows that it has not got all.
            Err(_) => cut += 1,
        }
        assert!(get(&weir, target, "").body == wanted, "{target}: the next one gets it whole");
    }
    assert!(place.asked() > before && cut > 0 && cut < 30, "{cut} of 40 were cut");
    assert!(weir.metrics().sum("weir_cache_disk_corrupt_total", &[]) > 0.0);
}

#[test]
fn what_waits_to_be_written_and_what_is_written_are_bounded() {
    let place = Place::new();
    let weir = place.start_with("memory \"64MiB\"", "size=\"2MiB\" queue-bytes-max=\"64KiB\"");
    // It alone is more than may wait.
    let long = get(&weir, "/long/100000", "");
    assert_eq!(long.body.len(), 100_000);
    weir.wait_metrics(|m| m.sum("weir_cache_disk_dropped_total", &[]) >= 1.0);
    let targets: Vec<_> = (0..200).map(|number| format!("/{number}/50000")).collect();
    for target in &targets {
        assert!(get(&weir, target, "").body == body(target, ""));
    }
    // Room is made for those that are asked for again.
    for _ in 0..10 {
        for target in &targets {
            get(&weir, target, "Cache-Control: no-cache\r\n");
        }
        if weir.metrics().sum("weir_cache_disk_evictions_total", &[]) > 0.0 {
            break;
        }
    }
    let metrics = weir.metrics();
    assert!(metrics.sum("weir_cache_disk_evictions_total", &[]) > 0.0);
    assert!(metrics.sum("weir_cache_disk_bytes", &[]) <= 2_097_152.0);
}

/// Mounts, if that may be done here.
fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = std::process::Command::new("mount");
    let status = command.args(arguments).arg(path).stderr(std::process::Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_and_one_that_may_only_be_read_fail_no_request() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("cache")).unwrap();
    let mounted = place.path().join("cache");
    if !mount(&["-t", "tmpfs", "-o", "size=2m", "weir-test"], &mounted) {
        eprintln!("skipped: no file system may be mounted here");
        return;
    }
    let targets: Vec<_> = (0..100).map(|number| format!("/{number}/50000")).collect();
    let ask_all = |weir: &Weir| {
        for target in &targets {
            assert!(get(weir, target, "").body == body(target, ""), "{target}");
        }
        for target in ["/long/1000000", "/longer/9000000"] {
            assert!(get(weir, target, "").body == body(target, ""), "{target}");
        }
    };
    // The configuration promises more than the disk has.
    let weir = place.start();
    ask_all(&weir);
    weir.wait_metrics(|m| m.sum("weir_cache_disk_up", &[]) == 0.0);
    assert!(weir.metrics().sum("weir_cache_disk_errors_total", &[]) >= 8.0);
    ask_all(&weir);
    stop(weir);
    assert!(mount(&["-o", "remount,ro"], &mounted));
    let weir = place.start();
    ask_all(&weir);
    assert_eq!(weir.metrics().sum("weir_cache_disk_up", &[]), 0.0);
    stop(weir);
    let _ = std::process::Command::new("umount").arg(&mounted).status();
}

#[test]
fn an_explanation_knows_the_disk_and_leaves_it_alone() {
    let place = Place::new();
    let weir = place.start();
    get(&weir, "/x/9", "");
    wait_written(&weir, 1);
    stop(weir);
    let weir = place.start();
    let admin = weir.admin_addr().to_string();
    let args = ["explain", "--json", "--admin", &admin, "http://a.test/x/9"];
    let (code, out, err) = testkit::weir::run_to_end(&args, weir.dir());
    assert_eq!(code, Some(0), "{err}");
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["cache"]["would"], "hit");
    assert_eq!(weir.metrics().sum("weir_cache_disk_hits_total", &[]), 0.0);
    assert_eq!(weir.metrics().sum("weir_cache_objects", &[]), 0.0);
}

#[test]
fn what_was_checked_is_sent_from_its_file() {
    let place = Place::new();
    let target = "/long/5000000";
    let weir = place.start();
    get(&weir, target, "");
    wait_written(&weir, 1);
    stop(weir);
    let weir = place.start();
    // The first answer reads all of it, and checks it.
    assert!(get(&weir, target, "").body == body(target, ""));
    let trace = Trace::of(&weir, &["trace=sendfile"]);
    let whole = body(target, "");
    assert!(get(&weir, target, "").body == whole);
    let part = get(&weir, target, "Range: bytes=1000000-3999999\r\n");
    assert!(part.body == whole[1_000_000..4_000_000]);
    let calls = trace.end();
    let sent: u64 =
        calls.lines().filter_map(|line| line.rsplit_once("= ")?.1.trim().parse::<u64>().ok()).sum();
    assert!(sent > 7_000_000, "{sent} bytes by sendfile: {calls}");
}

#[test]
fn what_lies_on_disk_holds_no_descriptor_and_no_space_while_nobody_reads_it() {
    let place = Place::new();
    let weir = place.start_with("memory \"8MiB\"", "size=\"64MiB\"");
    let idle = weir.open_files();
    let targets: Vec<_> = (0..300).map(|number| format!("/{number}/600000")).collect();
    for target in &targets {
        assert!(get(&weir, target, "").body == body(target, ""));
        assert!(get(&weir, target, "").body == body(target, ""));
    }
    weir.wait_metrics(|m| m.sum("weir_cache_disk_queue_bytes", &[]) == 0.0);
    assert!(weir.metrics().sum("weir_cache_objects", &[]) >= 90.0);
    // A file for each segment, a few connections, and none for each of the bodies.
    let open = weir.open_files();
    assert!(open < idle + 40, "{open} files are open, {idle} at the start");
    let held = std::fs::read_dir(format!("/proc/{}/fd", weir.pid())).unwrap();
    let held = held.flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let gone = held.filter(|path| path.to_string_lossy().ends_with("(deleted)")).count();
    assert!(gone < 5, "{gone} deleted files are held");
}
