//! A table of requirements as it is written, read into rows.

use super::played::Check;

/// One requirement. It begins with its section and ends at an empty line:
///
/// ```text
/// §4.2.1 MUST: what is required, in our words
/// $ cache ttl="1h"                      the node of the route, `cache` where none is given
/// > GET ~/x | Range: bytes=0-1          a request; `~` is a place of the row's own
/// < 200 | Cache-Control: max-age=60     what the origin answers if it is asked
/// = fetched                             what comes of it, see `Check::parse`
/// ```
///
/// Instead of requests, `@ file::test` names the test that proves it, and `! why` says why nothing
/// can: it binds somebody else, or shows nowhere. `{-60}` is a date a minute ago.
pub(super) struct Row {
    /// Its section, its strength and what it says.
    pub(super) name: String,
    /// Node of the route.
    pub(super) cache: String,
    pub(super) proof: Proof,
}

/// How a requirement is proved.
pub(super) enum Proof {
    /// By requests, one after the other.
    Steps(Vec<Step>),
    /// By a test of its own.
    Test(String),
    /// Not here, and why.
    Elsewhere(String),
}

/// One request.
#[derive(Default)]
pub(super) struct Step {
    /// The line of the request, and its fields in lines of their own.
    pub(super) request: String,
    pub(super) answer: String,
    pub(super) checks: Vec<Check>,
}

/// All rows of a table. What is not well formed is a panic that names the line.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let blocks = text.split("\n\n").map(str::trim);
    let blocks = blocks.filter(|block| block.lines().any(|line| !line.starts_with('#')));
    blocks.enumerate().map(|(index, block)| row(block, &format!("/{index}"))).collect()
}

fn row(block: &str, place: &str) -> Row {
    let block = with_dates(&block.replace("~/", &format!("{place}/")));
    let mut lines = block.lines().filter(|line| !line.starts_with('#'));
    let name = lines.next().expect("a row has a first line").to_owned();
    let levels = ["MUST: ", "MUST NOT: ", "SHOULD: ", "SHOULD NOT: ", "MAY: "];
    let is_named = name.starts_with('§') && levels.iter().any(|level| name.contains(level));
    assert!(is_named, "not a requirement: {name}");
    let mut row = Row { name, cache: "cache".to_owned(), proof: Proof::Steps(Vec::new()) };
    for line in lines {
        let (sign, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        match (sign, &mut row.proof) {
            ("$ ", _) => rest.clone_into(&mut row.cache),
            ("@ ", _) => row.proof = Proof::Test(rest.to_owned()),
            ("! ", _) => row.proof = Proof::Elsewhere(rest.to_owned()),
            ("> ", Proof::Steps(steps)) => {
                let request = rest.replace(" | ", "\n");
                steps.push(Step { request, answer: "200".to_owned(), checks: Vec::new() });
            }
            ("< ", Proof::Steps(steps)) => rest.clone_into(&mut last(steps, line).answer),
            ("= ", Proof::Steps(steps)) => last(steps, line).checks.push(Check::parse(rest)),
            _ => panic!("{}: what is {line:?}?", row.name),
        }
    }
    if let Proof::Steps(steps) = &row.proof {
        assert!(steps.iter().any(|step| !step.checks.is_empty()), "{}: no proof", row.name);
    }
    row
}

fn last<'a>(steps: &'a mut [Step], line: &str) -> &'a mut Step {
    steps.last_mut().unwrap_or_else(|| panic!("{line:?} before a request"))
}

/// `{-60}` and `{+60}` as dates.
fn with_dates(text: &str) -> String {
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((shift, rest)) if shift.starts_with(['+', '-']) => {
                let from_now_s = shift.parse().unwrap_or_else(|_| panic!("{{{shift}}} is no time"));
                out += &crate::date(from_now_s);
                out += rest;
            }
            _ => out += &format!("{{{part}"),
        }
    }
    out
}
