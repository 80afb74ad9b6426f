//! A small HTTP/1.1 server to stand behind the demo: a thread a connection, and just enough of
//! the protocol for what Weir sends. It is no model for a server that meets strangers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

/// Between two events of a stream.
const EVENT_PAUSE: Duration = Duration::from_millis(300);

/// Events of a stream, lines of a tunnel.
const EVENTS: u32 = 5;

/// Bytes of a line that are read at the most.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Starts a server on a free port; it ends with the process.
pub(super) fn start(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    spawn(name, move || {
        for stream in listener.incoming().flatten() {
            // Weir closing a connection ends its thread; nobody waits for either.
            let _ = spawn(name, move || {
                let _ = serve(name, &stream);
            });
        }
    })?;
    Ok(address)
}

/// Takes a port without listening on it: while the second is held, connecting to the first is
/// refused.
pub(super) fn nobody() -> io::Result<(SocketAddr, OwnedFd)> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = rustix::net::getsockname(&socket)?;
    Ok((SocketAddr::try_from(address)?, socket))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(|_| ())
}

fn serve(name: &str, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        if request.field("expect").is_some() {
            (&mut &*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body_bytes = request.skip_body(&mut reader)?;
        match request.path() {
            "/events" => return events(name, stream),
            "/tunnel" if request.field("upgrade").is_some() => return tunnel(name, stream),
            "/headers" => reply(name, stream, &format!("{name} got\n\n{}", request.head))?,
            _ if body_bytes > 0 => {
                reply(name, stream, &format!("{name} took {body_bytes} bytes\n"))?;
            }
            path => reply(name, stream, &format!("{name} stands at {path}\n"))?,
        }
    }
    Ok(())
}

fn reply(name: &str, mut stream: &TcpStream, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: {name}\r\nX-Tree-Rings: 42\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())
}

/// A stream of events that ends with the connection.
fn events(name: &str, mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
    for number in 1..=EVENTS {
        stream.write_all(format!("data: leaf {number} falls from {name}\n\n").as_bytes())?;
        std::thread::sleep(EVENT_PAUSE);
    }
    Ok(())
}

/// After 101 there is no HTTP any more, only lines.
fn tunnel(name: &str, mut stream: &TcpStream) -> io::Result<()> {
    let head =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: leaves\r\n\r\n";
    stream.write_all(head)?;
    for number in 1..=EVENTS {
        stream.write_all(format!("{name}: raw leaf {number}\n").as_bytes())?;
        std::thread::sleep(EVENT_PAUSE);
    }
    Ok(())
}

/// A request without its body.
struct Request {
    head: String,
}

impl Request {
    /// The next one, or nothing when the peer has closed.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = String::new();
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                return Ok(None);
            }
            if line.trim_end().is_empty() {
                return Ok(Some(Self { head }));
            }
            head.push_str(&line);
        }
    }

    /// The target without its query.
    fn path(&self) -> &str {
        let target = self.head.split(' ').nth(1).unwrap_or("/");
        target.split('?').next().unwrap_or(target)
    }

    fn field(&self, wanted: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let value = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?.1;
        Some(value.trim())
    }

    /// Reads the body to its end and tells how long it was.
    fn skip_body(&self, reader: &mut impl BufRead) -> io::Result<u64> {
        if self.field("transfer-encoding").is_some() {
            return skip_chunks(reader);
        }
        let length = self.field("content-length").and_then(|text| text.parse().ok());
        skip(reader, length.unwrap_or(0))
    }
}

fn skip_chunks(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut all = 0;
    loop {
        let size = line(reader)?;
        let size = u64::from_str_radix(size.trim_end(), 16).map_err(io::Error::other)?;
        if size == 0 {
            break;
        }
        all += skip(reader, size)?;
        line(reader)?;
    }
    // Trailer fields, up to an empty line.
    while !line(reader)?.trim_end().is_empty() {}
    Ok(all)
}

fn skip(reader: &mut impl BufRead, bytes: u64) -> io::Result<u64> {
    io::copy(&mut reader.take(bytes), &mut io::sink())
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line)
}
