//! Speaks to the admin listener of a running Weir.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::command::Failure;

/// How long the running process may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the admin listener answers.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status of HTTP.
    pub(super) status: u16,
    /// What there is to read.
    pub(super) content: String,
}

impl Answer {
    /// The content, where it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.content).ok()
    }

    /// What it says of a failure: the `error` of a JSON object, else all of it.
    pub(super) fn error(&self) -> String {
        let error = self.json().and_then(|object| object["error"].as_str().map(str::to_owned));
        error.unwrap_or_else(|| self.content.trim_end().to_owned())
    }
}

/// Sends one request: `path` with its query, `body` as JSON. `admin` is an address with its port,
/// or `unix:` and a path.
pub(super) fn ask(
    admin: &str,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<Answer, Failure> {
    let failed = |error: io::Error| {
        Failure::failed(format!("cannot reach the admin listener at {admin}: {error}"))
    };
    let answer = exchange(admin, &request(method, path, body)).map_err(failed)?;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, content: content.to_owned() })
}

/// HTTP/1.0: the answer ends with the connection.
fn request(method: &str, path: &str, body: Option<&str>) -> String {
    let head = format!("{method} {path} HTTP/1.0\r\nHost: admin\r\n");
    match body {
        None => head + "\r\n",
        Some(body) => {
            let length = body.len();
            let json = "Content-Type: application/json\r\n";
            format!("{head}{json}Content-Length: {length}\r\n\r\n{body}")
        }
    }
}

fn exchange(admin: &str, request: &str) -> io::Result<String> {
    if let Some(path) = admin.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        return talk(stream, request);
    }
    let stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    talk(stream, request)
}

fn talk(mut stream: impl Read + Write, request: &str) -> io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
