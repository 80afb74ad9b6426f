//! Weir with a cache before an origin that answers as each request says.

use std::sync::Mutex;

use testkit::{Client, Origin, Request, Response, Setup, Weir};

/// The field by which a request tells the origin what to answer: status and fields between `|`.
const ANSWER: &str = "X-Answer";

pub struct Scene {
    pub origin: Origin,
    pub weir: Weir,
    client: Mutex<Client>,
}

/// What came of a request.
pub struct Outcome {
    pub response: Response,
    /// The request as the origin saw it, if it did.
    pub sent: Option<Request>,
}

impl Outcome {
    pub fn is_hit(&self) -> bool {
        self.sent.is_none()
    }

    /// What `Cache-Status` says.
    pub fn status(&self) -> String {
        self.response.head.all("cache-status").join(", ")
    }

    /// A field of the request that the origin saw.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.sent.as_ref().expect("the origin was asked").field(name)
    }
}

impl Scene {
    /// A route with this `cache` node.
    pub fn new(cache: &str) -> Self {
        Self::with(Setup::new().route(cache))
    }

    /// This configuration.
    pub fn with(setup: Setup) -> Self {
        let origin = Origin::answer(answer);
        let weir = setup.to(&origin).start();
        let client = Mutex::new(weir.client());
        Self { origin, weir, client }
    }

    /// Sends a request: its line without the version, and further lines. The origin answers with
    /// `answer` if it is asked.
    pub fn ask(&self, request: &str, answer: &str) -> Outcome {
        let before = self.origin.requests().len();
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let mut text = format!("{line} HTTP/1.1\r\n{ANSWER}: {answer}\r\n");
        if !fields.lines().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
            text += "Host: a.test\r\n";
        }
        for field in fields.lines() {
            text += &format!("{field}\r\n");
        }
        if line.starts_with("POST") || line.starts_with("PUT") {
            text += "Content-Length: 0\r\n";
        }
        let response = self.client.lock().unwrap().exchange(text + "\r\n");
        let sent = self.origin.requests().get(before).cloned();
        Outcome { response, sent }
    }

    /// Whether the answer to one request answers another one.
    pub fn reuses(&self, first: &str, answer: &str, second: &str) -> bool {
        assert!(!self.ask(first, answer).is_hit(), "{first} is already there");
        self.ask(second, "200").is_hit()
    }
}

/// `404 | Field: value | ... | body=text`, or `garbage` for no answer at all. The body is a text
/// of its own where none is given.
fn answer(request: &Request) -> Vec<u8> {
    let mut parts = request.field(ANSWER).unwrap_or("200").split('|').map(str::trim);
    let status = parts.next().unwrap_or("200");
    if status == "garbage" {
        return b"this is no HTTP\r\n\r\n".to_vec();
    }
    let mut body = format!("body of {}", request.target());
    let mut text = format!("HTTP/1.1 {status} Answer\r\n");
    for part in parts {
        match part.strip_prefix("body=") {
            Some(given) => given.clone_into(&mut body),
            None => text += &format!("{part}\r\n"),
        }
    }
    if status != "304" && status != "204" {
        text += &format!("Content-Length: {}\r\n", body.len());
    } else {
        body.clear();
    }
    format!("{text}\r\n{body}").into_bytes()
}
