//! Responses: what is unclear becomes a 502, or a visible cut once its head has gone out. What
//! an origin sends beyond its response never answers another request.

use crate::corpus::{Case, read};
use testkit::origin::ok;
use testkit::{Origin, Outcome, Turn, Weir};

const BEGINNINGS: [(&str, &str); 1] =
    [("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")];

/// How many interim responses Weir lets pass is its own matter, and it never says CONNECT.
fn applies(case: &&Case) -> bool {
    case.name != "interim_flood" && !case.name.starts_with("connect_")
}

fn cases() -> Vec<Case> {
    read("responses.txt", &BEGINNINGS).into_iter().filter(|case| applies(&case)).collect()
}

/// Answers `/number` with the bytes of that case and everything else with `clean`.
fn play(cases: &[Case], c: &mut Turn) {
    while let Some(request) = c.next_request() {
        let Ok(number) = request.target()[1..].parse::<usize>() else {
            c.send(ok("clean"));
            continue;
        };
        let case = &cases[number];
        c.send(&case.bytes);
        let ends = case.outcomes.last().is_some_and(|o| o == "more");
        if ends || case.name.starts_with("until_close") {
            return;
        }
    }
}

fn first_final_status(case: &Case) -> u16 {
    let text: String = case.bytes.iter().map(|&b| char::from(b)).collect();
    let starts = text.match_indices("HTTP/1.").map(|(at, _)| &text[at + 9..at + 12]);
    let mut codes = starts.filter_map(|code| code.parse().ok());
    codes.find(|code| !(100..200).contains(code)).expect("a final status")
}

fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let begun = case.bytes.starts_with(BEGINNINGS[0].1.as_bytes());
    match (case.outcomes[0].as_str(), outcome) {
        ("ok", Outcome::Whole(got)) if got.status == first_final_status(case) => Ok(()),
        ("ok", other) => Err(format!("to be passed on, got {other:?}")),
        (_, Outcome::Whole(got)) if got.status == 502 => Ok(()),
        ("more", Outcome::Cut(_)) => Ok(()),
        (_, Outcome::Cut(_)) if begun => Ok(()),
        (why, other) => Err(format!("{why}, got {other:?}")),
    }
}

#[test]
fn each_response_has_its_exact_outcome() {
    let cases = cases();
    let scripts = cases.clone();
    let origin = Origin::script(move |c| play(&scripts, c));
    let weir = Weir::before(&origin);
    let mut failed = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let method = if case.name.starts_with("head_") { "HEAD" } else { "GET" };
        let mut client = weir.client();
        client.ask(format!("{method} /{number} HTTP/1.1\r\nHost: h\r\n\r\n"));
        let outcome = client.outcome();
        if let Err(why) = judge(case, &outcome) {
            failed.push(format!("{}: {why}", case.name));
        }
        if !matches!(outcome, Outcome::Whole(_)) {
            client = weir.client();
        }
        client.ask("GET /clean HTTP/1.1\r\nHost: h\r\n\r\n");
        match client.outcome() {
            Outcome::Whole(next) if next.text() == "clean" => {}
            // After a 502 the client's connection may be closed; a new one must work.
            Outcome::Cut(had) if had.is_empty() && weir.get("/clean").text() == "clean" => {}
            other => failed.push(format!("after {}: {other:?}", case.name)),
        }
    }
    assert!(failed.is_empty(), "{} of {}: {failed:#?}", failed.len(), cases.len());
}
