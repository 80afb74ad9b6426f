//! Words that many dialogues share. The kit itself is crate `testkit`.

/// A GET of `target`.
#[must_use]
pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")
}

/// A GET of `/` with these field lines, each ended by CRLF.
#[must_use]
pub fn with_fields(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

/// A POST of `target` with this body and its length.
#[must_use]
pub fn post(target: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// A chunked POST of `/` with these framed bytes as its body.
#[must_use]
pub fn post_chunked(framed: &str) -> String {
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    format!("{head}{framed}")
}

/// A response with these field lines and body; no framing is added.
#[must_use]
pub fn response(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n{body}")
}
