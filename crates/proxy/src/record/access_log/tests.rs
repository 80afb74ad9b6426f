//! Tests of the log as a whole: the lines, and the way they take to a file.

use std::fs::{self, File};
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::Path;

use http1::Headers;
use proptest::prelude::*;

use super::dates::Dates;
use super::format::JSON_FIELDS;
use super::worker::{BUFFER_BYTES_MAX, FLUSH_BYTES};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn headers(fields: &[(&str, &[u8])]) -> Headers {
    let mut headers = Headers::new();
    fields.iter().for_each(|(name, value)| headers.push(name.as_bytes(), value));
    headers
}

fn record<'a>(request: &'a Headers, response: &'a Headers) -> LogRecord<'a> {
    LogRecord {
        time_unix_ns: 1_795_455_634_120_000_000,
        client: Some(Ipv4Addr::new(192, 0, 2, 7).into()),
        peer: Some(([10, 0, 0, 1], 4711).into()),
        method: "GET",
        scheme: "http",
        host: b"example.com",
        target: b"/a%20b?x=1",
        protocol: "HTTP/1.1",
        status: 502,
        bytes_in: 12,
        bytes_out: 345,
        duration: Duration::from_micros(12_034),
        route: Some("example.com/*"),
        upstream: Some("app"),
        server: Some("10.0.0.1:8080"),
        attempts: 2,
        connect: Some(Duration::from_micros(400)),
        first_byte: Some(Duration::from_micros(11_000)),
        request_id: b"r-1",
        reason: Some("connection_refused"),
        cache: Some("miss"),
        request_headers: Some(request),
        response_headers: Some(response),
    }
}

fn line(format: &LogFormat, record: &LogRecord<'_>) -> String {
    let mut out = Vec::new();
    Format::new(format).write(record, &mut Dates::default(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_json_line_has_every_field() {
    let request = headers(&[("User-Agent", b"curl/8"), ("Referer", b"https://a/\"b\"")]);
    let response = headers(&[]);
    let line = line(&LogFormat::Json, &record(&request, &response));
    assert_eq!(
        line,
        concat!(
            r#"{"time":"2026-11-23T17:40:34.120Z","client":"192.0.2.7","peer":"10.0.0.1:4711","#,
            r#""method":"GET","scheme":"http","host":"example.com","path":"/a%20b","#,
            r#""query":"x=1","protocol":"HTTP/1.1","status":502,"bytes_in":12,"bytes_out":345,"#,
            r#""duration_ms":12.034,"route":"example.com/*","upstream":"app","#,
            r#""server":"10.0.0.1:8080","attempts":2,"connect_ms":0.400,"first_byte_ms":11.000,"#,
            r#""request_id":"r-1","reason":"connection_refused","cache":"miss","#,
            r#""referer":"https://a/\"b\"","user_agent":"curl/8"}"#,
            "\n"
        )
    );
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value.as_object().unwrap().len(), JSON_FIELDS.len());
}

#[test]
fn what_is_absent_is_left_out_of_json_and_a_dash_elsewhere() {
    let bare = LogRecord { status: 400, ..LogRecord::default() };
    assert_eq!(
        line(&LogFormat::Json, &bare),
        concat!(
            r#"{"time":"1970-01-01T00:00:00.000Z","status":400,"bytes_in":0,"bytes_out":0,"#,
            r#""duration_ms":0.000}"#,
            "\n"
        )
    );
    assert_eq!(
        line(&LogFormat::Combined, &bare),
        "- - - [01/Jan/1970:00:00:00 +0000] \"- - -\" 400 0 \"-\" \"-\"\n"
    );
}

#[test]
fn a_combined_line_is_what_tools_expect() {
    let request = headers(&[("user-agent", b"a\"b\\\xff")]);
    assert_eq!(
        line(&LogFormat::Combined, &record(&request, &Headers::new())),
        concat!(
            "192.0.2.7 - - [23/Nov/2026:17:40:34 +0000] \"GET /a%20b?x=1 HTTP/1.1\" 502 345 ",
            "\"-\" \"a\\x22b\\x5c\\xff\"\n"
        )
    );
}

#[test]
fn a_custom_line_looks_up_any_field() {
    let segments = vec![
        Segment::Literal("x\n\"".into()),
        Segment::Field(Field::Header("x-one".into())),
        Segment::Literal("\" ".into()),
        Segment::Field(Field::ResponseHeader("X-Two".into())),
        Segment::Literal(" ".into()),
        Segment::Field(Field::Header("absent".into())),
        Segment::Literal(" end".into()),
    ];
    let (request, response) = (headers(&[("X-One", b"1\t2")]), headers(&[("x-two", b"zwei")]));
    assert_eq!(
        line(&LogFormat::Custom(segments), &record(&request, &response)),
        "x\\x0a\"1\\x092\" zwei - end\n"
    );
}

#[test]
fn addresses_of_both_families() {
    for (address, text) in [
        ("::1", "::1"),
        ("2001:db8::10", "2001:db8::10"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("255.0.10.9", "255.0.10.9"),
    ] {
        let record = LogRecord { client: address.parse().ok(), ..LogRecord::default() };
        let format = LogFormat::Custom(vec![Segment::Field(Field::Client)]);
        assert_eq!(line(&format, &record), format!("{text}\n"));
    }
}

#[test]
fn the_manual_page_names_every_field() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access-log.md");
    let page = fs::read_to_string(path).unwrap();
    for (key, _) in JSON_FIELDS {
        assert!(page.contains(&format!("| `{key}` |")), "{key} is not in docs/access-log.md");
    }
}

proptest! {
    #[test]
    fn no_value_leaves_its_line_or_its_field(
        target: Vec<u8>, host: Vec<u8>, agent: Vec<u8>, referer: Vec<u8>, id: Vec<u8>,
    ) {
        let (agent, referer) = (field_value(agent), field_value(referer));
        let request = headers(&[("user-agent", &agent), ("referer", &referer)]);
        let none = Headers::new();
        let record =
            LogRecord { target: &target, host: &host, request_id: &id, ..record(&request, &none) };
        let json = line(&LogFormat::Json, &record);
        prop_assert_eq!(json.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&value["reason"], "connection_refused");
        let combined = line(&LogFormat::Combined, &record);
        prop_assert_eq!(combined.matches('\n').count(), 1);
        prop_assert_eq!(combined.matches('"').count(), 6);
        let mut bytes = combined.trim_end_matches('\n').bytes();
        prop_assert!(bytes.all(|byte| matches!(byte, b' '..=b'~')));
    }
}

/// What the parser lets into a field: anything but control characters.
fn field_value(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.retain(|byte| !byte.is_ascii_control());
    bytes.trim_ascii().to_vec()
}

fn numbered() -> Format {
    let segments =
        vec![Segment::Literal("line ".into()), Segment::Field(Field::Status), space(), filler()];
    Format::new(&LogFormat::Custom(segments))
}

fn space() -> Segment {
    Segment::Literal(" ".into())
}

fn filler() -> Segment {
    Segment::Literal("x".repeat(1_000))
}

fn write_lines(log: &mut WorkerLog, statuses: std::ops::Range<u16>) {
    for status in statuses {
        log.record(&LogRecord { status, ..LogRecord::default() });
    }
}

fn lines_of(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "no half line");
    text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Waits until a condition holds that another thread brings about.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("never: {what}");
}

struct Fixture {
    directory: tempfile::TempDir,
    counts: Arc<LogCounts>,
}

impl Fixture {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), counts: Arc::default() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self, name: &str) -> AccessLog {
        let target = Target::File(self.path(name));
        AccessLog::start(numbered(), target, Arc::clone(&self.counts)).unwrap()
    }
}

#[test]
fn lines_of_two_workers_reach_the_file_in_their_order() {
    let fixture = Fixture::new();
    let log = fixture.start("log");
    let mut workers = [log.worker(), log.worker()];
    std::thread::scope(|scope| {
        for (worker, log) in workers.iter_mut().enumerate() {
            let from = worker as u16 * 1_000;
            scope.spawn(move || write_lines(log, from..from + 500));
        }
    });
    drop(workers);
    assert!(log.stop(PATIENCE));
    let lines = lines_of(&fixture.path("log"));
    for from in [0, 1_000] {
        let expected: Vec<_> = (from..from + 500).map(|status| format!("line {status}")).collect();
        let own: Vec<_> = lines.iter().filter(|line| expected.contains(line)).cloned().collect();
        assert_eq!(own, expected);
    }
    assert_eq!((fixture.counts.written(), fixture.counts.dropped()), (1_000, 0));
}

#[test]
fn a_tick_hands_over_what_little_there_is() {
    let fixture = Fixture::new();
    let log = fixture.start("log");
    let mut worker = log.worker();
    write_lines(&mut worker, 1..2);
    assert_eq!(fixture.counts.written(), 0);
    worker.flush();
    worker.flush();
    until("the line is written", || fixture.counts.written() == 1);
    assert_eq!(lines_of(&fixture.path("log")), ["line 1"]);
}

#[test]
fn reopening_follows_a_rotation() {
    let fixture = Fixture::new();
    let log = fixture.start("log");
    let mut worker = log.worker();
    write_lines(&mut worker, 1..2);
    worker.flush();
    until("the first line is written", || fixture.counts.written() == 1);
    fs::rename(fixture.path("log"), fixture.path("log.1")).unwrap();
    log.reopen();
    until("the new file is there", || fixture.path("log").exists());
    write_lines(&mut worker, 2..3);
    drop(worker);
    assert!(log.stop(PATIENCE));
    assert_eq!(lines_of(&fixture.path("log.1")), ["line 1"]);
    assert_eq!(lines_of(&fixture.path("log")), ["line 2"]);
}

#[test]
fn a_reopening_that_fails_keeps_the_old_file() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("logs")).unwrap();
    let log = fixture.start("logs/log");
    fs::rename(fixture.path("logs"), fixture.path("old")).unwrap();
    log.reopen();
    until("the error is counted", || fixture.counts.errors() == 1);
    let mut worker = log.worker();
    write_lines(&mut worker, 7..8);
    drop(worker);
    assert!(log.stop(PATIENCE));
    assert_eq!(lines_of(&fixture.path("old/log")), ["line 7"]);
}

#[test]
fn a_full_disk_costs_lines_and_is_left_when_there_is_room() {
    let fixture = Fixture::new();
    symlink("/dev/full", fixture.path("log")).unwrap();
    let log = fixture.start("log");
    let mut worker = log.worker();
    write_lines(&mut worker, 1..4);
    worker.flush();
    until("the lines are dropped", || fixture.counts.dropped() == 3);
    assert_eq!(fixture.counts.errors(), 1);
    fs::remove_file(fixture.path("log")).unwrap();
    write_lines(&mut worker, 4..5);
    drop(worker);
    assert!(log.stop(PATIENCE));
    assert_eq!(lines_of(&fixture.path("log")), ["line 4"]);
    assert_eq!(fixture.counts.written(), 1);
}

#[test]
fn a_target_that_cannot_be_opened_is_an_error() {
    let fixture = Fixture::new();
    let target = Target::File(fixture.path("missing/log"));
    assert!(AccessLog::start(numbered(), target, Arc::default()).is_err());
}

/// Far more than the pipe, the queue and the buffer hold together.
const FLOOD: u16 = 12_000;

#[test]
fn a_reader_that_stands_still_costs_lines_and_never_a_worker() {
    let counts = Arc::new(LogCounts::default());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let sink = Sink::of(File::from(OwnedFd::from(writer)), Arc::clone(&counts));
    let log = AccessLog::start_on(numbered(), sink, Arc::clone(&counts)).unwrap();
    let mut worker = log.worker();
    write_lines(&mut worker, 0..FLOOD);
    assert!(counts.dropped() > 0, "the flood exceeds all buffers");
    let held = QUEUE_BUFFERS_MAX + 4;
    assert!(u64::from(FLOOD) - counts.dropped() < (held * BUFFER_BYTES_MAX / 1_000) as u64);
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    until("the queue drains", || worker.try_hand_over());
    drop(worker);
    assert!(log.stop(PATIENCE));
    let text = reading.join().unwrap();
    assert!(text.lines().all(|line| line.starts_with("line ") && line.ends_with('x')));
    assert_eq!(text.lines().count() as u64, counts.written());
    assert_eq!(counts.written() + counts.dropped(), u64::from(FLOOD));
}

#[test]
fn stopping_does_not_wait_for_a_reader_for_ever() {
    let (reader, writer) = std::io::pipe().unwrap();
    let sink = Sink::of(File::from(OwnedFd::from(writer)), Arc::default());
    let log = AccessLog::start_on(numbered(), sink, Arc::default()).unwrap();
    let mut worker = log.worker();
    write_lines(&mut worker, 0..500);
    drop(worker);
    assert!(!log.stop(Duration::from_millis(50)));
    drop(reader);
}

#[test]
fn buffers_come_back() {
    let fixture = Fixture::new();
    let log = fixture.start("log");
    let mut worker = log.worker();
    let mut written = 0;
    until("a used buffer is taken again", || {
        let lines = (FLUSH_BYTES / 1_000 + 2) as u16;
        write_lines(&mut worker, 0..lines);
        written += u64::from(lines);
        worker.flush();
        until("it is written", || fixture.counts.written() == written);
        worker.buffer_bytes() > 0
    });
}

#[test]
fn a_configured_format_is_run_as_written() {
    let text = "listen \":1\"\nsite { route \"/*\" { respond 200; }; }\n\
                access-log \"stderr\" format=\"{method} {header.X-One} {status}\"\n";
    let config = config::load_text("weir.kdl", text).unwrap();
    let log = &config.access_logs[0];
    assert_eq!(Target::from(&log.target), Target::Stderr);
    let request = headers(&[("X-One", b"1")]);
    let line = line(&LogFormat::from(&log.format), &record(&request, &Headers::new()));
    assert_eq!(line, "GET 1 502\n");
}
