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

fn setup(place: &Place) -> Setup {
    place.setup("memory \"8MiB\"", "size=\"128MiB\"")
}

fn start(place: &Place) -> Weir {
    setup(place).start()
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
