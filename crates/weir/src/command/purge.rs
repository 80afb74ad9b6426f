//! `weir purge`: tells a running Weir, by its admin listener, what is to go from its cache.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::cli::PurgeWish;
use crate::command::{Failure, print};

/// How long the running process may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Purges, and prints what was done.
pub(super) fn run(wish: &PurgeWish) -> Result<(), Failure> {
    let body = body(wish).to_string();
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot reach the admin listener at {}: {error}", wish.admin))
    };
    let answer = ask(&wish.admin, &body).map_err(failed)?;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        let error = serde_json::from_str::<Value>(content).ok();
        let error = error.as_ref().and_then(|error| error["error"].as_str()).unwrap_or(content);
        return Err(Failure::failed(format!("nothing was purged: {}", error.trim_end())));
    }
    let count = serde_json::from_str::<Value>(content).ok();
    match count.as_ref().and_then(|done| done["purged"].as_u64()) {
        Some(count) => print(&format!("purged {count} stored responses\n")),
        None => print("purged: what is stored is checked when it is next asked for\n"),
    }
}

fn body(wish: &PurgeWish) -> Value {
    let mut fields = Map::new();
    let texts = [
        ("url", &wish.what.url),
        ("prefix", &wish.what.prefix),
        ("host", &wish.what.host),
        ("tag", &wish.what.tag),
        ("cache", &wish.cache),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            fields.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    if wish.what.all {
        fields.insert("all".to_owned(), Value::from(true));
    }
    fields.insert("mode".to_owned(), Value::from(if wish.hard { "hard" } else { "soft" }));
    Value::Object(fields)
}

/// One exchange of HTTP/1.0: the answer ends with the connection.
fn ask(admin: &str, body: &str) -> std::io::Result<String> {
    let length = body.len();
    let request = format!(
        "POST /cache/purge HTTP/1.0\r\nHost: admin\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    if let Some(path) = admin.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        return exchange(stream, &request);
    }
    let stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    exchange(stream, &request)
}

fn exchange(mut stream: impl Read + Write, request: &str) -> std::io::Result<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
