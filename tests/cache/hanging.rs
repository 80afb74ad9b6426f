//! A disk that fails, hangs or takes its time in the middle of an answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{Client, Origin, Outcome, Setup, Weir};

use super::disk::{Place, body, get, stop, wait_written};
use super::strace::Trace;

/// A body of this length does not fit into the buffers of a connection.
const LONG: &str = "/long/20000000";

/// Nothing on the disk is in the system's memory.
const COLD: &str = "inject=preadv2:error=EAGAIN";

/// No read comes back while the test runs, nor does a write.
const HANGS: &str = "inject=pread64,pwrite64,fsync,fdatasync:delay_enter=100000000";

fn setup(place: &Place) -> Setup {
    place.setup("memory \"8MiB\"", "size=\"128MiB\"")
}

fn start(place: &Place) -> Weir {
    setup(place).start()
}

/// Weir with these on its disk, and nothing in its memory.
fn restarted(place: &Place, requests: &[(&str, &str)], written: usize) -> Weir {
    let weir = start(place);
    for (target, fields) in requests {
        get(&weir, target, fields);
    }
    wait_written(&weir, written);
    stop(weir);
    start(place)
}

/// Weir with a long body on its disk, all of it checked.
fn start_with_long(place: &Place) -> Weir {
    with_long(start(place))
}

fn with_long(weir: Weir) -> Weir {
    get(&weir, LONG, "");
    wait_written(&weir, 1);
    assert!(get(&weir, LONG, "").body == body(LONG, ""));
    weir
}

/// A client that has asked for the long body and takes nothing.
fn stalled(weir: &Weir) -> Client {
    let mut client = weir.client();
    client.ask(format!("GET {LONG} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    std::thread::sleep(Duration::from_millis(500));
    client
}

/// Ends Weir while calls hang. The tracer holds up their threads, but not the end of `main`.
fn stop_hanging(mut weir: Weir, trace: Trace) {
    weir.signal(rustix::process::Signal::TERM);
    let status = format!("/proc/{}/status", weir.pid());
    let is_over =
        || std::fs::read_to_string(&status).is_ok_and(|text| text.contains("\tZ (zombie)"));
    let looks = (0..3000).find(|_| {
        std::thread::sleep(Duration::from_millis(10));
        is_over()
    });
    assert!(looks.is_some(), "it does not end: {}", trace.calls());
    trace.end();
    assert!(weir.wait_exit().success());
}

/// The file of the long body.
fn body_file(place: &Place) -> PathBuf {
    let mut folders = vec![place.path().join("cache")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_long(&path) {
                return path;
            }
        }
    }
    panic!("no file of {LONG}");
}

fn is_long(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() == 20_000_000)
}

#[test]
fn a_body_that_goes_while_its_client_takes_nothing_ends_the_transfer() {
    let place = Place::new();
    let weir = start_with_long(&place);
    let mut client = stalled(&weir);
    let file = std::fs::File::options().write(true).open(body_file(&place)).unwrap();
    file.set_len(1_000_000).unwrap();
    assert!(matches!(client.outcome(), Outcome::Cut(had) if had.len() < 20_000_000));
    // The next one gets it from the origin.
    assert!(get(&weir, LONG, "").body == body(LONG, ""));
}

#[test]
fn what_left_memory_while_its_client_took_nothing_is_read_again() {
    let place = Place::new();
    let weir = start_with_long(&place);
    let mut client = stalled(&weir);
    let trace = Trace::of(&weir, &[COLD]);
    assert!(client.response().body == body(LONG, ""));
    assert!(trace.end().contains("preadv2"), "nothing was looked for in memory");
}

#[test]
fn what_cannot_be_sent_from_its_file_is_read() {
    for error in ["EINVAL", "ENOSYS", "EOPNOTSUPP"] {
        let place = Place::new();
        let weir = start_with_long(&place);
        let trace = Trace::of(&weir, &[&format!("inject=sendfile:error={error}")]);
        assert!(get(&weir, LONG, "").body == body(LONG, ""), "{error}");
        let calls = trace.end();
        assert_eq!(calls.matches("(INJECTED)").count(), 1, "{error}: it was tried again: {calls}");
        stop(weir);
    }
}

#[test]
fn a_disk_that_hangs_holds_up_no_request_and_no_end() {
    let place = Place::new();
    let targets = ["/a/10", "/b/100000", "/c/3000000"];
    let weir = restarted(&place, &targets.map(|target| (target, "")), 3);
    let asked = place.asked();
    let trace = Trace::of(&weir, &[COLD, HANGS]);
    for target in targets {
        assert!(get(&weir, target, "").body == body(target, ""), "{target}");
    }
    assert_eq!(place.asked(), asked + 3, "{}", trace.calls());
    stop_hanging(weir, trace);
}

#[test]
fn a_disk_that_hangs_in_the_middle_of_a_body_ends_the_transfer() {
    let place = Place::new();
    let weir = with_long(setup(&place).global("timeouts { body-idle \"1s\"; }").start());
    let mut client = weir.client();
    client.ask(format!("GET {LONG} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    client.read_head().unwrap();
    let trace = Trace::of(&weir, &[COLD, HANGS]);
    assert!(client.read_exact(20_000_000).is_err(), "it came whole: {}", trace.calls());
    weir.wait_metrics(|m| m.sum("weir_faults_total", &["disk_read_timeout"]) == 1.0);
    stop_hanging(weir, trace);
}

#[test]
fn who_waits_for_another_variant_reads_its_own() {
    let place = Place::new();
    let target = "/e/300?Vary=Accept-Language";
    let languages = ["de", "fr", "it"];
    let fields = languages.map(|language| format!("Accept-Language: {language}\r\n"));
    let requests: Vec<_> = fields.iter().map(|field| (target, field.as_str())).collect();
    let weir = restarted(&place, &requests, 4);
    let asked = place.asked();
    // Long enough for all to ask before the first has read.
    let trace = Trace::of(&weir, &[COLD, "inject=pread64:delay_enter=50000"]);
    let mut clients = languages.map(|_| weir.client());
    for (client, field) in clients.iter_mut().zip(&fields) {
        client.ask(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n{field}\r\n"));
    }
    for (client, language) in clients.iter_mut().zip(languages) {
        assert!(client.response().body == body("/e/300", language));
    }
    assert_eq!(place.asked(), asked, "the disk has them all: {}", trace.calls());
}

#[test]
fn a_body_that_is_broken_off_is_removed_by_another_thread() {
    let half = |_: &testkit::Request| {
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nConnection: close\r\n\
                    Content-Length: 6000000\r\n\r\n";
        [head.as_bytes(), &[b'x'; 3_000_000]].concat()
    };
    let place = Place::with(Origin::answer(half));
    let weir = start(&place);
    let trace = Trace::of(&weir, &["trace=unlink,unlinkat"]);
    let mut client = weir.client();
    client.ask("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(matches!(client.outcome(), Outcome::Cut(_)));
    weir.wait_metrics(|_| trace.calls().contains("unlink"));
    let calls = trace.end();
    let by_worker = |line: &str| line.contains("<worker");
    assert!(!calls.lines().any(by_worker), "{calls}");
}

/// A client of HTTP/2 that lets its streams have windows of this many bytes.
fn windows(bytes: u32) -> Vec<u8> {
    let mut frame = vec![0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4];
    frame.extend_from_slice(&bytes.to_be_bytes());
    frame
}

/// A GET of the long body as a frame of HTTP/2.
fn frame_of_get(stream: u32) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x01, 6];
    block.extend_from_slice(b"a.test\x04");
    block.push(u8::try_from(LONG.len()).unwrap());
    block.extend_from_slice(LONG.as_bytes());
    let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 1, 5];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(&block);
    frame
}

#[test]
fn streams_that_take_nothing_hold_no_memory_and_others_hold_little() {
    const STREAMS: u32 = 100;
    let place = Place::new();
    let weir = start_with_long(&place);
    let used = || weir.metrics().sum("weir_memory_used_bytes", &[]);
    let (before, resident) = (used(), weir.rss_bytes());
    let mut client = weir.client();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(windows(0));
    (0..STREAMS).for_each(|at| bytes.extend(frame_of_get(2 * at + 1)));
    client.send(bytes);
    let mut heads = 0;
    while heads < STREAMS {
        let head = client.read_exact(9).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        client.read_exact(length as usize).unwrap();
        heads += u32::from(head[3] == 1);
    }
    let grown = weir.rss_bytes().saturating_sub(resident);
    assert!(grown < 6_000_000, "{grown} bytes for {STREAMS} streams that take nothing");
    assert!(used() - before < 1_000_000.0, "{} bytes of the budget", used() - before);
    // Each takes one byte: what it does not take is in the budget, and is not much.
    client.send(windows(1));
    let held = f64::from(STREAMS) * 16_383.0;
    weir.wait_metrics(|m| m.sum("weir_memory_used_bytes", &[]) - before >= held);
    assert!(used() - before < held + 1_000_000.0, "{} bytes of the budget", used() - before);
    drop(client);
    weir.wait_metrics(|m| m.sum("weir_memory_used_bytes", &[]) - before < held / 2.0);
}
