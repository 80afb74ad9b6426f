//! Whether a proxy answers a scenario's request rightly; nothing wrong is worth measuring.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use super::scenario::{Door, Hit, Scenario, Work};
use crate::shell::{self, Fail, Outcome};

const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the scenario's request once and looks at the whole response.
pub(super) fn check(address: SocketAddr, scenario: &Scenario) -> Outcome {
    if let Work::Hit(Hit { path, body_bytes, range, .. }) = scenario.work {
        return check_by_curl(address, scenario.door, (path, body_bytes, range));
    }
    if scenario.door != Door::Plain {
        let wanted = match scenario.work {
            Work::Get { path, body_bytes, .. } | Work::H2 { path, body_bytes, .. } => {
                (path, body_bytes, None)
            }
            _ => ("/small", 128, None),
        };
        return check_by_curl(address, scenario.door, wanted);
    }
    let (path, upload_bytes, body_bytes) = match scenario.work {
        Work::Get { path, body_bytes, .. } => (path, 0, body_bytes),
        Work::Exchange(exchange) => (exchange.path, exchange.upload_bytes, exchange.body_bytes),
        _ => ("/small", 0, 128),
    };
    match ask(address, path, upload_bytes) {
        Ok(found) if found == body_bytes => Ok(()),
        Ok(found) => {
            Err(Fail::new(format!("{address}{path}: body of {found} bytes, not {body_bytes}")))
        }
        Err(cause) => Err(Fail::new(format!("{address}{path}: {cause}"))),
    }
}

/// The same by way of HTTP/2, or of TLS, or for a part.
fn check_by_curl(
    address: SocketAddr,
    door: Door,
    (path, body_bytes, range): (&str, u64, Option<&str>),
) -> Outcome {
    let mut curl = Command::new("curl");
    curl.args(["-skf", "--max-time", "10"]);
    if let Some(range) = range {
        curl.args(["-H", &format!("Range: {range}")]);
    }
    match door {
        Door::Plain => curl.arg(format!("http://{address}{path}")),
        Door::H2c => curl.args(["--http2-prior-knowledge", &format!("http://{address}{path}")]),
        Door::Tls => curl.arg(format!("https://localhost:{}{path}", address.port())),
    };
    let said = shell::output(&mut curl)?;
    if said.len() as u64 == body_bytes && said.bytes().all(|byte| byte == b'w') {
        return Ok(());
    }
    let length = said.len();
    Err(Fail::new(format!("{address}{path}: {length} bytes instead of the {body_bytes}")))
}

/// The text that a GET is answered with.
pub(super) fn text(address: SocketAddr, path: &str) -> Outcome<String> {
    let url = format!("http://{address}{path}");
    shell::output(Command::new("curl").args(["-sf", "--max-time", "10", &url]))
}

/// The length of the body that a GET is answered with, if with 200.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<u64> {
    ask(address, path, 0)
}

fn ask(address: SocketAddr, path: &str, upload_bytes: u64) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (method, length) = match upload_bytes {
        0 => ("GET", String::new()),
        bytes => ("POST", format!("Content-Length: {bytes}\r\n")),
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{length}Connection: close\r\n\r\n"
    )?;
    io::copy(&mut io::repeat(b'u').take(upload_bytes), &mut stream)?;
    body_length(stream)
}

/// Reads a response to its end. Only the origin's own filling counts as body.
fn body_length(mut stream: TcpStream) -> io::Result<u64> {
    let mut received = vec![0; 64 * 1024];
    let mut length = 0;
    let head_end = loop {
        let count = stream.read(&mut received[length..])?;
        length += count;
        let found = received[..length].windows(4).position(|four| four == b"\r\n\r\n");
        match found {
            Some(at) => break at + 4,
            None if count == 0 => return Err(ErrorKind::UnexpectedEof.into()),
            None => {}
        }
    };
    let bad = |text: String| io::Error::new(ErrorKind::InvalidData, text);
    let head = String::from_utf8_lossy(&received[..head_end]).into_owned();
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(bad(head.lines().next().unwrap_or_default().to_owned()));
    }
    let declared = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
    });
    let declared = declared.ok_or_else(|| bad("no Content-Length".to_owned()))?;
    let mut total = (length - head_end) as u64;
    let mut genuine = received[head_end..length].iter().all(|byte| *byte == b'w');
    while total < declared {
        let count = stream.read(&mut received)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        genuine &= received[..count].iter().all(|byte| *byte == b'w');
        total += count as u64;
    }
    if genuine { Ok(total) } else { Err(bad("not the origin's body".to_owned())) }
}
