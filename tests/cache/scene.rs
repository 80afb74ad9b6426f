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
        self.ask_by(&mut self.client.lock().unwrap(), request, answer)
    }

    /// As [`Scene::ask`], on a connection of the test's own.
    pub fn ask_by(&self, client: &mut Client, request: &str, answer: &str) -> Outcome {
        let before = self.origin.requests().len();
        let (line, fields) = request.split_once('\n').unwrap_or((request, ""));
        let mut text = format!("{line} HTTP/1.1\r\n{ANSWER}: {answer}\r\n");
        if !fields.lines().any(|field| field.to_ascii_lowercase().starts_with("host:")) {
            text += "Host: a.test\r\n";
        }
        for field in fields.lines() {
            text += &format!("{field}\r\n");
        }
        if line.starts_with("POST") || line.starts_with("PUT") {
            text += "Content-Length: 0\r\n";
        }
        let response = client.exchange(text + "\r\n");
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
/// of its own where none is given. `chunked` sends it so, with the `trailer=Field: value` behind;
/// `interim=103` goes before; of a body `cut=3` bytes come.
fn answer(request: &Request) -> Vec<u8> {
    let mut parts = request.field(ANSWER).unwrap_or("200").split('|').map(str::trim);
    let status = parts.next().unwrap_or("200");
    if status == "garbage" {
        return b"this is no HTTP\r\n\r\n".to_vec();
    }
    let mut told = Told { body: format!("body of {}", request.target()), ..Told::default() };
    let mut fields = String::new();
    for part in parts {
        match part.split_once('=') {
            _ if part == "chunked" => told.is_chunked = true,
            Some(("body", given)) => given.clone_into(&mut told.body),
            Some(("trailer", field)) => told.trailers += &format!("{field}\r\n"),
            Some(("interim", status)) => {
                told.interim += &format!("HTTP/1.1 {status} Interim\r\nLink: </x>\r\n\r\n");
            }
            Some(("cut", bytes)) => told.cut = bytes.parse().ok(),
            _ => fields += &format!("{part}\r\n"),
        }
    }
    if status == "304" || status == "204" {
        return format!("{}HTTP/1.1 {status} Answer\r\n{fields}\r\n", told.interim).into_bytes();
    }
    let (framing, content) = told.content();
    format!("{}HTTP/1.1 {status} Answer\r\n{fields}{framing}\r\n{content}", told.interim)
        .into_bytes()
}

/// What an answer has beside its status and fields.
#[derive(Default)]
struct Told {
    interim: String,
    body: String,
    is_chunked: bool,
    trailers: String,
    cut: Option<usize>,
}

impl Told {
    /// The fields that frame the content, and the content in that frame.
    fn content(&self) -> (String, String) {
        let body = self.cut.and_then(|bytes| self.body.get(..bytes)).unwrap_or(&self.body);
        let close = if self.cut.is_some() { "Connection: close\r\n" } else { "" };
        if !self.is_chunked {
            return (format!("{close}Content-Length: {}\r\n", self.body.len()), body.to_owned());
        }
        let mut chunks = format!("{:x}\r\n{body}\r\n", body.len());
        if self.cut.is_none() {
            chunks += &format!("0\r\n{}\r\n", self.trailers);
        }
        (format!("{close}Transfer-Encoding: chunked\r\n"), chunks)
    }
}
