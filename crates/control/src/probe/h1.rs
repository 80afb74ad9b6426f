//! Asking over HTTP/1.1.

use config::HttpProbe;
use http1::{
    BodyDecoder, BodyLength, HeadLimits, HeadScanner, Method, Refusal, ResponseHead,
    response_length,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ProbePlan;
use super::body::Search;
use super::link::{Link, reason};

/// What the head of an answer may cost.
const LIMITS: HeadLimits =
    HeadLimits { head_bytes_max: 16 * 1024, headers_max: 128, uri_bytes_max: 8 * 1024 };

/// Interim answers before the one that counts.
const INTERIM_MAX: usize = 16;

/// Sends the request and judges the answer.
pub(super) async fn ask(link: Link, plan: &ProbePlan, http: &HttpProbe) -> Result<(), String> {
    let mut conversation = Conversation { link, received: Vec::new() };
    let request = request(plan, http);
    let sent = conversation.link.write_all(request.as_bytes()).await;
    sent.map_err(|error| reason(&error))?;
    conversation.link.flush().await.map_err(|error| reason(&error))?;
    let head = conversation.head().await?;
    if !http.accepts(head.status) {
        return Err(format!("HTTP status {}", head.status));
    }
    let Some(wanted) = &http.body else { return Ok(()) };
    let method = Method::parse(http.method.as_bytes()).unwrap_or(Method::Get);
    let length = response_length(method, &head).map_err(refused)?;
    conversation.find(wanted, length).await
}

fn request(plan: &ProbePlan, http: &HttpProbe) -> String {
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", http.method, http.path, plan.host());
    let has_agent =
        plan.check.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    if !has_agent {
        text.push_str(&format!("User-Agent: {}\r\n", super::AGENT));
    }
    if http.method == "POST" {
        text.push_str("Content-Length: 0\r\n");
    }
    for (name, value) in &plan.check.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("Connection: close\r\n\r\n");
    text
}

/// A connection with what has come and is not understood yet.
struct Conversation {
    link: Link,
    received: Vec<u8>,
}

impl Conversation {
    /// The head of the answer; interim ones are passed over.
    async fn head(&mut self) -> Result<ResponseHead, String> {
        let mut head = ResponseHead::default();
        for _ in 0..=INTERIM_MAX {
            let mut scanner = HeadScanner::new_response();
            let end = loop {
                if let Some(end) = scanner.find_end(&self.received, &LIMITS).map_err(refused)? {
                    break end;
                }
                if self.read().await? == 0 {
                    return Err("the connection ended before an answer".to_owned());
                }
            };
            let bytes = self.received.get(..end).unwrap_or_default();
            head.parse(bytes, &LIMITS).map_err(refused)?;
            self.received.drain(..end);
            if head.status >= 200 {
                return Ok(head);
            }
        }
        Err("too many interim answers".to_owned())
    }

    /// Reads the body until the text occurs.
    async fn find(&mut self, wanted: &str, length: BodyLength) -> Result<(), String> {
        let mut decoder = BodyDecoder::new(length);
        let mut search = Search::new(wanted);
        while !decoder.is_ended() {
            if self.received.is_empty() && self.read().await? == 0 {
                decoder.on_eof().map_err(refused)?;
                break;
            }
            let step = decoder.step(&self.received).map_err(refused)?;
            let data = self.received.get(step.data).unwrap_or_default();
            match search.look(data) {
                Some(true) => return Ok(()),
                Some(false) => break,
                None => {}
            }
            self.received.drain(..step.consumed);
        }
        Err(search.missing())
    }

    async fn read(&mut self) -> Result<usize, String> {
        self.link.read_buf(&mut self.received).await.map_err(|error| reason(&error))
    }
}

fn refused(refusal: Refusal) -> String {
    format!("the answer is malformed ({})", refusal.code())
}
