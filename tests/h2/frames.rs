//! The raw frames of `tests/h2/frames` played to Weir: conforming, malformed and abusive ones,
//! section by section, and what of each reached the origin.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testkit::external::{run, venv_tool};
use testkit::{Origin, Setup, Weir, origin};

/// As long as the cases take `/big` to be.
const BIG_BYTES: usize = 300_000;

/// The most that any of the abuse may make Weir grow by.
const GROWTH_BYTES_MAX: u64 = 96 << 20;

pub fn echoing() -> Origin {
    Origin::answer(|request| match request.target() {
        "/big" => origin::ok(vec![b'b'; BIG_BYTES]),
        _ => origin::echo(request),
    })
}

/// Weir before this origin, with one at `/unread` that takes no request.
fn before(origin: &Origin, deaf: &Origin) -> Setup {
    let unread = format!("upstream \"unread\" {{ server \"{}\"; }}", deaf.server());
    let route = "route \"=/unread\" { proxy \"unread\"; }";
    Setup::new().to(origin).global(&unread).site(route)
}

/// Plays the cases of a group and expects that all went as they must. Returns them.
fn play(weir: &Weir, group: &str) -> Vec<Value> {
    play_those(weir, &["--group", group])
}

/// Plays the cases that these arguments choose.
pub fn play_those(weir: &Weir, choice: &[&str]) -> Vec<Value> {
    let mut frames = Command::new(venv_tool("python3"));
    frames.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("h2/frames"));
    frames.args([&weir.addr().to_string(), "--json"]).args(choice);
    let (code, out, err) = run(&mut frames);
    assert_eq!(code, Some(0), "{err}");
    let cases: Vec<Value> = serde_json::from_slice(&out).expect("JSON");
    assert!(!cases.is_empty(), "no case of {choice:?}");
    cases
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().expect(key)
}

/// The marks of cases in what an origin got, each with the number of places.
fn marks<'a>(texts: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut marks = HashMap::new();
    for text in texts {
        let found: HashSet<_> =
            text.match_indices("case-").filter_map(|(at, _)| text.get(at..at + 9)).collect();
        found.into_iter().for_each(|mark| *marks.entry(mark).or_default() += 1);
    }
    marks
}

/// Cases that let more or less through to the origin than they may.
pub fn leaks(cases: &[Value], origin: &Origin) -> Vec<String> {
    let lossy = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let connections: Vec<_> = origin.seen().connections().iter().map(lossy).collect();
    let requests: Vec<_> = origin.requests().iter().map(|request| lossy(&request.raw)).collect();
    let any = marks(connections.iter().map(String::as_str));
    let whole = marks(requests.iter().map(String::as_str));
    let bound = cases.iter().filter(|case| case["known"].is_null());
    let leaky = bound.filter(|case| {
        let (mark, may) = (text(case, "mark"), text(case, "origin"));
        match may {
            "nothing" => any.contains_key(mark),
            "not whole" => whole.contains_key(mark),
            "once" => whole.get(mark) != Some(&1),
            _ => false,
        }
    });
    let told = |case: &Value| {
        let count = whole.get(text(case, "mark")).copied().unwrap_or_default();
        format!("{}: {count} requests, {} was due", text(case, "name"), text(case, "origin"))
    };
    leaky.map(told).collect()
}

#[test]
fn every_rule_of_rfc_9113_and_7541_is_kept_and_enforced() {
    let (origin, deaf) = (echoing(), Origin::deaf());
    let weir = before(&origin, &deaf).start();
    let cases = play(&weir, "conformance");
    assert_eq!(leaks(&cases, &origin), [""; 0]);
    // Not every case gets as far as a connection of HTTP/2.
    let most = cases.len() as f64 / 2.0;
    weir.wait_metrics(|m| m.sum("weir_http2_connections_total", &[]) > most);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
}

#[test]
fn abuse_is_ended_in_bounded_memory_while_others_are_served() {
    let origin = echoing();
    let weir = Weir::before(&origin);
    assert_eq!(weir.get("/").status, 200);
    let before = weir.rss_peak_bytes();
    let cases = play(&weir, "abuse");
    let growth = weir.rss_peak_bytes() - before;
    println!("the abuse made Weir grow by {} KiB at the most", growth >> 10);
    assert!(growth < GROWTH_BYTES_MAX, "grew by {growth} bytes");
    assert_eq!(leaks(&cases, &origin), [""; 0]);
    weir.wait_metrics(|m| m.sum("weir_limits_hit_total", &["limit=\"abuse-budget\""]) > 0.0);
}

#[test]
fn whoever_stalls_is_let_go() {
    let origin = echoing();
    let timeouts =
        "timeouts { request-header \"600ms\"; client-idle \"1s\"; body-idle \"600ms\"; }";
    let weir = Setup::new().to(&origin).global(timeouts).start();
    let cases = play(&weir, "stalls");
    assert_eq!(leaks(&cases, &origin), [""; 0]);
    weir.wait_metrics(|m| m.sum("weir_exchanges_open", &[]) == 0.0);
}
