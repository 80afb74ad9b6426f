//! Requests: each is served or refused with the status of its reason, and the connection of a
//! refused one ends there.

use crate::corpus::{Case, read};
use testkit::origin::ok;
use testkit::{Client, LogLine, Origin, Outcome, Setup, Weir};

const BEGINNINGS: [(&str, &str); 3] = [
    ("host", "Host: h\r\n"),
    ("post", "POST / HTTP/1.1\r\nHost: h\r\n"),
    ("chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"),
];

/// The status that belongs to an outcome; `None` for a request that never ends.
fn status(outcome: &str) -> Option<u16> {
    Some(match outcome {
        "more" => return None,
        "ok" => 200,
        "uri_too_long" => 414,
        "bad_expectation" => 417,
        "head_too_large" | "too_many_headers" | "header_name_too_long" | "trailers_too_large" => {
            431
        }
        "unknown_coding" | "method_too_long" => 501,
        "unsupported_version" => 505,
        _ => 400,
    })
}

/// What the whole proxy does otherwise than the engine alone, which knows no connections.
fn expected(case: &Case) -> Vec<&str> {
    match case.name.as_str() {
        "target_connect" => vec!["connect_refused"],
        // An HTTP/1.0 connection ends with its first response; what follows is never read.
        "cl_http10_none" => vec!["ok"],
        _ => case.outcomes.iter().map(String::as_str).collect(),
    }
}

/// What is wrong with how `case` went, if anything. Our direction is closed when nothing more is
/// due, or to show that what is missing will not come.
fn judge(case: &Case, client: &mut Client) -> Result<usize, String> {
    let mut served = 0;
    if case.outcomes.last().is_some_and(|outcome| outcome == "more") {
        client.half_close();
    }
    for outcome in expected(case) {
        let want = if outcome == "connect_refused" { Some(501) } else { status(outcome) };
        match (want, client.outcome()) {
            (Some(want), Outcome::Whole(got)) if got.status == want => {
                served += usize::from(want == 200);
            }
            (None, Outcome::Whole(got)) if matches!(got.status, 400 | 408) => {}
            (None, Outcome::Cut(had)) if had.is_empty() => {}
            (want, other) => return Err(format!("{outcome} is {want:?}, got {other:?}")),
        }
    }
    client.half_close();
    match client.outcome() {
        Outcome::Cut(had) if had.is_empty() => Ok(served),
        other => Err(format!("more than expected: {other:?}")),
    }
}

/// Plays one case; how many of its requests were served, and by the origin's own count.
fn play(case: &Case, weir: &Weir, origin: &Origin) -> Result<usize, String> {
    let seen_before = origin.requests().len();
    let mut client = weir.client();
    client.send(&case.bytes);
    let served = judge(case, &mut client)?;
    let seen = origin.requests().len() - seen_before;
    if seen == served {
        return Ok(served);
    }
    Err(format!("the origin saw {seen} requests, {served} were served"))
}

/// Compares the log lines of one case with how it went.
fn compare(case: &Case, served: usize, log: &[LogLine]) -> Result<(), String> {
    let passed = log.iter().filter(|line| line.status() == 200).count();
    if passed != served {
        return Err(format!("{served} served, {passed} logged"));
    }
    let expected = expected(case);
    let Some(reason) = expected.last().filter(|o| !matches!(**o, "ok" | "more")) else {
        return Ok(());
    };
    let reasons: Vec<_> = log.iter().map(|line| line.text("reason")).collect();
    let named = reasons.iter().any(|logged| logged == reason);
    named.then_some(()).ok_or_else(|| format!("logged {reasons:?}, not {reason}"))
}

/// The log of the one worker, cut at the requests made after each case to mark its end.
fn log_by_case(weir: &Weir, cases: usize) -> Vec<Vec<LogLine>> {
    let is_mark = |line: &LogLine| line.text("path") == "/mark";
    let mut log = weir.wait_log(cases);
    while log.iter().filter(|line| is_mark(line)).count() < cases {
        log = weir.wait_log(log.len() + 1);
    }
    log.split(is_mark).map(<[_]>::to_vec).collect()
}

#[test]
fn each_request_has_its_exact_outcome() {
    let origin = Origin::simple(ok("seen"));
    // The preface of HTTP/2 is one of the cases, and here it is to be refused.
    let weir = Setup::new().to(&origin).listener("protocols \"h1\"").workers(1).start();
    let cases = read("requests.txt", &BEGINNINGS);
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let played: Vec<_> = cases
        .iter()
        .map(|case| {
            let outcome = play(case, &weir, &origin);
            assert_eq!(weir.get("/mark").status, 200, "{}", case.name);
            outcome
        })
        .collect();
    let logs = log_by_case(&weir, cases.len());
    let judged = cases.iter().zip(played).zip(&logs);
    let failed: Vec<_> = judged
        .filter_map(|((case, played), log)| {
            let outcome = played.and_then(|served| compare(case, served, log));
            outcome.err().map(|why| format!("{}: {why}", case.name))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), cases.len());
    let lines = origin.seen().lines();
    assert!(lines.iter().all(|line| !line.contains("evil")), "{lines:?}");
}

#[test]
fn each_refusal_is_the_same_byte_by_byte() {
    let origin = Origin::simple(ok("seen"));
    let weir = Setup::new().to(&origin).listener("protocols \"h1\"").start();
    let short = |case: &&Case| case.bytes.len() < 200;
    let mut failed = Vec::new();
    for case in read("requests.txt", &BEGINNINGS).iter().filter(short) {
        let mut client = weir.client();
        for byte in &case.bytes {
            if !client.try_send([*byte]) {
                break;
            }
        }
        if let Err(why) = judge(case, &mut client) {
            failed.push(format!("{}: {why}", case.name));
        }
    }
    assert!(failed.is_empty(), "{}: {failed:#?}", failed.len());
}

#[test]
fn refusals_are_counted_by_reason() {
    let origin = Origin::simple(ok("seen"));
    let weir = Weir::before(&origin);
    let ask = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(weir.client().exchange(ask).status, 400);
    let label = "reason=\"repeated_content_length\"";
    weir.wait_metrics(|m| m.sum("weir_refusals_total", &[label]) == 1.0);
}
