//! A row of the table, played: requests through Weir, and what came of them.

use testkit::Client;

use super::Scene;
use super::table::{Proof, Row, Step};
use crate::scene::Outcome;

/// What must have come of a request.
pub(super) enum Check {
    /// The origin was asked.
    Fetched,
    /// It was not.
    Kept,
    Status(u16),
    Body(String),
    /// A field of the response, exactly.
    Field(String, String),
    NoField(String),
    /// A trailer field of the response.
    NoTrailer(String),
    /// `Age` is within ten seconds from this.
    Age(u32),
    /// The lifetime that `Cache-Status` tells, and up to ten seconds less.
    Ttl(i64),
    /// A field of the request that the origin saw.
    Sent(String, String),
    Unsent(String),
    /// `Cache-Status` contains this.
    Tells(String),
    TellsNot(String),
}

impl Check {
    /// `fetched`, `kept`, `status N`, `body TEXT`, `field F: V`, `no-field F`, `no-trailer F`,
    /// `age N` (and up to ten seconds more), `ttl N` (and up to ten seconds less), `sent F: V`,
    /// `unsent F`, `tells TEXT`, `tells-not TEXT`.
    pub(super) fn parse(text: &str) -> Self {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let number = || rest.parse().unwrap_or_else(|_| panic!("{text}: a number"));
        let pair = || {
            let (name, value) = rest.split_once(": ").unwrap_or_else(|| panic!("{text}: F: V"));
            (name.to_owned(), value.to_owned())
        };
        match word {
            "fetched" => Self::Fetched,
            "kept" => Self::Kept,
            "status" => Self::Status(u16::try_from(number()).expect("a status")),
            "age" => Self::Age(number()),
            "ttl" => Self::Ttl(rest.parse().expect("a number")),
            "body" => Self::Body(rest.to_owned()),
            "field" => Self::Field(pair().0, pair().1),
            "no-field" => Self::NoField(rest.to_owned()),
            "no-trailer" => Self::NoTrailer(rest.to_owned()),
            "sent" => Self::Sent(pair().0, pair().1),
            "unsent" => Self::Unsent(rest.to_owned()),
            "tells" => Self::Tells(rest.to_owned()),
            "tells-not" => Self::TellsNot(rest.to_owned()),
            _ => panic!("no check: {text}"),
        }
    }

    /// Whether it holds; else what was there instead.
    fn holds(&self, outcome: &Outcome) -> Result<(), String> {
        let head = &outcome.response.head;
        let same = |name: &str, got: &str, want: &str| {
            if got == want { Ok(()) } else { Err(format!("{name} is {got:?}, not {want:?}")) }
        };
        let truth = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
        let sent = |name: &str| match &outcome.sent {
            Some(request) => Ok(request.head.all(name).join(", ")),
            None => Err("the origin was not asked".to_owned()),
        };
        match self {
            Self::Fetched => truth(!outcome.is_hit(), "the origin was not asked"),
            Self::Kept => truth(outcome.is_hit(), "the origin was asked"),
            Self::Status(status) => {
                same("status", &outcome.response.status.to_string(), &status.to_string())
            }
            Self::Body(body) => same("body", &outcome.response.text(), body),
            Self::Field(name, value) => same(name, &head.all(name).join(", "), value),
            Self::NoField(name) => same(name, &head.all(name).join(", "), ""),
            Self::NoTrailer(name) => {
                let has = |pair: &(String, String)| pair.0.eq_ignore_ascii_case(name);
                truth(!outcome.response.trailers.iter().any(has), "the trailer is there")
            }
            Self::Age(least) => {
                let age = head.all("age").join(", ");
                let fits = age.parse().is_ok_and(|age| (*least..*least + 10).contains(&age));
                if fits { Ok(()) } else { Err(format!("age is {age:?}, not {least}")) }
            }
            Self::Ttl(most) => {
                let told = outcome.status();
                let ttl = told.split("; ").find_map(|part| part.strip_prefix("ttl="));
                let ttl: Option<i64> = ttl.and_then(|ttl| ttl.parse().ok());
                let fits = ttl.is_some_and(|ttl| (most - 10..=*most).contains(&ttl));
                if fits { Ok(()) } else { Err(format!("told {told:?}, not {most}")) }
            }
            Self::Sent(name, value) => same(name, &sent(name)?, value),
            Self::Unsent(name) => same(name, &sent(name)?, ""),
            Self::Tells(text) => {
                let told = outcome.status();
                if told.contains(text) {
                    Ok(())
                } else {
                    Err(format!("told {told:?}, not {text:?}"))
                }
            }
            Self::TellsNot(text) => truth(!outcome.status().contains(text), "it tells so"),
        }
    }
}

impl Row {
    /// Plays it; says what differed first.
    pub(super) fn play(&self, scene: &Scene) -> Result<(), String> {
        let Proof::Steps(steps) = &self.proof else { return Ok(()) };
        let mut client = scene.weir.client();
        steps.iter().try_for_each(|step| step.play(scene, &mut client))
    }
}

impl Step {
    fn play(&self, scene: &Scene, client: &mut Client) -> Result<(), String> {
        let outcome = scene.ask_by(client, &self.request, &self.answer);
        let first = self.request.lines().next().unwrap_or_default();
        let told = |why: String| format!("{first}: {why} [{}]", outcome.status());
        self.checks.iter().try_for_each(|check| check.holds(&outcome)).map_err(told)
    }
}
