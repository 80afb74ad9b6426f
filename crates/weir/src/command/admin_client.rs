//! Asks a running Weir by its admin listener: one exchange, then the connection ends.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use super::Failure;

/// How long the running process may take to take a question, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an answer; a longer one is cut and so does not make sense any more.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What the admin listener has said.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The content.
    pub(super) body: String,
}

impl Answer {
    /// The content, or what was wrong as the process tells it.
    pub(super) fn good(&self) -> Result<&str, String> {
        if (200..300).contains(&self.status) {
            return Ok(&self.body);
        }
        let told = serde_json::from_str::<Value>(&self.body).ok();
        let told = told.as_ref().and_then(|told| told["error"].as_str());
        Err(told.unwrap_or(&self.body).trim_end().to_owned())
    }
}

/// Asks the admin listener at `admin`: `127.0.0.1:9900` or `unix:/run/weir-admin.sock`. What is
/// sent is JSON.
pub(super) fn ask(
    admin: &str,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<Answer, Failure> {
    let asked = match admin.strip_prefix("unix:") {
        Some(socket) => UnixStream::connect(socket).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, &request((method, path), body))
        }),
        None => connect(admin).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            exchange(stream, &request((method, path), body))
        }),
    };
    asked.map_err(|error| {
        Failure::failed(format!("cannot reach the admin listener at {admin}: {error}"))
    })
}

fn connect(admin: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in admin.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// In HTTP/1.0, so that the answer ends with the connection and is never chunked.
fn request((method, path): (&str, &str), body: Option<&str>) -> String {
    let content = body.map_or_else(String::new, |body| {
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let end = if body.is_none() { "\r\n" } else { "" };
    format!("{method} {path} HTTP/1.0\r\nHost: admin\r\n{content}{end}")
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Answer> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let no_http = || io::Error::new(io::ErrorKind::InvalidData, "what answers is no HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(no_http)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.ok_or_else(no_http)?, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_is_wrong_is_told_as_the_process_tells_it() {
        let answer = |status, body: &str| Answer { status, body: body.to_owned() };
        assert_eq!(answer(200, "x").good(), Ok("x"));
        assert_eq!(answer(404, "{\"error\":\"no such\"}").good(), Err("no such".to_owned()));
        assert_eq!(answer(500, "oh\n").good(), Err("oh".to_owned()));
    }

    #[test]
    fn a_question_without_content_ends_with_its_head() {
        assert_eq!(request(("GET", "/x"), None), "GET /x HTTP/1.0\r\nHost: admin\r\n\r\n");
        let post = request(("POST", "/x"), Some("{}"));
        assert!(post.ends_with("Content-Length: 2\r\n\r\n{}"), "{post}");
    }

    #[test]
    fn a_socket_is_asked_as_an_address_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 64];
            let read = stream.read(&mut question).unwrap();
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nX: y\r\n\r\n{}").unwrap();
            String::from_utf8_lossy(&question[..read]).into_owned()
        });
        let answer = ask(&format!("unix:{}", path.display()), "GET", "/x", None).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (404, "{}"));
        assert!(server.join().unwrap().starts_with("GET /x HTTP/1.0\r\n"));
        let gone = ask("unix:/nowhere/admin.sock", "GET", "/x", None).unwrap_err();
        assert!(gone.message.contains("cannot reach the admin listener at unix:/nowhere"));
    }

    #[test]
    fn what_is_no_http_is_a_failure() {
        assert!(exchange(Cursor::new(Vec::new()), "GET / HTTP/1.0\r\n\r\n").is_err());
    }
}
