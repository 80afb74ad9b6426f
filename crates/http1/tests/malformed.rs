//! Every case of the corpus has exactly the outcome that stands beside it, however it is cut.

mod corpus;
mod drive;

use std::collections::HashSet;

use corpus::{Case, requests, responses};
use drive::{End, Head, read, read_whole};
use weir_http1::{HeadLimits, Method, Refusal, RequestHead, ResponseHead};

fn describe<H>((messages, end): drive::Outcome<H>) -> Vec<String> {
    let mut outcome = vec!["ok".to_owned(); messages.len()];
    match end {
        End::Clean => {}
        End::More => outcome.push("more".into()),
        End::Refused(refusal) => outcome.push(refusal.code().into()),
    }
    outcome
}

fn method_of(case: &Case) -> Method {
    match case.name.split('_').next() {
        Some("head") if case.name != "head_too_large" => Method::Head,
        Some("connect") => Method::Connect,
        _ => Method::Get,
    }
}

/// Cases whose outcome is another one, cut into pieces of `size` bytes or not at all.
fn failures<H: Head>(cases: &[Case], size: Option<usize>) -> Vec<String> {
    cases
        .iter()
        .filter_map(|case| {
            let outcome = describe(match size {
                None => read_whole::<H>(&case.bytes, method_of(case)),
                Some(size) => {
                    read::<H>(case.bytes.chunks(size), method_of(case), HeadLimits::default())
                }
            });
            let differs = outcome != case.outcome;
            differs.then(|| format!("{}: {:?}, found {outcome:?}", case.name, case.outcome))
        })
        .collect()
}

fn check<H: Head>(cases: &[Case]) {
    for size in [None, Some(1), Some(2), Some(7), Some(1000)] {
        let failures = failures::<H>(cases, size);
        assert!(failures.is_empty(), "pieces of {size:?} bytes:\n{}", failures.join("\n"));
    }
}

#[test]
fn requests_have_their_outcome() {
    check::<RequestHead>(&requests());
}

#[test]
fn responses_have_their_outcome() {
    check::<ResponseHead>(&responses());
}

#[test]
fn names_are_unique_and_the_corpus_is_large() {
    let (requests, responses) = (requests(), responses());
    for cases in [&requests, &responses] {
        let names: HashSet<_> = cases.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), cases.len());
    }
    let refused =
        |cases: &[Case]| cases.iter().filter(|case| case.outcome.concat().contains('_')).count();
    assert!(refused(&requests) + refused(&responses) >= 160);
}

#[test]
fn every_refusal_occurs() {
    let found: HashSet<_> =
        requests().into_iter().chain(responses()).flat_map(|case| case.outcome).collect();
    let missing: Vec<_> = Refusal::ALL
        .iter()
        // The proxy itself says this one, and the end of the input is `more` here.
        .filter(|refusal| !matches!(refusal, Refusal::ConnectRefused | Refusal::Truncated))
        .filter(|refusal| !found.contains(refusal.code()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
